/* One of several rolloutd acts: the Lease says which, and a label on its pod leads the Service to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "rolloutd/kube_private.h"

enum {
        RELEASE_WAIT_MS = 2000,
        RELABEL_MS = 5000,
        FOREVER_MS = 3600000,
        LEASE_LEAST_MS = 10000,
        LEASE_MOST_MS = 3600000,
        WRITE_MS = 5000
};

#define LABEL_LEADER "sluice.dev/leader"

struct kube_leader {
        char identity[LEASE_TEXT_MAX];
        struct kube_flight *listing, *marking;
        bool marked, cleared; /* our own pod, and those of others that led before */
        int64_t due_ms;
        bool released;
};

/* In the proportions of the defaults. */
struct lease_times kube_lease_times(int64_t lease_ms)
{
        if (!lease_ms)
                return LEASE_TIMES_DEFAULT;
        return (struct lease_times){ .lease_ms = lease_ms, .renew_ms = lease_ms * 2 / 3, .retry_ms = lease_ms * 2 / 15 };
}

int64_t kube_write_ms(int64_t lease_ms)
{
        int64_t share_ms = kube_lease_times(lease_ms).renew_ms * 2 / 5;

        return share_ms < WRITE_MS ? share_ms : WRITE_MS;
}

int kube_may_write(const struct kube_platform *k, int64_t needed_ms, struct err *e)
{
        if (!k->leading)
                return err_set(e, ERR_UNAVAILABLE, "this rolloutd does not lead");
        if (!kube_elect_may_act(k->elect, clock_ms(), needed_ms))
                return err_set(e, ERR_UNAVAILABLE, "the lease does not last long enough for a write");
        return 0;
}

static int guard(void *arg, int64_t timeout_ms, struct err *e)
{
        return kube_may_write(arg, timeout_ms, e);
}

static void on_leading(void *arg, int64_t epoch)
{
        struct kube_platform *k = arg;

        k->leading = true;
        k->epoch = epoch;
        LOG_INFO("leading", "lease", k->settings.lease, "identity", k->leader->identity, LOG_INT("epoch", epoch));
}

/* At once: what has been started may still be carried out, but nothing new is decided. */
static void end(const char *why, int64_t epoch)
{
        LOG_ERROR("this rolloutd leads no more and ends", "why", why, LOG_INT("epoch", epoch));
        _exit(err_exit_code(ERR_UNAVAILABLE));
}

static void on_lost(void *arg)
{
        end("the lease could not be renewed in time", ((struct kube_platform *) arg)->epoch);
}

void kube_leader_deposed(struct kube_platform *k, int64_t epoch)
{
        (void) k;
        end("another one with a higher epoch has written", epoch);
        abort();
}

int kube_leader_new(struct kube_platform *k, struct err *e)
{
        struct kube_leader *l = xcalloc(1, sizeof *l);
        char host[128] = "";

        k->leader = l;
        (void) gethostname(host, sizeof host - 1);
        if (k->settings.identity)
                (void) snprintf(l->identity, sizeof l->identity, "%s", k->settings.identity);
        else
                (void) snprintf(l->identity, sizeof l->identity, "%s-%d", host, (int) getpid());
        int64_t lease_ms = k->settings.lease_ms;
        if (lease_ms && (lease_ms < LEASE_LEAST_MS || lease_ms > LEASE_MOST_MS || lease_ms % 1000))
                return err_set(e, ERR_INVALID, "lease_duration must be whole seconds, 10s to 1h");
        struct kube_elect_options o = { .namespace_ = kube_config_of(k->kube)->namespace_,
                                        .name = k->settings.lease,
                                        .identity = l->identity,
                                        .times = kube_lease_times(lease_ms),
                                        .leading = on_leading,
                                        .lost = on_lost,
                                        .exit_status = err_exit_code(ERR_UNAVAILABLE),
                                        .arg = k };
        k->elect = kube_elect_new(k->kube, &o);
        kube_guard(k->kube, guard, k);
        return 0;
}

/* --- the label --- */

