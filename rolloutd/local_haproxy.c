/* HAProxy's life. */
#include "rolloutd/local_haproxy.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/fault.h"
#include "lib/fs.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/proc.h"
#include "lib/random.h"
#include "rolloutd/local_find.h"
#include "rolloutd/local_log.h"
#include "rolloutd/local_slots.h"

enum {
        ANSWER_MAX = 1 << 20,
        HELLO_MS = 2000,        /* for its answer */
        HELLO_AGAIN_MS = 10,    /* while it starts */
        WEDGED_AGAIN_MS = 1000, /* it has the socket but does not answer */
        START_MS = 10000,       /* to answer for the first time */
        STEADY_MS = 10000,      /* up for so long: the next end is a new story */
        REAP_MS = 1000,
};

static const struct backoff_policy RESTARTS = { .base_ms = 100, .cap_ms = 5000 };

static char *without_numbers(const char *text)
{
        char *out = xstrdup(text), *to = out;

        for (; *text; text++)
                if (!isdigit((unsigned char) *text))
                        *to++ = *text;
        *to = '\0';
        return out;
}

/* A failure that is tried again and again is one line of the log until something changes. */
static void complain(struct local_haproxy *h, const char *what, const char *why)
{
        AUTO(str) sentence = xasprintf("%s: %s", what, why);

        (void) snprintf(h->message, sizeof h->message, "%.250s", sentence);
        /* Every process has another number, which makes no other failure of it. */
        AUTO(str) plain = without_numbers(sentence);
        if (h->complained && strcmp(h->complained, plain) == 0)
                return;
        LOG_ERROR(what, "error", why);
        free(h->complained);
        h->complained = TAKE(plain);
}

/* --- starting --- */

static int write_config(struct local_haproxy *h, struct err *e)
{
        AUTO_STRBUF text;

        strbuf_init(&text, LOCAL_CONFIG_MAX);
        h->config(h->arg, &text);
        if (!strbuf_ok(&text))
                return err_set(e, ERR_TOO_LARGE, "HAProxy's configuration is over %d bytes", LOCAL_CONFIG_MAX);
        if (fs_write_atomic(h->config_path, strbuf_str(&text), text.len, 0640, e))
                return -1;
        fault_point("local-config-written");
        return 0;
}

struct command {
        const char *argv[8 + LOCAL_LEAVING_MAX];
        char pids[LOCAL_LEAVING_MAX][16];
        int n;
};

/* Whoever else runs with our mark is told to finish: the predecessor, and what an earlier rolloutd left of a reload. */
static void add_predecessors(struct local_haproxy *h, struct command *c)
{
        struct local_found *found;
        size_t n = local_find(h->setup->state_dir, &found);
        int k = 0;

        for (size_t i = 0; i < n && k < LOCAL_LEAVING_MAX; i++) {
                if (strcmp(found[i].name, "haproxy"))
                        continue;
                if (k == 0)
                        c->argv[c->n++] = "-sf";
                (void) snprintf(c->pids[k], sizeof c->pids[k], "%d", (int) found[i].pid);
                c->argv[c->n++] = c->pids[k++];
        }
        free(found);
}

static int spawn(struct local_haproxy *h, pid_t *pid, struct err *e)
{
        struct command c = { .argv = { h->setup->haproxy_bin, "-db", "-f", h->config_path }, .n = 4 };
        AUTO(str) mark = local_mark(h->setup->state_dir, "haproxy");
        const char *const env[] = { mark, NULL };

        if (h->serving.pid) {
                c.argv[c.n++] = "-x";
                c.argv[c.n++] = h->socket.sun_path;
        }
        add_predecessors(h, &c);
        h->log_from = local_log_prepare(h->log_path);
        return proc_start(&(struct proc_spec){ .argv = c.argv, .env = env, .log_path = h->log_path, .own_group = true }, pid, e);
}

static int start(struct local_haproxy *h, struct err *e)
{
        pid_t pid;

        if (write_config(h, e) || spawn(h, &pid, e))
                return -1;
        if (local_child_watch(&h->successor, h->setup->epoll, pid, e)) {
                proc_stop(pid, SIGKILL, 1000);
                return -1;
        }
        return 0;
}

