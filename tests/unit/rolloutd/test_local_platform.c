/* The local platform with a real HAProxy and real processes, under load: shifts, crashes of every part, restarts. */
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

enum { PATIENCE_MS = 15000 };

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

static int free_port(void)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof a;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *) &a, sizeof a), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &a, &len), 0);
        (void) close(fd);
        return ntohs(a.sin_port);
}

static struct platform *open_platform(const struct fixture *f, bool stop_on_exit, struct err *e)
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

static void close_platform(struct fixture *f)
{
        if (f->p)
                f->p->ops->free(f->p);
        f->p = NULL;
}

static int set_up(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);
        struct err e = { 0 };

        (void) snprintf(f->dir, sizeof f->dir, "/tmp/sluice-local-XXXXXX");
        *state = f;
        if (!mkdtemp(f->dir))
                return -1;
        f->port = free_port();
        f->port_base = 21000 + (int) (getpid() % 100) * 100;
        (void) snprintf(f->listen, sizeof f->listen, "127.0.0.1:%d", f->port);
        f->p = open_platform(f, true, &e);
        if (!f->p)
                print_error("%s\n", e.msg);
        return f->p ? 0 : -1;
}

static int tear_down(void **state)
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

static void turn(struct fixture *f)
{
        struct pollfd fds[4];
        unsigned n = f->p->ops->poll_fds(f->p, fds, 4);

        (void) poll(fds, n, f->wait_ms < 0 || f->wait_ms > 20 ? 20 : (int) f->wait_ms);
        f->wait_ms = f->p->ops->run(f->p, clock_ms());
}

static void run_for(struct fixture *f, int64_t ms)
{
        for (int64_t end = clock_ms() + ms; clock_ms() < end;)
                turn(f);
}

static void told(void *arg, const struct err *failure)
{
        struct fixture *f = arg;

        f->told = true;
        f->failure = failure ? *failure : (struct err){ 0 };
}

static void told_world(void *arg, const struct world *seen, const struct err *failure)
{
        struct fixture *f = arg;

        f->world = *seen;
        told(arg, failure);
}

/* Returns the kind of the failure. */
static enum err_kind wait_told(struct fixture *f)
{
        int64_t deadline = clock_ms() + PATIENCE_MS;

        while (!f->told) {
                assert_true(clock_ms() < deadline);
                turn(f);
        }
        f->told = false;
        return f->failure.kind;
}

static enum err_kind deploy(struct fixture *f, int64_t version, int replicas)
{
        f->p->ops->deploy(f->p, "credit", &(struct deployment){ .version = version, .replicas = replicas, .role = PLACED_STABLE },
                          told, f);
        return wait_told(f);
}

static enum err_kind retire(struct fixture *f, int64_t version)
{
        f->p->ops->retire(f->p, "credit", version, told, f);
        return wait_told(f);
}

static enum err_kind route2(struct fixture *f, int64_t v1, int bp1, int64_t v2, int bp2)
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

static bool is_ready(struct fixture *f, int64_t version, int replicas)
{
        const struct version_status *v = observe(f, version);

        return f->world.router_ok && v->ready == replicas && v->wanted == replicas && !*v->message;
}

/* Versions 1 and 2 run, all traffic on 1. */
static void two_versions(struct fixture *f, int replicas1, int replicas2)
{
        assert_int_equal(deploy(f, 1, replicas1), ERR_NONE);
        assert_int_equal(deploy(f, 2, replicas2), ERR_NONE);
        WAIT_UNTIL(f, is_ready(f, 1, replicas1) && is_ready(f, 2, replicas2));
        assert_int_equal(route2(f, 1, 10000, 2, 0), ERR_NONE);
        assert_int_equal(observe(f, 1)->weight_bp, 10000);
        assert_int_equal(observe(f, 2)->weight_bp, 0);
}

static pid_t process_of(struct fixture *f, const char *name)
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

static void expect_no_failure(struct fixture *f)
{
        load_stop(&f->load);
        print_message("  %d requests, %d failed\n", f->load.sent, f->load.failed);
        if (f->load.failed)
                fail_msg("%d of %d requests failed, one by: %s", f->load.failed, f->load.sent, f->load.why);
}

/* --- tests --- */

