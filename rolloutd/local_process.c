/* All scorer processes: found again, asked for, watched, started again, drained. */
#include "rolloutd/local_process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <utlist.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "rolloutd/local_find.h"
#include "rolloutd/local_probe.h"
#include "rolloutd/local_slots.h"

enum { STEADY_MS = 10000 /* ready for so long: the next failure is a new story */ };

static const struct backoff_policy RESTARTS = { .base_ms = 200, .cap_ms = 15000 };

static void tell(struct local_replica *r)
{
        r->owner->changed(r->owner->arg, r->target);
}

static void start_later(struct local_replica *r, int64_t now_ms)
{
        if (r->ready_since_ms && now_ms - r->ready_since_ms >= STEADY_MS)
                r->restarts = (struct backoff){ 0 };
        r->ready_since_ms = 0;
        (void) backoff_next(&RESTARTS, &r->restarts, now_ms, random_u32());
        r->start_due_ms = now_ms + r->restarts.wait_ms;
}

/* The scorer's exit status says whether trying again can help: lib/err.h's table. */
static bool is_refusal(int status)
{
        return WIFEXITED(status) &&
               (WEXITSTATUS(status) == err_exit_code(ERR_INVALID) || WEXITSTATUS(status) == err_exit_code(ERR_NOT_FOUND));
}

static void ended(void *arg)
{
        struct local_replica *r = arg;
        pid_t pid = r->child.pid;
        int status = local_replica_reap(r);

        local_talk_stop(&r->probe);
        r->ready = false;
        r->serving = LOCAL_SERVE_NO;
        r->failed = !r->retiring && status >= 0 && is_refusal(status);
        if (!r->retiring)
                LOG_WARN(r->failed ? "scorer refuses its model" : "scorer ended", "model", r->target,
                         LOG_INT("version", r->version), LOG_INT("pid", pid), "how", r->message);
        start_later(r, clock_ms());
        tell(r);
}

static struct local_replica *replica_new(struct local_processes *p)
{
        struct local_replica *r = xcalloc(1, sizeof *r);

        r->owner = p;
        r->child.ended = (struct local_watch){ .fd = -1, .ready = ended, .arg = r };
        return r;
}

static void replica_free(struct local_replica *r)
{
        local_talk_stop(&r->probe);
        local_child_forget(&r->child);
        DL_DELETE(r->owner->head, r);
        free(r);
}

static void adopt(struct local_processes *p, const struct local_found *found)
{
        char name[LOCAL_REPLICA_NAME_MAX];
        struct local_replica *r;

        DL_FOREACH(p->head, r)
        {
                local_replica_name(r, name);
                if (strcmp(found->name + strlen("procs/"), name) || r->child.pid)
                        continue;
                if (local_child_watch(&r->child, p->setup->epoll, found->pid, NULL))
                        return;
                r->serving = LOCAL_SERVE_KEEP;
                local_replica_found(r);
                LOG_INFO("scorer found running", "model", r->target, LOG_INT("version", r->version),
                         LOG_INT("pid", r->child.pid));
                return;
        }
        LOG_WARN("ending a scorer that nobody asked for", "name", found->name, LOG_INT("pid", found->pid));
        (void) kill(found->pid, SIGTERM);
}

static int load_records(struct local_processes *p, char **paths, size_t n, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                struct local_replica *r = replica_new(p);
                DL_APPEND(p->head, r);
                if (local_replica_read(r, paths[i], e))
                        return -1;
                if (r->retiring)
                        r->signal_due_ms = clock_ms() + p->setup->drain_ms;
        }
        return 0;
}

int local_processes_load(struct local_processes *p, struct err *e)
{
        struct local_found *found;
        char **paths;
        size_t n;

        if (local_store_list(p->store, "procs", &paths, &n, e))
                return -1;
        int r = load_records(p, paths, n, e);
        local_paths_free(paths, n);
        if (r)
                return -1;
        n = local_find(p->setup->state_dir, &found);
        for (size_t i = 0; i < n; i++)
                if (!strncmp(found[i].name, "procs/", strlen("procs/")))
                        adopt(p, &found[i]);
        free(found);
        return 0;
}

/* All at once, so that stopping takes as long as the slowest, not as long as all together. */
static void stop_all(struct local_processes *p)
{
        int64_t deadline = clock_ms() + p->setup->stop_ms;
        struct local_replica *r;

        DL_FOREACH(p->head, r)
        {
                local_child_signal(&r->child, SIGTERM);
        }
        DL_FOREACH(p->head, r)
        {
                local_child_finish(&r->child, deadline);
        }
}

void local_processes_done(struct local_processes *p)
{
        if (p->head && p->setup->stop_serving_on_exit)
                stop_all(p);
        while (p->head)
                replica_free(p->head);
}

/* --- what is asked --- */

struct census {
        int wanted, next_index, versions; /* of this version; of this target */
        bool slots[LOCAL_SLOTS];
        struct local_replica *least; /* to be missed */
};

/* Those that do not serve go first, then the youngest. */
static bool is_lesser(const struct local_replica *a, const struct local_replica *b)
{
        if ((a->serving == LOCAL_SERVE_NO) != (b->serving == LOCAL_SERVE_NO))
                return a->serving == LOCAL_SERVE_NO;
        return a->index > b->index;
}

static struct census count(struct local_processes *p, const char *target, int64_t version)
{
        int64_t versions[LOCAL_SLOTS];
        struct census c = { .next_index = 1 };
        struct local_replica *r;

