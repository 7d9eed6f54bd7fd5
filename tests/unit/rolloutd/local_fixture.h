/*
 * A local platform with a real HAProxy in a folder of its own, its turns, and what one waits for. The test program is its own scorer: its
 * main() ends in stand_in_main() when it has arguments.
 */
#pragma once

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/proc.h"
#include "lib/random.h"
#include "rolloutd/local.h"
#include "rolloutd/local_find.h"
#include "tests/unit/rolloutd/load.h"
#include "tests/unit/rolloutd/stand_in_scorer.h"

enum { PATIENCE_MS = 60000 }; /* a loaded machine */

struct fixture {
        char dir[32], listen[32];
        int port, port_base;
        struct platform *p;
        int64_t wait_ms; /* what run() returned */
        struct world world;
        bool told;
        struct err failure;
        struct load load;
};

/* --- running it --- */

static inline int free_port(void)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof a;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *) &a, sizeof a), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &a, &len), 0);
        (void) close(fd);
        return ntohs(a.sin_port);
}

static inline bool is_free(int port)
{
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons((uint16_t) port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool yes = bind(fd, (struct sockaddr *) &a, sizeof a) == 0;

        (void) close(fd);
        return yes;
}

/* Ten in a row, elsewhere for each process that runs these tests. */
static inline int free_ports(void)
{
        int base, n;

        for (int i = 0;; i++) {
                base = 21000 + (int) ((getpid() + i) % 100) * 100;
                for (n = 0; n < 10 && is_free(base + n); n++)
                        ;
                if (n == 10)
                        return base;
                assert_true(i < 100);
        }
}

static inline struct platform *open_platform(const struct fixture *f, bool stop_on_exit, struct err *e)
{
        return local_platform_new(
                &(struct local_config){
                        .state_dir = f->dir,
                        .scorer_bin = "/proc/self/exe",
                        .traffic_listen = f->listen,
                        .registry_url = "http://127.0.0.1:1",
                        .scorer_port_base = f->port_base,
                        .stop_serving_on_exit = stop_on_exit,
                        .drain_ms = 100,
                        .stop_ms = 2000,
                },
                e);
}

static inline void close_platform(struct fixture *f)
{
        if (f->p)
                f->p->ops->free(f->p);
        f->p = NULL;
}

static inline int set_up(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);
        struct err e = { 0 };

        (void) snprintf(f->dir, sizeof f->dir, "/tmp/sluice-local-XXXXXX");
        *state = f;
        if (!mkdtemp(f->dir))
                return -1;
        f->port = free_port();
        f->port_base = free_ports();
        (void) snprintf(f->listen, sizeof f->listen, "127.0.0.1:%d", f->port);
        f->p = open_platform(f, true, &e);
        if (!f->p)
                print_error("%s\n", e.msg);
        return f->p ? 0 : -1;
}

static inline int tear_down(void **state)
{
        struct fixture *f = *state;
        struct local_found *left;
        char command[64];

        load_stop(&f->load);
        if (f->p)
                close_platform(f);
        size_t n = local_find(f->dir, &left);
        for (size_t i = 0; i < n; i++) {
                print_error("left behind: %s\n", left[i].name);
                (void) kill(left[i].pid, SIGKILL);
        }
        free(left);
        (void) snprintf(command, sizeof command, "rm -rf %s", f->dir);
        int r = system(command);
        free(f);
        return n ? -1 : r;
}

static inline void turn(struct fixture *f)
{
        struct pollfd fds[4];
        unsigned n = f->p->ops->poll_fds(f->p, fds, 4);

        (void) poll(fds, n, f->wait_ms < 0 || f->wait_ms > 20 ? 20 : (int) f->wait_ms);
        f->wait_ms = f->p->ops->run(f->p, clock_ms());
}

static inline void run_for(struct fixture *f, int64_t ms)
{
        for (int64_t end = clock_ms() + ms; clock_ms() < end;)
                turn(f);
}

static inline void told(void *arg, const struct err *failure)
{
        struct fixture *f = arg;

        f->told = true;
        f->failure = failure ? *failure : (struct err){ 0 };
}

