/* The local platform with a real HAProxy and real processes, under load: weights, versions that come and go, what is refused. */
#include "tests/unit/rolloutd/local_fixture.h"

static void traffic_follows_the_weights(void **state)
{
        struct fixture *f = *state;
        static const int asked[] = { 500, 2500 }, requests[] = { 10000, 3000 };

        two_versions(f, 2, 1);
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
                routed2(f, 1, 10000 - asked[i], 2, asked[i]);
                assert_in_range(observe(f, 2)->weight_bp, asked[i] - 20, asked[i] + 20);
                double share = 0;
                /* A version that misses a health check for lack of CPU gives its share to the others for a moment. */
                for (int tries = 0; tries < 4 && (share < asked[i] - 50 || share > asked[i] + 50); tries++) {
                        load_start(&f->load, f->port, "credit");
                        WAIT_UNTIL(f, f->load.sent >= requests[i]);
                        expect_no_failure(f);
                        share = 10000.0 * f->load.by_version[2] / f->load.sent;
                        print_message("  asked %d, observed %.0f\n", asked[i], share);
                }
                assert_true(share > asked[i] - 50 && share < asked[i] + 50);
        }
}

/* No request of this version is under way any more. */
static bool is_quiet(struct fixture *f, int version)
{
        int before = f->load.by_version[version];

        run_for(f, 300);
        return f->load.by_version[version] == before;
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
                routed2(f, 1, 10000 - bp, 2, bp);
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
        routed2(f, 1, 5000, 2, 5000);
        WAIT_UNTIL(f, f->load.by_version[2] > 100);
        routed2(f, 1, 10000, 2, 0);
        WAIT_UNTIL(f, is_quiet(f, 2));
        int before = f->load.by_version[2], others = f->load.by_version[1];
        WAIT_UNTIL(f, f->load.by_version[1] > others + 500);
        assert_int_equal(f->load.by_version[2], before);
        expect_no_failure(f);
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
        WAIT_UNTIL(f, (f->p->ops->route(f->p, "fraud", all, 1, false, told, f), wait_told(f) == ERR_NONE));
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

static void a_loading_version_gets_no_traffic_before_it_is_ready(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(deploy(f, 1, 1), ERR_NONE);
        WAIT_UNTIL(f, is_ready(f, 1, 1));
        assert_int_equal(deploy(f, LOADS_SLOWLY, 1), ERR_NONE);
        routed2(f, 1, 5000, LOADS_SLOWLY, 5000);
        load_start(&f->load, f->port, "credit");
        assert_non_null(strstr(observe(f, LOADS_SLOWLY)->message, "the others take its traffic"));
        WAIT_UNTIL(f, is_ready(f, LOADS_SLOWLY, 1) && f->load.by_version[LOADS_SLOWLY] > 100);
        expect_no_failure(f);
}

static void retiring_drains_and_frees_the_place(void **state)
{
        struct fixture *f = *state;

        two_versions(f, 1, 2);
        routed2(f, 1, 5000, 2, 5000);
        assert_int_equal(retire(f, 1), ERR_CONFLICT);
        load_start(&f->load, f->port, "credit");
        WAIT_UNTIL(f, f->load.by_version[1] > 50);
        routed2(f, 1, 0, 2, 10000);
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
        routed2(f, 1, 8000, 2, 2000);
        load_start(&f->load, f->port, "credit");
        assert_int_equal(deploy(f, 1, 3), ERR_NONE);
        WAIT_UNTIL(f, is_ready(f, 1, 3));
        WAIT_UNTIL(f, observe(f, 2)->weight_bp >= 1980 && observe(f, 2)->weight_bp <= 2020);
        assert_int_equal(deploy(f, 1, 1), ERR_NONE);
        WAIT_UNTIL(f, is_ready(f, 1, 1) && !process_of(f, "procs/credit-v1-3"));
        assert_in_range(observe(f, 2)->weight_bp, 1980, 2020);
        expect_no_failure(f);
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

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
                LOCAL_TEST(traffic_follows_the_weights),
                LOCAL_TEST(shifts_under_load_fail_no_request),
                LOCAL_TEST(a_version_that_lost_its_weight_gets_no_request),
                LOCAL_TEST(a_new_model_joins_without_hurting_the_others),
                LOCAL_TEST(a_refused_model_is_told_and_not_tried_again),
                LOCAL_TEST(a_loading_version_gets_no_traffic_before_it_is_ready),
                LOCAL_TEST(retiring_drains_and_frees_the_place),
                LOCAL_TEST(replicas_come_and_go_without_moving_the_shares),
                LOCAL_TEST(of_what_does_not_run_there_is_nothing_to_know),
                LOCAL_TEST(unfit_requests_are_refused),
                LOCAL_TEST(a_rollback_overtakes_what_is_queued),
        };

        mem_init();
        if (argc > 1)
                return stand_in_main(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
