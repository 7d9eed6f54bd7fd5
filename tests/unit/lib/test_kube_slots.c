/* Which slot selects what next. */
#include "lib/kube_slots.h"
#include "tests/unit/lib/unit.h"

enum { A, B };
#define SECOND_BUILD (2 | INT64_C(1) << 32) /* of version 2 */

static void each_move_follows_from_what_is_there(void **state)
{
        static const struct {
                const char *name;
                struct kube_slot live[KUBE_SLOTS];
                struct kube_slot_want want[3];
                struct kube_slot_plan plan;
        } cases[] = {
                { "the first release", { { 0, 5000 }, { 0, 5000 } }, { { 1, 10000 } }, { KUBE_SLOT_SWITCH, A, 1, { 0, 10000 } } },
                { "and its weight", { { 1, 5000 }, { 0, 5000 } }, { { 1, 10000 } }, { KUBE_SLOT_READY, 0, 0, { 10000, 0 } } },
                { "a candidate takes the free slot",
                  { { 1, 10000 }, { 0, 0 } },
                  { { 1, 9500 }, { 2, 500 } },
                  { KUBE_SLOT_SWITCH, B, 2, { 10000, 0 } } },
                { "weights between two",
                  { { 1, 10000 }, { 2, 0 } },
                  { { 1, 9500 }, { 2, 500 } },
                  { KUBE_SLOT_READY, 0, 0, { 9500, 500 } } },
                { "whatever the order",
                  { { 2, 0 }, { 1, 10000 } },
                  { { 1, 9500 }, { 2, 500 } },
                  { KUBE_SLOT_READY, 0, 0, { 500, 9500 } } },
                { "the next candidate takes the former stable's slot",
                  { { 1, 0 }, { 2, 10000 } },
                  { { 2, 9500 }, { 3, 500 } },
                  { KUBE_SLOT_SWITCH, A, 3, { 0, 10000 } } },
                { "to the window at rest",
                  { { 1, 0 }, { 3, 10000 } },
                  { { 2, 10000 } },
                  { KUBE_SLOT_SWITCH, A, 2, { 0, 10000 } } },
                { "to the window during a rollout: the candidate's weight goes first",
                  { { 2, 2500 }, { 3, 7500 } },
                  { { 1, 10000 } },
                  { KUBE_SLOT_CLEAR, B, 1, { 10000, 0 } } },
                { "the one that is said to be left, even if it is the older",
                  { { 2, 2500 }, { 3, 7500 } },
                  { { 1, 10000 }, { 2, 0 } },
                  { KUBE_SLOT_CLEAR, A, 1, { 0, 10000 } } },
                { "another build of the same version is the newer",
                  { { SECOND_BUILD, 500 }, { 2, 9500 } },
                  { { 1, 10000 } },
                  { KUBE_SLOT_CLEAR, A, 1, { 0, 10000 } } },
                { "a new candidate while the former one still has weight",
                  { { 1, 9500 }, { 2, 500 } },
                  { { 1, 9500 }, { 3, 500 } },
                  { KUBE_SLOT_CLEAR, B, 3, { 10000, 0 } } },
                { "a slot whose Service was deleted under weight",
                  { { 1, 9500 }, { 0, 500 } },
                  { { 1, 9500 }, { 2, 500 } },
                  { KUBE_SLOT_CLEAR, B, 2, { 10000, 0 } } },
                { "both slots select the same",
                  { { 1, 5000 }, { 1, 5000 } },
                  { { 1, 10000 } },
                  { KUBE_SLOT_READY, 0, 0, { 10000, 0 } } },
                { "neither is there yet: one after the other",
                  { { 0, 10000 }, { 0, 0 } },
                  { { 1, 5000 }, { 2, 5000 } },
                  { KUBE_SLOT_SWITCH, B, 1, { 10000, 0 } } },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                int n = cases[i].want[1].release ? 2 : 1;
                struct kube_slot_plan p;
                struct err e;
                print_message("  %s\n", cases[i].name);
                assert_ok(kube_slots_plan(cases[i].live, cases[i].want, n, &p, &e), e);
                assert_int_equal(p.move, cases[i].plan.move);
                assert_int_equal(p.slot, cases[i].plan.slot);
                assert_int_equal(p.release, cases[i].plan.release);
                assert_int_equal(p.bp[A], cases[i].plan.bp[A]);
                assert_int_equal(p.bp[B], cases[i].plan.bp[B]);
        }
}

static void three_releases_are_too_many(void **state)
{
        static const struct kube_slot live[KUBE_SLOTS] = { { 1, 10000 }, { 2, 0 } };
        static const struct kube_slot_want want[] = { { 1, 9000 }, { 2, 500 }, { 3, 500 } };
        struct kube_slot_plan p;
        struct err e;
        (void) state;

        assert_failed(kube_slots_plan(live, want, 3, &p, &e), e, ERR_INVALID, "3 releases cannot share");
        assert_int_equal(kube_slots_plan(live, (const struct kube_slot_want[]){ { 1, 9500 }, { 2, 500 }, { 3, 0 } }, 3, &p, &e),
                         0);
}

/* Carried out move by move: traffic is never on a slot while it is switched, and the end is what was asked for. */
static void every_beginning_reaches_every_end_without_switching_under_weight(void **state)
{
        (void) state;

        for (int c = 0; c < 4 * 4 * 3 * 4 * 4 * 3; c++) {
                static const int bps[] = { 0, 500, 10000 };
                int rest = c;
                struct kube_slot live[KUBE_SLOTS];
                live[A].release = rest % 4, rest /= 4;
                live[B].release = rest % 4, rest /= 4;
                live[A].bp = bps[rest % 3], rest /= 3;
                live[B].bp = 10000 - live[A].bp;
                struct kube_slot_want want[2] = { { 1 + rest % 4, 0 }, { 1 + rest / 4 % 4, 0 } };
                want[0].bp = bps[rest / 16 % 3];
                want[1].bp = 10000 - want[0].bp;
                if (want[0].release == want[1].release)
                        continue;
                struct kube_slot_plan p = { .move = KUBE_SLOT_CLEAR };
                for (int moves = 0; p.move != KUBE_SLOT_READY; moves++) {
                        assert_in_range(moves, 0, 5);
                        assert_int_equal(kube_slots_plan(live, want, 2, &p, NULL), 0);
                        if (p.move == KUBE_SLOT_SWITCH) {
                                assert_true(live[p.slot].bp == 0 || live[!p.slot].release == 0);
                                live[p.slot].release = p.release;
                                continue;
                        }
                        assert_int_equal(p.bp[A] + p.bp[B], 10000);
                        live[A].bp = p.bp[A];
                        live[B].bp = p.bp[B];
                }
                for (int i = 0; i < 2; i++)
                        for (int s = 0; s < KUBE_SLOTS; s++)
                                if (want[i].bp && live[s].release == want[i].release && live[s].bp)
                                        assert_int_equal(live[s].bp, want[i].bp);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_move_follows_from_what_is_there),
                cmocka_unit_test(three_releases_are_too_many),
                cmocka_unit_test(every_beginning_reaches_every_end_without_switching_under_weight),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