static void try_later(struct local_haproxy *h, int64_t now_ms)
{
        (void) backoff_next(&RESTARTS, &h->restarts, now_ms, random_u32());
        h->start_due_ms = now_ms + h->restarts.wait_ms;
        h->state = h->serving.pid ? LOCAL_HAPROXY_UP : LOCAL_HAPROXY_DOWN;
}

static int64_t run_start(struct local_haproxy *h, int64_t now_ms)
{
        struct err e;

        if (now_ms < h->start_due_ms)
                return h->start_due_ms;
        h->reload = false;
        if (start(h, &e)) {
                complain(h, "cannot start HAProxy", e.msg);
                h->reload = true;
                try_later(h, now_ms);
                return h->start_due_ms;
        }
        h->state = LOCAL_HAPROXY_STARTING;
        h->give_up_ms = now_ms + START_MS;
        h->ask_due_ms = now_ms;
        return now_ms;
}

/* --- ends --- */

static void serving_ended(void *arg)
{
        struct local_haproxy *h = arg;
        int64_t now_ms = clock_ms();
        pid_t pid = h->serving.pid;
        char how[200];

        (void) local_child_reap(&h->serving, h->log_path, h->log_from, how, sizeof how);
        if (h->state != LOCAL_HAPROXY_UP) /* it has handed over; or it died, and its successor is under way */
                return;
        LOG_WARN("HAProxy ended", LOG_INT("pid", pid), "how", how);
        (void) snprintf(h->message, sizeof h->message, "HAProxy ended: %s", how);
        h->start_due_ms = now_ms;
        if (now_ms - h->up_since_ms < STEADY_MS)
                try_later(h, now_ms);
        else
                h->restarts = (struct backoff){ 0 };
        /* It may have handed over to one that we do not know: a reload that another rolloutd began. */
        h->state = LOCAL_HAPROXY_ASKING;
        h->ask_due_ms = now_ms;
}

static void successor_ended(void *arg)
{
        struct local_haproxy *h = arg;
        char how[200];

        (void) local_child_reap(&h->successor, h->log_path, h->log_from, how, sizeof how);
        complain(h, "HAProxy does not start", how);
        local_talk_stop(&h->talk);
        h->reload = true;
        try_later(h, clock_ms());
}

static void reap_leaving(struct local_haproxy *h)
{
        int kept = 0;

        for (int i = 0; i < h->n_leaving; i++)
                if (waitpid(h->leaving[i], NULL, WNOHANG) == 0)
                        h->leaving[kept++] = h->leaving[i];
        h->n_leaving = kept;
}

/* --- who answers? --- */

static void up(struct local_haproxy *h, pid_t pid)
{
        struct err e;

        if (h->serving.pid && h->serving.pid != pid && h->n_leaving < LOCAL_LEAVING_MAX)
                h->leaving[h->n_leaving++] = h->serving.pid;
        local_child_forget(&h->successor);
        local_child_forget(&h->serving);
        if (local_child_watch(&h->serving, h->setup->epoll, pid, &e))
                LOG_ERROR("cannot watch HAProxy", "error", e.msg);
        h->found = h->state == LOCAL_HAPROXY_ASKING;
        h->state = LOCAL_HAPROXY_UP;
        h->up_since_ms = clock_ms();
        *h->message = '\0';
        free(h->complained);
        h->complained = NULL;
        LOG_INFO("HAProxy serves", LOG_INT("pid", pid), "listen", h->setup->traffic_listen);
        h->came_up(h->arg);
}

static void asked(void *arg, const char *answer, const struct err *failure)
{
        struct local_haproxy *h = arg;
        const char *line = answer ? strstr(answer, "\nPid: ") : NULL;
        pid_t pid = line ? (pid_t) atoi(line + strlen("\nPid: ")) : 0;

        if (h->state == LOCAL_HAPROXY_STARTING) {
                h->ask_due_ms = clock_ms() + HELLO_AGAIN_MS;
                if (pid && pid == h->successor.pid)
                        up(h, pid);
        } else if (pid > 0) {
                up(h, pid);
        } else if (failure && failure->kind == ERR_UNAVAILABLE) {
                h->state = LOCAL_HAPROXY_DOWN;
        } else {
                (void) snprintf(h->message, sizeof h->message, "HAProxy does not answer on its runtime socket");
                h->ask_due_ms = clock_ms() + WEDGED_AGAIN_MS;
        }
}

