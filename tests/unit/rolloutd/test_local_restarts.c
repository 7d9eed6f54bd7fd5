/* The local platform with a real HAProxy and real processes, under load: crashes of every part, restarts. */
#include "tests/unit/rolloutd/local_fixture.h"

#include <sys/un.h>

static void haproxy_comes_back_with_the_right_weights(void **state)
{
        struct fixture *f = *state;

        two_versions(f, 1, 1);
        routed2(f, 1, 7500, 2, 2500);
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
        routed2(f, 1, 5000, 2, 5000);
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
        routed2(f, 1, 9500, 2, 500);
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
        routed2(f, 1, 7500, 2, 2500);
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
        routed2(f, 1, 7500, 2, 2500);
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

static int count_crashes(const char *log)
{
        AUTO(str) text = NULL;

        return fs_read(log, 1 << 16, &text, NULL, NULL) == 0 ? (int) (strlen(text) / strlen("out of memory\n")) : 0;
}

static void a_crashing_scorer_is_tried_again_and_said_why(void **state)
{
        struct fixture *f = *state;
        AUTO(str) log = xasprintf("%s/logs/credit-v%d-1.log", f->dir, CRASHES);

        assert_int_equal(deploy(f, CRASHES, 1), ERR_NONE);
        WAIT_UNTIL(f, strstr(observe(f, CRASHES)->message, "exit status 1: out of memory"));
        assert_false(observe(f, CRASHES)->failed);
        int64_t began_ms = clock_ms();
        WAIT_UNTIL(f, count_crashes(log) >= 2);
        run_for(f, 1500);
        assert_true(count_crashes(log) <= 8 + (clock_ms() - began_ms) / 500); /* not in a frenzy */
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
        routed2(f, 1, 10000, 2, 0);
        assert_int_equal(retire(f, 2), ERR_NONE);
        WAIT_UNTIL(f, observe(f, 2)->weight_bp == -2);
        expect_no_failure(f);
        WAIT_UNTIL(f, count_processes(f, "procs/") == 2 && count_processes(f, "haproxy") == 1);
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
                LOCAL_TEST(haproxy_comes_back_with_the_right_weights),
                LOCAL_TEST(a_dead_process_is_replaced_while_others_take_over),
                LOCAL_TEST(a_new_platform_takes_over_what_runs),
                LOCAL_TEST(weights_lost_with_the_machine_leave_traffic_alone),
                LOCAL_TEST(weights_set_by_hand_while_nobody_else_could_stay),
                LOCAL_TEST(a_crashing_scorer_is_tried_again_and_said_why),
                LOCAL_TEST(a_second_rolloutd_is_refused),
                LOCAL_TEST(a_taken_port_is_said_and_waited_for),
                LOCAL_TEST(killed_at_any_moment_it_fails_no_request_and_leaks_nothing),
        };

        mem_init();
        if (argc == 5 && !strcmp(argv[1], "--controller"))
                return controller_main(argv);
        if (argc > 1)
                return stand_in_main(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