static void traffic_follows_the_weights(void **state)
{
        struct fixture *f = *state;
        static const int asked[] = { 500, 2500 }, requests[] = { 10000, 3000 };

        two_versions(f, 2, 1);
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
                assert_int_equal(route2(f, 1, 10000 - asked[i], 2, asked[i]), ERR_NONE);
                assert_in_range(observe(f, 2)->weight_bp, asked[i] - 20, asked[i] + 20);
                load_start(&f->load, f->port, "credit");
                WAIT_UNTIL(f, f->load.sent >= requests[i]);
                expect_no_failure(f);
                double share = 10000.0 * f->load.by_version[2] / f->load.sent;
                print_message("  asked %d, observed %.0f\n", asked[i], share);
                assert_true(share > asked[i] - 50 && share < asked[i] + 50);
        }
}

static void shifts_under_load_fail_no_request(void **state)
{
        struct fixture *f = *state;
        int64_t longest = 0, all = 0;

        two_versions(f, 2, 2);
        load_start(&f->load, f->port, "credit");
        for (int i = 0; i < 50; i++) {
                int bp = i % 5 == 4 ? 0 : (int) (random_u32() % 10001);
                int64_t before = clock_us();
                assert_int_equal(route2(f, 1, 10000 - bp, 2, bp), ERR_NONE);
                int64_t took = clock_us() - before;
                longest = took > longest ? took : longest;
                all += took;
                run_for(f, 20);
        }
        print_message("  a shift took %.1f ms, the longest %.1f ms\n", (double) all / 50000, (double) longest / 1000);
        expect_no_failure(f);
}

static void a_version_that_lost_its_weight_gets_no_request(void **state)
{
        struct fixture *f = *state;

        two_versions(f, 1, 1);
        load_start(&f->load, f->port, "credit");
        assert_int_equal(route2(f, 1, 5000, 2, 5000), ERR_NONE);
        WAIT_UNTIL(f, f->load.by_version[2] > 100);
        assert_int_equal(route2(f, 1, 10000, 2, 0), ERR_NONE);
        run_for(f, 50); /* those that were under way */
        int before = f->load.by_version[2];
        run_for(f, 500);
        assert_int_equal(f->load.by_version[2], before);
        expect_no_failure(f);
}

static void haproxy_comes_back_with_the_right_weights(void **state)
{
        struct fixture *f = *state;

        two_versions(f, 1, 1);
        assert_int_equal(route2(f, 1, 7500, 2, 2500), ERR_NONE);
        pid_t first = process_of(f, "haproxy");
        assert_true(first > 0);
        assert_int_equal(kill(first, SIGKILL), 0);
        WAIT_UNTIL(f, process_of(f, "haproxy") > 0 && process_of(f, "haproxy") != first && observe(f, 2)->weight_bp >= 0);
        assert_in_range(observe(f, 2)->weight_bp, 2480, 2520);
        assert_in_range(observe(f, 1)->weight_bp, 7480, 7520);
        load_start(&f->load, f->port, "credit");
        WAIT_UNTIL(f, f->load.sent > 1000);
        expect_no_failure(f);
        assert_in_range(f->load.by_version[2] * 100 / f->load.sent, 24, 26);
}

static void a_dead_process_is_replaced_while_others_take_over(void **state)
{
        struct fixture *f = *state;

        two_versions(f, 1, 1);
        assert_int_equal(route2(f, 1, 5000, 2, 5000), ERR_NONE);
        load_start(&f->load, f->port, "credit");
        WAIT_UNTIL(f, f->load.by_version[2] > 100);
        pid_t first = process_of(f, "procs/credit-v2-1");
        assert_int_equal(kill(first, SIGKILL), 0);
        WAIT_UNTIL(f, observe(f, 2)->ready == 0);
        assert_non_null(strstr(observe(f, 2)->message, "signal 9 (Killed)"));
        assert_non_null(strstr(observe(f, 2)->message, "the others take its traffic"));
        int before = f->load.by_version[1];
        WAIT_UNTIL(f, is_ready(f, 2, 1));
        assert_true(f->load.by_version[1] > before);
        assert_true(process_of(f, "procs/credit-v2-1") != first);
        before = f->load.by_version[2];
        WAIT_UNTIL(f, f->load.by_version[2] > before + 100);
        assert_in_range(observe(f, 2)->weight_bp, 4980, 5020);
        expect_no_failure(f); /* not even what it had in hand: another one was asked */
}