static inline void told_world(void *arg, const struct world *seen, const struct err *failure)
{
        struct fixture *f = arg;

        f->world = *seen;
        told(arg, failure);
}

/* Returns the kind of the failure. */
static inline enum err_kind wait_told(struct fixture *f)
{
        int64_t deadline = clock_ms() + PATIENCE_MS;

        while (!f->told) {
                assert_true(clock_ms() < deadline);
                turn(f);
        }
        f->told = false;
        return f->failure.kind;
}

static inline enum err_kind deploy(struct fixture *f, int64_t version, int replicas)
{
        f->p->ops->deploy(f->p, "credit", &(struct deployment){ .version = version, .replicas = replicas, .role = PLACED_STABLE },
                          told, f);
        return wait_told(f);
}

static inline enum err_kind retire(struct fixture *f, int64_t version)
{
        f->p->ops->retire(f->p, "credit", version, told, f);
        return wait_told(f);
}

static inline enum err_kind route2(struct fixture *f, int64_t v1, int bp1, int64_t v2, int bp2)
{
        const struct weight w[] = { { v1, bp1 }, { v2, bp2 } };

        f->p->ops->route(f->p, "credit", w, 2, true, told, f);
        return wait_told(f);
}

static const struct version_status *observe(struct fixture *f, int64_t version)
{
        static const struct version_status absent = { .weight_bp = -2 };

        f->p->ops->observe(f->p, "credit", told_world, f);
        assert_int_equal(wait_told(f), ERR_NONE);
        for (int i = 0; i < f->world.n_versions; i++)
                if (f->world.versions[i].version == version)
                        return &f->world.versions[i];
        return &absent;
}

#define WAIT_UNTIL(f, condition)                                                                                                 \
        do {                                                                                                                     \
                int64_t deadline_ = clock_ms() + PATIENCE_MS;                                                                    \
                while (!(condition)) {                                                                                           \
                        if (clock_ms() > deadline_)                                                                              \
                                fail_msg("not in time: %s (router: %s)", #condition, (f)->world.router_message);                 \
                        turn(f);                                                                                                 \
                }                                                                                                                \
        } while (0)

/* The router has these weights; on a loaded machine it may not take them in time at first. */
static inline void routed2(struct fixture *f, int64_t v1, int bp1, int64_t v2, int bp2)
{
        WAIT_UNTIL(f, route2(f, v1, bp1, v2, bp2) == ERR_NONE);
}

static inline bool is_ready(struct fixture *f, int64_t version, int replicas)
{
        const struct version_status *v = observe(f, version);

        return f->world.router_ok && v->ready == replicas && v->wanted == replicas && !*v->message;
}

/* Versions 1 and 2 run, all traffic on 1. */
static inline void two_versions(struct fixture *f, int replicas1, int replicas2)
{
        assert_int_equal(deploy(f, 1, replicas1), ERR_NONE);
        assert_int_equal(deploy(f, 2, replicas2), ERR_NONE);
        WAIT_UNTIL(f, is_ready(f, 1, replicas1) && is_ready(f, 2, replicas2));
        routed2(f, 1, 10000, 2, 0);
        assert_int_equal(observe(f, 1)->weight_bp, 10000);
        assert_int_equal(observe(f, 2)->weight_bp, 0);
}

static inline pid_t process_of(struct fixture *f, const char *name)
{
        struct local_found *found;
        size_t n = local_find(f->dir, &found);
        pid_t pid = 0;

        for (size_t i = 0; i < n; i++)
                if (!strcmp(found[i].name, name))
                        pid = found[i].pid;
        free(found);
        return pid;
}

static inline void expect_no_failure(struct fixture *f)
{
        load_stop(&f->load);
        print_message("  %d requests, %d failed\n", f->load.sent, f->load.failed);
        if (f->load.failed)
                fail_msg("%d of %d requests failed, one by: %s", f->load.failed, f->load.sent, f->load.why);
}

static inline int count_processes(struct fixture *f, const char *prefix)
{
        struct local_found *found;
        size_t n = local_find(f->dir, &found);
        int count = 0;

        for (size_t i = 0; i < n; i++)
                count += !strncmp(found[i].name, prefix, strlen(prefix));
        free(found);
        return count;
}

#define LOCAL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
