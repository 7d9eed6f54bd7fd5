/* Replicas before weight: a table, and that every climb arrives without ever lacking capacity or going over the budget. */
#include "tests/unit/lib/unit.h"

#include "rolloutd/capacity.h"
#include "rolloutd/platform.h"

static void phases_and_weights_give_sizes(void **state)
{
        static const struct {
                const char *name;
                struct capacity_question q;
                int stable, candidate;
        } cases[] = {
                { "a first version is whole at once", { PHASE_PENDING, false, 0, 4, 100, 0, 0, 10000, 0 }, 0, 4 },
                { "a small share needs one", { PHASE_PENDING, true, 4, 4, 100, 0, 0, 500, 0 }, 4, 1 },
                { "shares are rounded up", { PHASE_CANARY, true, 10, 10, 100, 500, 2500, 2500, 1 }, 10, 3 },
                { "a preview is as large as the step after it", { PHASE_CANARY, true, 6, 6, 100, 0, 0, 10000, 6 }, 6, 6 },
                { "all before 100 %", { PHASE_CANARY, true, 6, 6, 100, 2500, 10000, 10000, 2 }, 6, 6 },
                { "stable stays whole under 100 %", { PHASE_CANARY, true, 6, 6, 100, 10000, 10000, 10000, 6 }, 6, 6 },
                { "without surge there is one more", { PHASE_PENDING, true, 10, 10, 0, 0, 0, 5000, 0 }, 10, 1 },
                { "a surge of 20 % climbs by what fits", { PHASE_CANARY, true, 10, 10, 20, 500, 5000, 5000, 1 }, 10, 2 },
                { "further when stable can give some up", { PHASE_CANARY, true, 10, 10, 20, 2000, 5000, 5000, 2 }, 8, 4 },
                { "until the step's weight", { PHASE_CANARY, true, 10, 10, 20, 5000, 5000, 5000, 5 }, 7, 5 },
                { "one stays to go back to", { PHASE_PROMOTING, true, 1, 1, 0, 10000, 10000, 10000, 1 }, 1, 1 },
                { "what the candidate has stays", { PHASE_CANARY, true, 10, 10, 20, 0, 5000, 5000, 5 }, 10, 5 },
                { "going back stable is whole and the candidate waits",
                  { PHASE_ROLLING_BACK, true, 8, 8, 20, 5000, 0, 0, 4 },
                  8,
                  4 },
                { "rolled back, one is kept for a look at it", { PHASE_ROLLED_BACK, true, 8, 8, 100, 0, 0, 0, 4 }, 8, 1 },
                { "at rest stable is whole", { PHASE_DONE, true, 8, 0, 20, 0, 0, 0, 0 }, 8, 1 },
                { "each by its own size", { PHASE_CANARY, true, 2, 8, 100, 500, 10000, 10000, 1 }, 2, 8 },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct capacity got;

                print_message("  %s\n", cases[i].name);
                capacity_plan(&cases[i].q, &got);
                assert_int_equal(got.stable, cases[i].stable);
                assert_int_equal(got.candidate, cases[i].candidate);
        }
}

/* From weight to weight as the controller climbs: the candidate ready, then as much weight as it carries. */
static void climb(int replicas, int surge, int from_bp, int to_bp)
{
        int now_bp = from_bp, have = capacity_of(replicas, from_bp), moves = 0;
        int most = replicas + (replicas * surge + 99) / 100;

        most = most > replicas + 1 ? most : replicas + 1;
        while (now_bp < to_bp) {
                struct capacity plan;
                const struct capacity_question q = { PHASE_CANARY, true, replicas, replicas, surge, now_bp, to_bp, to_bp, have };

                capacity_plan(&q, &plan);
                int next_bp = capacity_weight_bp(replicas, plan.candidate);

                next_bp = next_bp < to_bp ? next_bp : to_bp;
                assert_true(next_bp > now_bp);
                assert_true(plan.stable >= capacity_of(replicas, WEIGHT_ALL - now_bp));
                assert_true(plan.candidate >= capacity_of(replicas, next_bp));
                assert_true(plan.stable + plan.candidate <= most);
                assert_true(plan.stable >= 1 && plan.candidate >= have);
                have = plan.candidate;
                now_bp = next_bp;
                assert_true(++moves <= replicas + 1);
        }
        if (surge == 100)
                assert_true(moves <= 1);
}

static void every_climb_arrives_within_the_budget(void **state)
{
        static const int steps[] = { 1, 500, 2500, 5000, 9999, 10000 }, surges[] = { 0, 1, 20, 25, 50, 100 };
        (void) state;

        for (int replicas = 1; replicas <= 40; replicas++)
                for (size_t s = 0; s < LENGTH(surges); s++)
                        for (size_t a = 0; a < LENGTH(steps); a++) {
                                climb(replicas, surges[s], 0, steps[a]);
                                for (size_t b = a + 1; b < LENGTH(steps); b++)
                                        climb(replicas, surges[s], steps[a], steps[b]);
                        }
}

static void a_kept_release_is_as_large_as_the_surge_allows(void **state)
{
        (void) state;
        assert_int_equal(capacity_kept(4, 100, 4), 4);
        assert_int_equal(capacity_kept(4, 50, 4), 2);
        assert_int_equal(capacity_kept(4, 0, 4), 1);
        assert_int_equal(capacity_kept(4, 100, 2), 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(phases_and_weights_give_sizes),
                cmocka_unit_test(every_climb_arrives_within_the_budget),
                cmocka_unit_test(a_kept_release_is_as_large_as_the_surge_allows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