/* What a rolloutd that is killed leaves is what free() without stopping leaves: nothing is written or told at the end. */
static void a_new_platform_takes_over_what_runs(void **state)
{
        struct fixture *f = *state;

        close_platform(f);
        assert_non_null(f->p = open_platform(f, false, NULL));
        two_versions(f, 2, 1);
        assert_int_equal(route2(f, 1, 9500, 2, 500), ERR_NONE);
        pid_t haproxy = process_of(f, "haproxy"), scorer = process_of(f, "procs/credit-v1-2");
        load_start(&f->load, f->port, "credit");
        for (int i = 0; i < 3; i++) {
                close_platform(f);
                f->p = NULL;
                (void) usleep(50000);
                f->p = open_platform(f, false, NULL);
                assert_non_null(f->p);
                close_platform(f); /* killed before its first turn */
                assert_non_null(f->p = open_platform(f, false, NULL));
                WAIT_UNTIL(f, is_ready(f, 1, 2) && is_ready(f, 2, 1));
                assert_in_range(observe(f, 2)->weight_bp, 480, 520);
        }
        assert_int_equal(process_of(f, "haproxy"), haproxy);
        assert_int_equal(process_of(f, "procs/credit-v1-2"), scorer);
        struct scrape_target t[8];
        assert_int_equal(f->p->ops->discover(f->p, t, 8), 3);
        expect_no_failure(f);
        close_platform(f);
        assert_non_null(f->p = open_platform(f, true, NULL)); /* for the end of the test */
        WAIT_UNTIL(f, is_ready(f, 1, 2));
}

static void weights_lost_with_the_machine_leave_traffic_alone(void **state)
{
        struct fixture *f = *state;
        AUTO(str) path = xasprintf("%s/routes/credit.json", f->dir);

        close_platform(f);
        assert_non_null(f->p = open_platform(f, false, NULL));
        two_versions(f, 1, 1);
        assert_int_equal(route2(f, 1, 7500, 2, 2500), ERR_NONE);
        close_platform(f);
        assert_int_equal(fs_write_quick(path, "", 0, 0640, NULL), 0);
        assert_non_null(f->p = open_platform(f, true, NULL));
        WAIT_UNTIL(f, is_ready(f, 1, 1) && is_ready(f, 2, 1));
        assert_in_range(observe(f, 2)->weight_bp, 2480, 2520);
}

static void tell_haproxy(struct fixture *f, const char *command)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char answer[64];

        (void) snprintf(a.sun_path, sizeof a.sun_path, "%s/haproxy.sock", f->dir);
        assert_int_equal(connect(fd, (struct sockaddr *) &a, sizeof a), 0);
        assert_int_equal(send(fd, command, strlen(command), 0), strlen(command));
        while (recv(fd, answer, sizeof answer, 0) > 0)
                ;
        (void) close(fd);
}

static void weights_set_by_hand_while_nobody_else_could_stay(void **state)
{
        struct fixture *f = *state;

        close_platform(f);
        assert_non_null(f->p = open_platform(f, false, NULL));
        two_versions(f, 1, 1);
        assert_int_equal(route2(f, 1, 7500, 2, 2500), ERR_NONE);
        close_platform(f);
        tell_haproxy(f, "set server model_credit/s2 weight 0\n");
        assert_non_null(f->p = open_platform(f, true, NULL));
        WAIT_UNTIL(f, is_ready(f, 1, 1) && is_ready(f, 2, 1));
        run_for(f, 300);
        assert_int_equal(observe(f, 2)->weight_bp, 0);
        assert_int_equal(observe(f, 1)->weight_bp, 10000);
        assert_int_equal(kill(process_of(f, "haproxy"), SIGKILL), 0);
        WAIT_UNTIL(f, observe(f, 1)->weight_bp == 10000);
        assert_int_equal(observe(f, 2)->weight_bp, 0);
}

static void a_new_model_joins_without_hurting_the_others(void **state)
{
        struct fixture *f = *state;
        const struct weight all[] = { { 1, 10000 } };

        two_versions(f, 1, 1);
        pid_t first = process_of(f, "haproxy");
        load_start(&f->load, f->port, "credit");
        f->p->ops->deploy(f->p, "fraud", &(struct deployment){ .version = 1, .replicas = 1, .role = PLACED_STABLE }, told, f);
        assert_int_equal(wait_told(f), ERR_NONE);
        f->p->ops->route(f->p, "fraud", all, 1, false, told, f);
        assert_int_equal(wait_told(f), ERR_NONE);
        struct load second;
        WAIT_UNTIL(f, (f->p->ops->observe(f->p, "fraud", told_world, f), wait_told(f) == ERR_NONE) &&
                              f->world.versions[0].ready == 1);
        load_start(&second, f->port, "fraud");
        WAIT_UNTIL(f, second.by_version[1] > 100 && f->load.by_version[1] > 200);
        load_stop(&second);
        assert_int_equal(second.failed, 0);
        expect_no_failure(f);
        WAIT_UNTIL(f, process_of(f, "haproxy") != first || waitpid(first, NULL, WNOHANG));
}

