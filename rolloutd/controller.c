/* The loop: what is due, what arrived, signals, the way out. */
#include "rolloutd/controller.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "rolloutd/api.h"
#include "rolloutd/controller_private.h"
#include "rolloutd/measure.h"

enum { FDS_MAX = 128, WAIT_MOST_MS = 1000, LOG_PATIENCE_MS = 500, STOP_LOOK_MS = 50 };

/* --- one round --- */

static int64_t earlier(int64_t a, int64_t b)
{
        return b >= 0 && b < a ? b : a;
}

/* While we stop, what is under way is brought to its end, and nothing new is begun. */
static bool is_left_alone(const struct controller *c, const struct target *t)
{
        return c->draining && t->edits == t->saved_edits && !t->acting && !t->waiters && t->now.phase != PHASE_ROLLING_BACK;
}

/* Returns the number of targets passed over. One that wants to run again has to wait for the next round, so that each is heard. */
static size_t run_targets(struct controller *c, int64_t began_us)
{
        int64_t now = began_us / 1000;
        struct due_target *one;
        size_t passes = 0;

        while ((one = due_next(&c->targets, now))) {
                int64_t known_us = one->due_ms ? one->due_ms * 1000 : began_us, wait_ms = WAIT_MOST_MS;

                if (!is_left_alone(c, one->t)) {
                        wait_ms = target_run(one->t);
                        api_watch_look(c, one->t);
                        measure_pass(c, clock_us() - known_us);
                        passes++;
                }
                due_at(&c->targets, one, now + (wait_ms > 0 ? wait_ms : 1));
        }
        return passes;
}

static void do_due(struct controller *c, int64_t now)
{
        if (!c->loaded && !c->loading && now >= c->load_at_ms) {
                c->loading = true;
                c->platform->ops->load(c->platform, controller_records_loaded, c);
        }
}

/* Everything that can be done without waiting; returns how long to wait at most. A target's decision reaches the platform in
 * the same round. */
static int64_t work(struct controller *c)
{
        int64_t began_us = clock_us(), now = began_us / 1000, wake, platform_ms, wants_ms;
        size_t passes;

        do_due(c, now);
        c->platform->ops->run(c->platform, now);
        wants_ms = c->wants && c->loaded && !c->draining ? wants_run(c->wants) : -1;
        passes = run_targets(c, began_us);
        platform_ms = c->platform->ops->run(c->platform, clock_ms());
        http_server_run(c->server); /* answers that have become possible */
        measure_round(c, clock_us() - began_us, passes);
        wake = due_wait_ms(&c->targets, clock_ms(), WAIT_MOST_MS);
        wake = earlier(wake, decision_log_run(c->decisions, now));
        wake = earlier(wake, platform_ms);
        wake = earlier(wake, wants_ms);
        wake = earlier(wake, controller_read_again(c, now));
        wake = earlier(wake, http_server_timeout_ms(c->server));
        return earlier(wake, c->draining ? STOP_LOOK_MS : token_sync_run(c->token_sync, now));
}

static bool all_is_written(const struct controller *c)
{
        struct decision_log_stats decisions;

        /* A registry that does not answer must not keep the next leader waiting; what it does not take is on disk. */
        decision_log_get_stats(c->decisions, &decisions);
        if (decisions.sending && clock_ms() < c->stop_by_ms - c->settings->drain + LOG_PATIENCE_MS)
                return false;
        DUE_EACH(&c->targets, one)
        if (one->t->edits != one->t->saved_edits || one->t->acting)
                return false;
        return true;
}

const struct policy *controller_policy(const struct controller *c, const char *name, struct err *e)
{
        const struct policy *policy = policies_find(&c->policies, name);
        const char *broken = policies_why_broken(&c->policies, name);

        if (!policy && broken)
                err_set(e, ERR_INVALID, "the policy \"%.64s\" cannot be used: %s", name, broken);
        else if (!policy)
                err_set(e, ERR_NOT_FOUND, "there is no policy \"%.64s\"", name);
        return policy;
}