static struct kube_flight *label_pod(struct kube_platform *k, const char *pod, const char *value, kube_done_fn done)
{
        AUTO(json) body = json_pack("{s:{s:{s:s?}}}", "metadata", "labels", LABEL_LEADER, value);
        struct kube_call call = { .verb = KUBE_MERGE_PATCH,
                                  .resource = &k->kinds.pods,
                                  .namespace_ = kube_config_of(k->kube)->namespace_,
                                  .name = pod,
                                  .body = body };

        return kube_start(k->kube, &call, done, k);
}

static void label_failed(struct kube_platform *k, const struct kube_failure *failure)
{
        LOG_WARN("the label of the leader's pod cannot be set yet", "error", failure->err.msg);
        k->leader->due_ms = clock_ms() + RELABEL_MS;
}

static void on_marked(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_platform *k = arg;

        (void) object;
        k->leader->marking = NULL;
        k->leader->marked = !failure;
        if (failure)
                label_failed(k, failure);
}

static void on_unmarked(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_platform *k = arg;

        (void) object;
        if (failure && failure->reason != KUBE_NOT_FOUND) {
                k->leader->cleared = false;
                label_failed(k, failure);
        }
}

static void on_listed(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_platform *k = arg;
        const json_t *pod;
        size_t i;

        k->leader->listing = NULL;
        if (failure) {
                label_failed(k, failure);
                return;
        }
        k->leader->cleared = true;
        json_array_foreach (json_object_get(object, "items"), i, pod)
                if (strcmp(kube_meta(pod, "name"), k->settings.pod) != 0)
                        (void) label_pod(k, kube_meta(pod, "name"), NULL, on_unmarked);
}

static void list_marked(struct kube_platform *k)
{
        struct kube_call call = { .verb = KUBE_LIST,
                                  .resource = &k->kinds.pods,
                                  .namespace_ = kube_config_of(k->kube)->namespace_,
                                  .query = "labelSelector=sluice.dev%2Fleader%3Dtrue&limit=16" };

        k->leader->listing = kube_start(k->kube, &call, on_listed, k);
}

static int64_t run_label(struct kube_platform *k, int64_t now_ms)
{
        struct kube_leader *l = k->leader;

        if (!k->leading || !k->settings.pod || !k->kinds.pods.plural || (l->marked && l->cleared))
                return FOREVER_MS;
        if (now_ms < l->due_ms)
                return l->due_ms - now_ms;
        if (!l->marked && !l->marking)
                l->marking = label_pod(k, k->settings.pod, "true", on_marked);
        if (!l->cleared && !l->listing)
                list_marked(k);
        return FOREVER_MS;
}

int64_t kube_leader_run(struct kube_platform *k, int64_t now_ms)
{
        int64_t wake = kube_elect_run(k->elect, now_ms), label = run_label(k, now_ms);

        return label < wake ? label : wake;
}

/* --- the end --- */

static void on_released(void *arg, const struct kube_failure *failure)
{
        struct kube_platform *k = arg;

        k->leader->released = true;
        if (failure)
                LOG_WARN("the lease was not given away; another rolloutd leads when it has run out", "error", failure->err.msg);
        else if (k->leading)
                LOG_INFO("the lease is free for another rolloutd", "lease", k->settings.lease);
}

/* The next leader does not have to wait for the lease to run out. */
static void release(struct kube_platform *k)
{
        int64_t deadline = clock_ms() + RELEASE_WAIT_MS;
        struct pollfd fds[KUBE_POLL_FDS];

        kube_elect_release(k->elect, on_released);
        while (!k->leader->released && clock_ms() < deadline) {
                int64_t wait = kube_run(k->kube);
                unsigned n = kube_poll_fds(k->kube, fds);
                int left = clock_left(deadline, wait < 100 ? wait : 100);

                if (!k->leader->released)
                        (void) poll(fds, n, left);
        }
}

void kube_leader_free(struct kube_platform *k)
{
        if (k->elect)
                release(k);
        kube_elect_free(TAKE(k->elect));
        free(TAKE(k->leader));
}