static void a_refused_model_is_told_and_not_tried_again(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(deploy(f, REFUSES, 1), ERR_NONE);
        WAIT_UNTIL(f, observe(f, REFUSES)->failed);
        assert_string_equal(observe(f, REFUSES)->message, "exit status 2: cannot load: model.ubj: unknown objective");
        run_for(f, 500);
        assert_true(observe(f, REFUSES)->failed);
        assert_int_equal(observe(f, REFUSES)->ready, 0);
}

static void a_crashing_scorer_is_tried_again_and_said_why(void **state)
{
        struct fixture *f = *state;
        AUTO(str) log = xasprintf("%s/logs/credit-v%d-1.log", f->dir, CRASHES);
        AUTO(str) text = NULL;

        assert_int_equal(deploy(f, CRASHES, 1), ERR_NONE);
        WAIT_UNTIL(f, strstr(observe(f, CRASHES)->message, "exit status 1: out of memory"));
        assert_false(observe(f, CRASHES)->failed);
        run_for(f, 1500);
        assert_int_equal(fs_read(log, 4096, &text, NULL, NULL), 0);
        assert_in_range(strlen(text) / strlen("out of memory\n"), 2, 8); /* more than once, but not in a frenzy */
}

static void a_loading_version_gets_no_traffic_before_it_is_ready(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(deploy(f, 1, 1), ERR_NONE);
        WAIT_UNTIL(f, is_ready(f, 1, 1));
        assert_int_equal(deploy(f, LOADS_SLOWLY, 1), ERR_NONE);
        assert_int_equal(route2(f, 1, 5000, LOADS_SLOWLY, 5000), ERR_NONE);
        load_start(&f->load, f->port, "credit");
        assert_non_null(strstr(observe(f, LOADS_SLOWLY)->message, "the others take its traffic"));
        WAIT_UNTIL(f, is_ready(f, LOADS_SLOWLY, 1) && f->load.by_version[LOADS_SLOWLY] > 100);
        expect_no_failure(f);
}

static void retiring_drains_and_frees_the_place(void **state)
{
        struct fixture *f = *state;

        two_versions(f, 1, 2);
        assert_int_equal(route2(f, 1, 5000, 2, 5000), ERR_NONE);
        assert_int_equal(retire(f, 1), ERR_CONFLICT);
        load_start(&f->load, f->port, "credit");
        WAIT_UNTIL(f, f->load.by_version[1] > 50);
        assert_int_equal(route2(f, 1, 0, 2, 10000), ERR_NONE);
        assert_int_equal(retire(f, 1), ERR_NONE);
        assert_int_equal(retire(f, 1), ERR_NONE);
        WAIT_UNTIL(f, observe(f, 1)->weight_bp == -2);
        expect_no_failure(f);
        assert_int_equal(process_of(f, "procs/credit-v1-1"), 0);
        assert_int_equal(retire(f, 1), ERR_NONE);
        assert_int_equal(retire(f, 77), ERR_NONE);
        AUTO(str) record = xasprintf("%s/procs/credit-v1-1.json", f->dir);
        assert_false(fs_exists(record));
}

static void replicas_come_and_go_without_moving_the_shares(void **state)
{
        struct fixture *f = *state;

        two_versions(f, 1, 1);
        assert_int_equal(route2(f, 1, 8000, 2, 2000), ERR_NONE);
        load_start(&f->load, f->port, "credit");
        assert_int_equal(deploy(f, 1, 3), ERR_NONE);
        WAIT_UNTIL(f, is_ready(f, 1, 3));
        WAIT_UNTIL(f, observe(f, 2)->weight_bp >= 1980 && observe(f, 2)->weight_bp <= 2020);
        assert_int_equal(deploy(f, 1, 1), ERR_NONE);
        WAIT_UNTIL(f, is_ready(f, 1, 1) && !process_of(f, "procs/credit-v1-3"));
        assert_in_range(observe(f, 2)->weight_bp, 1980, 2020);
        expect_no_failure(f);
}