/* True: leave. */
static bool obey(struct controller *c)
{
        switch (daemon_next(c->daemon)) {
        case DAEMON_NONE:
                return false;
        case DAEMON_RELOAD:
                controller_reload(c);
                return false;
        case DAEMON_DRAIN:
                c->draining = true;
                c->stop_by_ms = clock_ms() + c->settings->drain;
                http_server_drain(c->server);
                LOG_INFO("stopping", LOG_INT("requests_under_way", http_server_inflight(c->server)));
                return false;
        case DAEMON_LEAVE:
                return true;
        }
        return false;
}

int controller_run(struct controller *c, struct err *e)
{
        struct pollfd fds[FDS_MAX];

        for (;;) {
                int64_t wait_ms = work(c);

                fds[0] = (struct pollfd){ .fd = c->daemon->fd, .events = POLLIN };
                fds[1] = (struct pollfd){ .fd = http_server_fd(c->server), .events = POLLIN };
                unsigned n = 2 + c->platform->ops->poll_fds(c->platform, fds + 2, FDS_MAX - 2);

                if (http_loop_poll(c->http, fds, n, (int) wait_ms) < 0)
                        return err_set(e, ERR_INTERNAL, "the loop of connections is broken");
                http_server_run(c->server);
                if (obey(c))
                        return 0;
                if (c->draining && (clock_ms() >= c->stop_by_ms || (http_server_inflight(c->server) == 0 && all_is_written(c))))
                        return 0;
        }
}

/* --- life --- */

static struct decision_log *start_log(const struct controller *c)
{
        AUTO(str) folder = xasprintf("%s/decisions", c->settings->state_dir);

        return decision_log_new(&(struct decision_log_config){ .folder = folder,
                                                               .region = c->settings->region,
                                                               .max_bytes = c->settings->decision_spool,
                                                               .send = registry_decided,
                                                               .registry = c->registry });
}

static int start_server(struct controller *c, struct err *e)
{
        const struct http_server_config config = {
                .listen = c->settings->listen,
                .routes = api_routes,
                .n_routes = api_route_count,
                .app = c,
                .mode = HTTP_EXTERNAL,
                .authenticate = api_authenticate,
                .observe = api_observe,
        };

        return http_server_start(&config, &c->server, e);
}

int controller_new(const struct settings *settings, struct daemon *daemon, struct platform *platform, struct tokens *tokens,
                   struct controller **out, struct err *e)
{
        struct controller *c = xcalloc(1, sizeof *c);

        *c = (struct controller){ .settings = settings, .daemon = daemon, .platform = platform, .tokens = tokens };
        c->metrics = measure_new();
        measure_platform(c);
        c->http = http_loop_new();
        c->prometheus = prometheus_new(c->http, settings->prometheus);
        c->registry = registry_new(c->http, settings->registry, settings->registry_token);
        c->token_sync = token_sync_new(tokens, c->registry, settings);
        c->decisions = start_log(c);
        c->policy_pool = policy_pool_new();
        controller_env(c);
        if (controller_load_policies(c, e) < 0 || start_server(c, e) < 0) {
                controller_free(c);
                return -1;
        }
        controller_listen(c);
        *out = c;
        return 0;
}

void controller_free(struct controller *c)
{
        if (!c)
                return;
        http_server_stop(c->server);
        prometheus_free(c->prometheus);
        registry_free(c->registry);
        wants_free(c->wants);
        token_sync_free(c->token_sync);
        decision_log_free(c->decisions);
        c->platform->ops->free(c->platform);
        due_done(&c->targets);
        free(c->unreadable);
        api_calls_free(c);
        http_loop_free(c->http);
        policies_done(&c->policies);
        policy_pool_free(c->policy_pool);
        metrics_free(c->metrics);
        free(c);
}