        DL_FOREACH(p->head, r)
        {
                int i = 0;
                if (strcmp(r->target, target))
                        continue;
                c.slots[r->slot] = true;
                while (i < c.versions && versions[i] != r->version)
                        i++;
                if (i == c.versions && c.versions < LOCAL_SLOTS)
                        versions[c.versions++] = r->version;
                if (r->version != version)
                        continue;
                if (r->index >= c.next_index)
                        c.next_index = r->index + 1;
                if (r->retiring)
                        continue;
                c.wanted++;
                if (!c.least || is_lesser(r, c.least))
                        c.least = r;
        }
        return c;
}

static int add_one(struct local_processes *p, const char *target, const struct deployment *d, const struct census *c,
                   int64_t now_ms, struct err *e)
{
        struct local_replica *r = replica_new(p);

        (void) snprintf(r->target, sizeof r->target, "%s", target);
        r->version = d->version;
        (void) snprintf(r->digest, sizeof r->digest, "%s", d->digest);
        r->index = c->next_index;
        r->start_due_ms = now_ms;
        (void) snprintf(r->message, sizeof r->message, "starting");
        while (r->slot < LOCAL_SLOTS && c->slots[r->slot])
                r->slot++;
        DL_APPEND(p->head, r);
        if (r->slot < LOCAL_SLOTS && local_replica_pick_port(r, e) == 0 && local_replica_save(r, e) == 0)
                return 0;
        if (r->slot == LOCAL_SLOTS)
                (void) err_set(e, ERR_UNAVAILABLE, "all %d places of %s are in use", LOCAL_SLOTS, target);
        replica_free(r);
        return -1;
}

static int retire_one(struct local_replica *r, int64_t now_ms, struct err *e)
{
        r->retiring = true;
        if (local_replica_save(r, e)) {
                r->retiring = false;
                return -1;
        }
        r->signal_due_ms = now_ms + r->owner->setup->drain_ms;
        tell(r);
        return 0;
}

int local_processes_deploy(struct local_processes *p, const char *target, const struct deployment *d, int64_t now_ms,
                           struct err *e)
{
        int64_t version = d->version;
        struct census c = count(p, target, version);

        if (c.next_index == 1 && c.versions >= WORLD_VERSIONS_MAX)
                return err_set(e, ERR_UNAVAILABLE, "%d versions of %s run already", c.versions, target);
        for (; c.wanted < d->replicas; c = count(p, target, version))
                if (add_one(p, target, d, &c, now_ms, e))
                        return -1;
        for (; c.wanted > d->replicas; c = count(p, target, version))
                if (retire_one(c.least, now_ms, e))
                        return -1;
        p->changed(p->arg, target);
        return 0;
}

int local_processes_retire(struct local_processes *p, const char *target, int64_t version, int64_t now_ms, struct err *e)
{
        struct local_replica *r;

        DL_FOREACH(p->head, r)
        {
                if (!strcmp(r->target, target) && r->version == version && !r->retiring && retire_one(r, now_ms, e))
                        return -1;
        }
        return 0;
}

/* --- what is due --- */

static int start(struct local_replica *r, struct err *e)
{
        int before = r->port;

        if (local_replica_pick_port(r, e) || (r->port != before && local_replica_save(r, e)))
                return -1;
        return local_replica_start(r, e);
}

static int64_t run_stopped(struct local_replica *r, int64_t now_ms)
{
        struct err e;

        if (r->failed)
                return INT64_MAX;
        if (now_ms < r->start_due_ms)
                return r->start_due_ms;
        if (start(r, &e)) {
                (void) snprintf(r->message, sizeof r->message, "%.250s", e.msg);
                LOG_WARN("cannot start a scorer", "model", r->target, LOG_INT("version", r->version), "error", e.msg);
                start_later(r, now_ms);
                return r->start_due_ms;
        }
        if (r->restarts.tries == 0)
                (void) snprintf(r->message, sizeof r->message, "loading");
        r->misses = 0;
        r->probe_due_ms = now_ms;
        return now_ms;
}

static int64_t run_retiring(struct local_replica *r, int64_t now_ms)
{
        struct err e;

        if (!r->child.pid) {
                if (local_replica_forget(r, &e))
                        LOG_ERROR("cannot forget a scorer", "model", r->target, "error", e.msg);
                r->gone = true;
                return now_ms;
        }
        if (now_ms < r->signal_due_ms)
                return r->signal_due_ms;
        local_child_signal(&r->child, r->terminated ? SIGKILL : SIGTERM);
        r->terminated = true;
        r->signal_due_ms = now_ms + r->owner->setup->stop_ms;
        return r->signal_due_ms;
}

static int64_t run_one(struct local_replica *r, int64_t now_ms)
{
        if (r->retiring)
                return run_retiring(r, now_ms);
        return r->child.pid ? local_probe_run(r, now_ms) : run_stopped(r, now_ms);
}

int64_t local_processes_run(struct local_processes *p, int64_t now_ms)
{
        int64_t next = INT64_MAX;
        struct local_replica *r, *after;

        DL_FOREACH_SAFE(p->head, r, after)
        {
                int64_t due = run_one(r, now_ms);
                if (due < next)
                        next = due;
                if (r->gone) {
                        tell(r);
                        replica_free(r);
                }
        }
        return next;
}