static void a_second_rolloutd_is_refused(void **state)
{
        struct fixture *f = *state;
        struct err e = { 0 };

        assert_null(open_platform(f, false, &e));
        assert_int_equal(e.kind, ERR_CONFLICT);
        assert_non_null(strstr(e.msg, "another rolloutd (process "));
}

static void a_taken_port_is_said_and_waited_for(void **state)
{
        struct fixture *f = *state;
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons((uint16_t) f->port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *) &a, sizeof a), 0);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(deploy(f, 1, 1), ERR_NONE);
        WAIT_UNTIL(f, observe(f, 1) && strstr(f->world.router_message, "cannot bind"));
        assert_false(f->world.router_ok);
        assert_int_equal(observe(f, 1)->weight_bp, -1);
        const struct weight all[] = { { 1, 10000 } };
        f->p->ops->route(f->p, "credit", all, 1, true, told, f);
        assert_int_equal(wait_told(f), ERR_TIMEOUT);
        (void) close(fd);
        WAIT_UNTIL(f, is_ready(f, 1, 1));
        f->p->ops->route(f->p, "credit", all, 1, true, told, f);
        assert_int_equal(wait_told(f), ERR_NONE);
}

static void of_what_does_not_run_there_is_nothing_to_know(void **state)
{
        struct fixture *f = *state;

        WAIT_UNTIL(f, observe(f, 1)->weight_bp == -2 && f->world.router_ok);
        assert_int_equal(f->world.n_versions, 0);
}

static void unfit_requests_are_refused(void **state)
{
        struct fixture *f = *state;
        static const struct weight half[] = { { 1, 5000 } }, negative[] = { { 1, 10001 }, { 2, -1 } },
                                   elsewhere[] = { { 9, 10000 } }, twice[] = { { 1, 5000 }, { 1, 5000 } };
        static const struct {
                const struct weight *w;
                int n;
                enum err_kind kind;
        } cases[] = { { half, 1, ERR_INVALID },
                      { twice, 2, ERR_INVALID },
                      { negative, 2, ERR_INVALID },
                      { NULL, 0, ERR_INVALID },
                      { elsewhere, 1, ERR_UNAVAILABLE } };

        two_versions(f, 1, 1);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                f->p->ops->route(f->p, "credit", cases[i].w, cases[i].n, true, told, f);
                assert_int_equal(wait_told(f), cases[i].kind);
        }
        assert_int_equal(observe(f, 1)->weight_bp, 10000);
        assert_int_equal(deploy(f, 0, 1), ERR_INVALID);
        assert_int_equal(deploy(f, 1, 0), ERR_INVALID);
        assert_int_equal(deploy(f, 1, 33), ERR_INVALID);
        f->p->ops->deploy(f->p, "../x", &(struct deployment){ .version = 1, .replicas = 1, .role = PLACED_STABLE }, told, f);
        assert_int_equal(wait_told(f), ERR_INVALID);
}

static void note_kind(void *arg, const struct err *failure)
{
        *(int *) arg = failure ? (int) failure->kind : ERR_NONE;
}

static void a_rollback_overtakes_what_is_queued(void **state)
{
        struct fixture *f = *state;
        const struct weight forward[] = { { 1, 5000 }, { 2, 5000 } }, back[] = { { 1, 10000 } };
        int first = -1, second = -1, urgent = -1;

        two_versions(f, 1, 1);
        f->p->ops->route(f->p, "credit", forward, 2, false, note_kind, &first);
        f->p->ops->route(f->p, "credit", forward, 2, false, note_kind, &second);
        f->p->ops->route(f->p, "credit", back, 1, true, note_kind, &urgent);
        assert_int_equal(first, -1); /* nothing is told from inside the call */
        WAIT_UNTIL(f, first >= 0 && second >= 0 && urgent >= 0);
        assert_int_equal(first, ERR_CONFLICT);
        assert_int_equal(second, ERR_CONFLICT);
        assert_int_equal(urgent, ERR_NONE);
        assert_int_equal(observe(f, 2)->weight_bp, 0);
}

/* --- killed at any moment --- */

