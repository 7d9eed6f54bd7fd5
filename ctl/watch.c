/* The watching loop: stream, clock, Ctrl-C, and connecting again. */
#include "ctl/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/rollout_view.h"
#include "ctl/sse.h"
#include "ctl/text.h"
#include "ctl/watch_screen.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/random.h"

enum { EVENT_MAX_BYTES = 1 << 20, TICK_MS = 1000, SILENCE_MS = 60000, PATIENCE_MS = 300000 };

struct watch {
        struct ctl *c;
        const char *model;
        char *url;
        struct http_loop *loop;
        int signals;
        struct sse parser;
        struct screen screen;
        json_t *rollout; /* as last heard; owned */
        int64_t id;      /* the rollout that we follow; 0: the first that is heard of */
        bool moved;      /* it has been under way while we watched */
        int64_t heard_ms;
        struct backoff backoff;
        bool over;      /* the stream has ended: why says how */
        struct err why; /* kind NONE: not an error */
        struct err bad; /* the stream made no sense */
};

static bool at_rest(const struct watch *w)
{
        return w->rollout && view_phase(w->rollout)->outcome != OUTCOME_UNDER_WAY;
}

static int take_rollout(struct watch *w, json_t *doc, const char *text, struct err *e)
{
        int64_t id = json_num(doc, "rollout_id", 0);

        if (w->id && id && id != w->id)
                return err_set(e, ERR_CONFLICT,
                               "rollout %" PRId64 " of %s is over and rollout %" PRId64 " has begun: see ctl history %s", w->id,
                               w->model, id, w->model);
        w->id = id;
        json_decref(w->rollout);
        w->rollout = json_incref(doc);
        w->moved |= !at_rest(w);
        w->heard_ms = clock_ms();
        w->backoff = (struct backoff){ 0 };
        w->screen.note[0] = '\0';
        screen_rollout(&w->screen, doc, text);
        return 0;
}

static int on_event(void *arg, const struct sse_event *ev, struct err *e)
{
        struct watch *w = arg;
        AUTO(json) doc = NULL;

        if (json_parse("rolloutd's stream", ev->data, ev->len, &doc, e)) {
                if (e)
                        e->kind = ERR_INTERNAL;
                return -1;
        }
        if (strcmp(ev->type, "rollout") == 0)
                return take_rollout(w, doc, ev->data, e);
        if (strcmp(ev->type, "event") == 0)
                screen_event(&w->screen, doc);
        return 0; /* a later rolloutd may have more to say */
}

static int on_bytes(void *arg, const void *data, size_t len)
{
        struct watch *w = arg;

        if (sse_feed(&w->parser, data, len, on_event, w, &w->bad) == 0)
                return 0;
        if (w->bad.kind == ERR_TOO_LARGE)
                w->bad.kind = ERR_INTERNAL; /* the server's fault */
        return -1;
}

static void on_end(void *arg, const struct http_response *r, const struct err *failure)
{
        struct watch *w = arg;

        w->over = true;
        w->why = (struct err){ 0 };
        if (w->bad.kind)
                w->why = w->bad;
        else if (failure)
                w->why = *failure;
        else if (http_check("watch the rollout", r, &w->why) == 0)
                (void) err_set(&w->why, ERR_UNAVAILABLE, "rolloutd ended the stream");
        client_hint(w->c, SERVER_ROLLOUT, &w->why, !failure);
}

/* Let things happen for at most so long. 0, or -1 to stop: interrupted, or the output is broken. */
static int wait_a_bit(struct watch *w, int ms, bool *interrupted, struct err *e)
{
        struct pollfd fd = { .fd = w->signals, .events = POLLIN };
        struct signalfd_siginfo si;

        if (http_loop_poll(w->loop, &fd, 1, ms))
                return err_set(e, ERR_INTERNAL, "the HTTP client is broken");
        *interrupted = read(w->signals, &si, sizeof si) == sizeof si;
        if (*interrupted)
                return -1;
        return output_finish(e);
}

