/* scorer: settings, listen, load, serve, drain. */
#include <poll.h>
#include <stdio.h>

#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "scorer/loader.h"
#include "scorer/serve.h"

/* Clients have left when none has asked for so long. */
enum { QUIET_MS = 300, LOOK_MS = 20 };

struct service {
        struct settings settings;
        struct serving serving;
        struct loader loader;
        int argc;
        char **argv;
};

static void reload(struct service *s)
{
        struct err e = { 0 };

        if (settings_reload(&scorer_settings, &s->settings, s->argc, s->argv, &e))
                LOG_WARN("settings stay as they were", "error", e.msg);
        log_set_level(s->settings.log_level);
}

/* Until the model is there (0), or somebody asks to stop (1), or it cannot be had (-1). */
static int load(struct service *s, struct daemon *d, struct err *e)
{
        struct loader *l = &s->loader;

        if (loader_start(l, &s->settings, e))
                return -1;
        for (;;) {
                struct pollfd p[2] = { { .fd = d->fd, .events = POLLIN }, { .fd = l->fd, .events = POLLIN } };
                (void) poll(p, 2, -1);
                enum daemon_event event = daemon_next(d);
                if (event == DAEMON_RELOAD)
                        reload(s);
                if (event == DAEMON_DRAIN || event == DAEMON_LEAVE) {
                        loader_cancel(l);
                        return 1;
                }
                if (p[1].revents)
                        break;
        }
        if (loader_join(l)) {
                *e = l->err;
                return -1;
        }
        if (!l->warm_up.settled && s->settings.warm_up_max)
                LOG_WARN("latency has not settled", LOG_INT("warm_up_ms", l->warm_up.took_ms),
                         LOG_INT("p99_us", l->warm_up.p99_us));
        serve_model(&s->serving, l);
        LOG_INFO("ready", "model", l->v2.name, "version", l->v2.version, "digest", l->digest, "from",
                 l->cached                ? "cache"
                 : s->settings.model_file ? "file"
                                          : "registry",
                 "objective", l->v2.model.objective->name, LOG_INT("features", l->v2.model.n_features),
                 LOG_INT("trees", forest_n_trees(l->v2.model.forest)), LOG_INT("golden_rows", l->golden_rows),
                 LOG_INT("warm_up_ms", l->warm_up.took_ms), LOG_INT("load_ms", l->took_ms));
        return 0;
}

static bool is_quiet(const struct serving *s)
{
        return http_server_inflight(s->http) == 0 && clock_ms() - atomic_load(&s->last_ms) >= QUIET_MS;
}

/* Readiness goes off first, and routers get time to notice; then each reply asks its client to leave. */
static void drain(struct service *s, struct daemon *d)
{
        int64_t until_ms = clock_ms() + s->settings.drain_delay;
        enum daemon_event event = DAEMON_NONE;

        serve_not_ready(&s->serving);
        LOG_INFO("stopping", LOG_INT("drain_delay_ms", s->settings.drain_delay));
        while (event != DAEMON_LEAVE && clock_ms() < until_ms)
                event = daemon_wait(d, clock_left(until_ms, INT32_MAX));
        http_server_drain(s->serving.http);
        until_ms = clock_ms() + s->settings.drain;
        while (event != DAEMON_LEAVE && clock_ms() < until_ms && !is_quiet(&s->serving))
                event = daemon_wait(d, LOOK_MS);
        int inflight = http_server_inflight(s->serving.http);
        if (inflight > 0)
                LOG_WARN("requests are cut off", LOG_INT("requests", inflight));
}

static void serve(struct service *s, struct daemon *d)
{
        enum daemon_event event;

        while ((event = daemon_wait(d, -1)) != DAEMON_DRAIN)
                if (event == DAEMON_RELOAD)
                        reload(s);
        drain(s, d);
}

static int run(struct service *s, struct daemon *d)
{
        struct err e = { 0 };

        if (settings_check(&s->settings, &e) || serve_start(&s->serving, &s->settings, &s->loader, &e)) {
                LOG_ERROR("cannot start", "error", e.msg);
                return err_exit_code(e.kind);
        }
        LOG_INFO("listening", "address", s->settings.listen, LOG_INT("port", http_server_port(s->serving.http)));
        int r = load(s, d, &e);
        if (r < 0) {
                LOG_ERROR("cannot serve", "model", s->settings.model, "version", s->settings.version, "error", e.msg);
                return err_exit_code(e.kind);
        }
        if (r == 0)
                serve(s, d);
        return 0;
}

int main(int argc, char **argv)
{
        struct service s = { .argc = argc, .argv = argv };
        struct err e = { 0 };
        struct daemon d;

        daemon_init(&d, "scorer");
        int r = settings_load(&scorer_settings, &s.settings, argc, argv, &e);
        if (r == SETTINGS_EXIT)
                return 0;
        if (r < 0) {
                (void) fprintf(stderr, "scorer: %s\n", e.msg);
                return err_exit_code(e.kind);
        }
        log_set_level(s.settings.log_level);
        int status = run(&s, &d);
        serve_stop(&s.serving);
        loader_done(&s.loader);
        settings_done(&scorer_settings, &s.settings);
        LOG_INFO("stopped", LOG_INT("status", status));
        daemon_done(&d);
        return status;
}