/* What a controller does, for ever: `--controller DIR LISTEN PORT_BASE`. */
static int controller_main(char **argv)
{
        struct fixture f = { .port_base = atoi(argv[4]) };
        struct err e = { 0 };

        (void) snprintf(f.dir, sizeof f.dir, "%s", argv[2]);
        (void) snprintf(f.listen, sizeof f.listen, "%s", argv[3]);
        if (!(f.p = open_platform(&f, false, &e))) {
                (void) fprintf(stderr, "%s\n", e.msg);
                return 1;
        }
        for (;;) {
                int bp = (int) (random_u32() % 10001);
                (void) deploy(&f, 1, 1 + (int) (random_u32() % 2));
                (void) deploy(&f, 2, 1);
                (void) route2(&f, 1, 10000 - bp, 2, bp);
                (void) observe(&f, 2);
                (void) route2(&f, 1, 10000, 2, 0);
                (void) retire(&f, 2);
                run_for(&f, 30);
        }
}

static void run_controller_until_killed(struct fixture *f, const char *fault)
{
        AUTO(str) base = xasprintf("%d", f->port_base);
        AUTO(str) at = xasprintf("SLUICE_FAULT=%s", fault);
        const char *const argv[] = { "/proc/self/exe", "--controller", f->dir, f->listen, base, NULL };
        const char *const env[] = { at, NULL };
        int status = 0;
        pid_t pid;

        assert_int_equal(
                proc_start(&(struct proc_spec){ .argv = argv, .env = env, .log_path = "/dev/null", .death_signal = SIGKILL },
                           &pid, NULL),
                0);
        if (proc_wait(pid, 20 + random_u32() % 400, &status, NULL) == 0)
                proc_stop(pid, SIGKILL, 1000);
        else
                assert_true(WIFSIGNALED(status)); /* at its fault point; it never ends by itself */
}

static int count_processes(struct fixture *f, const char *prefix)
{
        struct local_found *found;
        size_t n = local_find(f->dir, &found);
        int count = 0;

        for (size_t i = 0; i < n; i++)
                count += !strncmp(found[i].name, prefix, strlen(prefix));
        free(found);
        return count;
}

static void killed_at_any_moment_it_fails_no_request_and_leaks_nothing(void **state)
{
        static const char *const faults[] = { "local-proc-recorded:3",
                                              "local-proc-started:1",
                                              "local-proc-started:2",
                                              "local-routed:1",
                                              "local-routed:2",
                                              "local-config-written",
                                              "none",
                                              "none",
                                              "none" };
        struct fixture *f = *state;

        two_versions(f, 1, 1);
        close_platform(f); /* stops: its successor begins with nothing but records */
        assert_non_null(f->p = open_platform(f, false, NULL));
        WAIT_UNTIL(f, is_ready(f, 1, 1));
        load_start(&f->load, f->port, "credit");
        close_platform(f);
        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
                run_controller_until_killed(f, faults[i]);
        assert_non_null(f->p = open_platform(f, true, NULL));
        assert_int_equal(deploy(f, 1, 2), ERR_NONE);
        WAIT_UNTIL(f, is_ready(f, 1, 2));
        assert_int_equal(route2(f, 1, 10000, 2, 0), ERR_NONE);
        assert_int_equal(retire(f, 2), ERR_NONE);
        WAIT_UNTIL(f, observe(f, 2)->weight_bp == -2);
        expect_no_failure(f);
        WAIT_UNTIL(f, count_processes(f, "procs/") == 2 && count_processes(f, "haproxy") == 1);
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(traffic_follows_the_weights),
                T(shifts_under_load_fail_no_request),
                T(a_version_that_lost_its_weight_gets_no_request),
                T(haproxy_comes_back_with_the_right_weights),
                T(a_dead_process_is_replaced_while_others_take_over),
                T(a_new_platform_takes_over_what_runs),
                T(weights_lost_with_the_machine_leave_traffic_alone),
                T(weights_set_by_hand_while_nobody_else_could_stay),
                T(a_new_model_joins_without_hurting_the_others),
                T(a_refused_model_is_told_and_not_tried_again),
                T(a_crashing_scorer_is_tried_again_and_said_why),
                T(a_loading_version_gets_no_traffic_before_it_is_ready),
                T(retiring_drains_and_frees_the_place),
                T(replicas_come_and_go_without_moving_the_shares),
                T(a_second_rolloutd_is_refused),
                T(a_taken_port_is_said_and_waited_for),
                T(of_what_does_not_run_there_is_nothing_to_know),
                T(unfit_requests_are_refused),
                T(a_rollback_overtakes_what_is_queued),
                T(killed_at_any_moment_it_fails_no_request_and_leaks_nothing),
        };

        mem_init();
        if (argc == 5 && !strcmp(argv[1], "--controller"))
                return controller_main(argv);
        if (argc > 1)
                return stand_in_main(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