void local_haproxy_ask(struct local_haproxy *h, struct local_talk *t, const char *commands, int64_t deadline_ms,
                       local_talk_fn done, void *arg)
{
        const struct local_talk_to to = {
                .address = (const struct sockaddr *) &h->socket,
                .address_len = sizeof h->socket,
                .text = commands,
                .max_answer = ANSWER_MAX,
                .deadline_ms = deadline_ms,
        };

        local_talk_start(t, h->setup->epoll, &to, done, arg);
}

static int64_t run_ask(struct local_haproxy *h, int64_t now_ms)
{
        if (h->state == LOCAL_HAPROXY_STARTING && now_ms >= h->give_up_ms)
                local_child_signal(&h->successor, SIGKILL);
        if (!h->talk.active && now_ms >= h->ask_due_ms)
                local_haproxy_ask(h, &h->talk, "show info\n", now_ms + HELLO_MS, asked, h);
        return h->talk.active ? local_talk_run(&h->talk, now_ms) : h->ask_due_ms;
}

int64_t local_haproxy_run(struct local_haproxy *h, int64_t now_ms)
{
        int64_t reap = h->n_leaving ? now_ms + REAP_MS : INT64_MAX, next = INT64_MAX;
        enum local_haproxy_state before = h->state;

        reap_leaving(h);
        switch (h->state) {
        case LOCAL_HAPROXY_ASKING:
        case LOCAL_HAPROXY_STARTING:
                next = run_ask(h, now_ms);
                break;
        case LOCAL_HAPROXY_DOWN:
                next = run_start(h, now_ms);
                break;
        case LOCAL_HAPROXY_UP:
                next = h->reload ? run_start(h, now_ms) : INT64_MAX;
                break;
        }
        if (h->state != before)
                return now_ms;
        return next < reap ? next : reap;
}

/* --- beginning and end --- */

int local_haproxy_init(struct local_haproxy *h, const struct local_setup *setup, struct err *e)
{
        int n = snprintf(h->socket.sun_path, sizeof h->socket.sun_path, "%s/haproxy.sock", setup->state_dir);

        /* HAProxy binds a temporary name of a few characters more first. */
        if (n + 16 > (int) sizeof h->socket.sun_path)
                return err_set(e, ERR_INVALID, "%s is too long a name for a folder with a socket in it", setup->state_dir);
        h->socket.sun_family = AF_UNIX;
        h->setup = setup;
        h->config_path = xasprintf("%s/haproxy.cfg", setup->state_dir);
        h->log_path = xasprintf("%s/logs/haproxy.log", setup->state_dir);
        h->serving.ended = (struct local_watch){ .fd = -1, .ready = serving_ended, .arg = h };
        h->successor.ended = (struct local_watch){ .fd = -1, .ready = successor_ended, .arg = h };
        return 0;
}

static void stop(struct local_haproxy *h)
{
        int64_t deadline = clock_ms() + h->setup->stop_ms;

        local_child_signal(&h->successor, SIGTERM);
        local_child_signal(&h->serving, SIGTERM);
        local_child_finish(&h->successor, deadline);
        local_child_finish(&h->serving, deadline);
        reap_leaving(h);
        for (int i = 0; i < h->n_leaving; i++)
                proc_stop(h->leaving[i], SIGTERM, 1000);
}

void local_haproxy_done(struct local_haproxy *h)
{
        if (!h->setup)
                return;
        local_talk_stop(&h->talk);
        if (h->setup->stop_serving_on_exit)
                stop(h);
        local_child_forget(&h->successor);
        local_child_forget(&h->serving);
        free(h->config_path);
        free(h->log_path);
        free(h->complained);
}