/* One connection, until it ends or the rollout is at rest. */
static int stream(struct watch *w, bool *interrupted, struct err *e)
{
        static const char *const headers[] = { "Accept: text/event-stream", NULL };
        const struct http_call call = {
                .url = w->url,
                .bearer = w->c->set.token,
                .headers = headers,
                .write = on_bytes,
                .arg = w,
                .timeout_ms = SILENCE_MS,
        };

        sse_done(&w->parser);
        sse_init(&w->parser, EVENT_MAX_BYTES);
        w->over = false;
        struct http_flight *flight = http_loop_start(w->loop, &call, on_end, w);
        int r = 0;
        while (r == 0 && !w->over && !at_rest(w)) {
                r = wait_a_bit(w, TICK_MS, interrupted, e);
                screen_tick(&w->screen, clock_ms() - w->heard_ms);
        }
        if (!w->over)
                http_loop_cancel(w->loop, flight);
        return r;
}

/* After a broken connection: the pause before the next one. -1 when there is no use in one. */
static int reconnect_pause(struct watch *w, bool *interrupted, struct err *e)
{
        const struct backoff_policy policy = {
                .base_ms = 250,
                .cap_ms = 5000,
                .give_up_ms = w->heard_ms ? PATIENCE_MS : w->c->set.timeout,
                .max_tries = w->heard_ms ? 0 : 4,
        };
        char pause[TEXT_MAX];
        bool silent = w->heard_ms && w->why.kind == ERR_TIMEOUT && w->backoff.tries == 0; /* it had nothing to say for long */

        if (!err_is_retryable(w->why.kind) || w->why.kind == ERR_CONFLICT ||
            !backoff_next(&policy, &w->backoff, clock_ms(), random_u32()))
                return err_set(e, w->why.kind, "%s", w->why.msg);
        text_duration(w->backoff.wait_ms, pause);
        if (!silent)
                (void) snprintf(w->screen.note, sizeof w->screen.note, "connection lost; connecting again in %s", pause);
        if (!silent && w->backoff.tries == 2 && !w->c->tty_out)
                ctl_note(w->c, "%s; connecting again", w->why.msg);
        for (int64_t until = clock_ms() + w->backoff.wait_ms; clock_ms() < until;) {
                screen_tick(&w->screen, clock_ms() - w->heard_ms);
                if (wait_a_bit(w, clock_left(until, TICK_MS), interrupted, e))
                        return -1;
        }
        return 0;
}

static int follow(struct watch *w, struct err *e)
{
        bool interrupted = false;

        while (!at_rest(w)) {
                if (stream(w, &interrupted, e) == 0 && (at_rest(w) || reconnect_pause(w, &interrupted, e) == 0))
                        continue;
                screen_end(&w->screen);
                if (!interrupted)
                        return -1;
                ctl_note(w->c,
                         "interrupted; the rollout goes on without ctl: ctl rollout watch %s looks again, ctl rollout abort %s "
                         "stops it",
                         w->model, w->model);
                return EXIT_INTERRUPTED;
        }
        screen_end(&w->screen);
        enum outcome outcome = view_phase(w->rollout)->outcome;
        if (outcome == OUTCOME_IDLE && !w->moved)
                ctl_note(w->c, "no rollout of %s is under way", w->model);
        w->c->hint[0] = '\0';
        /* idle again: a first version was given up, and there was nothing to roll back to */
        return outcome == OUTCOME_ROLLED_BACK || (outcome == OUTCOME_IDLE && w->moved) ? EXIT_ROLLED_BACK : 0;
}

static int open_signals(struct err *e)
{
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? err_errno(e, errno, "watch for Ctrl-C") : fd;
}

int watch_rollout(struct ctl *c, const char *model, json_t *first, struct err *e)
{
        struct watch w = { .c = c, .model = model, .screen = { .c = c } };
        int r = 0;

        w.signals = open_signals(e);
        if (w.signals < 0)
                return -1;
        w.url = xasprintf("%s/v1/rollouts/%s/watch", server_url(c, SERVER_ROLLOUT), model);
        w.loop = http_loop_new();
        if (first) {
                AUTO(str) text = json_text(first);
                r = take_rollout(&w, first, text, e);
        }
        if (r == 0)
                r = follow(&w, e);
        http_loop_free(w.loop);
        sse_done(&w.parser);
        screen_done(&w.screen);
        json_decref(w.rollout);
        free(w.url);
        close(w.signals);
        return r;
}
