/* The rollout's table: what wins over what, and that the table itself is whole. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "rolloutd/fsm.h"
#include "rolloutd/fsm_diagram.h"

#define STAY ""

static void a_phase_and_what_is_seen_give_one_move(void **state)
{
        static const struct {
                const char *name;
                enum phase from;
                struct observation seen;
                const char *row;
        } cases[] = {
                { "nothing seen, nothing moves", PHASE_CANARY, { 0 }, STAY },
                { "a start leaves idle", PHASE_IDLE, { .want_start = true }, "idle.start" },
                { "a start leaves done", PHASE_DONE, { .want_start = true, .has_stable = true }, "done.start" },
                { "a start is not taken while one is under way", PHASE_CANARY, { .want_start = true, .has_stable = true }, STAY },
                { "a start waits until traffic is back", PHASE_ROLLING_BACK, { .want_start = true, .has_stable = true }, STAY },
                { "the first version needs no watching", PHASE_PENDING, { .ready = true }, "pending.first-ready" },
                { "a candidate nobody watches gets no traffic", PHASE_PENDING, { .ready = true, .has_stable = true }, STAY },
                { "a ready and watched candidate begins",
                  PHASE_PENDING,
                  { .ready = true, .watched = true, .has_stable = true },
                  "pending.ready" },
                { "paused before the first step, it stays",
                  PHASE_PENDING,
                  { .ready = true, .watched = true, .has_stable = true, .paused = true },
                  STAY },
                { "a person may begin unwatched",
                  PHASE_PENDING,
                  { .ready = true, .has_stable = true, .want_promote = true },
                  "pending.promote" },
                { "nobody may begin before it is ready", PHASE_PENDING, { .has_stable = true, .want_promote = true }, STAY },
                { "nor go straight to all traffic", PHASE_PENDING, { .has_stable = true, .want_promote_full = true }, STAY },
                { "a candidate that cannot start is given up",
                  PHASE_PENDING,
                  { .failed = true, .has_stable = true },
                  "pending.failed" },
                { "a first version that cannot start leaves nothing", PHASE_PENDING, { .failed = true }, "pending.first-failed" },
                { "a slow start is given up", PHASE_PENDING, { .overdue = true, .has_stable = true }, "pending.overdue" },
                { "a slow start that made it goes on",
                  PHASE_PENDING,
                  { .overdue = true, .ready = true, .watched = true, .has_stable = true },
                  "pending.ready" },
                { "aborting a first version leaves nothing", PHASE_PENDING, { .want_abort = true }, "pending.abandon" },
                { "a passed step raises the weight",
                  PHASE_CANARY,
                  { .healthy = true, .hold_over = true, .weights_stand = true, .split_matches = true, .has_stable = true },
                  "canary.passed" },
                { "the last step promotes",
                  PHASE_CANARY,
                  { .healthy = true, .hold_over = true, .weights_stand = true, .split_matches = true, .last_step = true },
                  "canary.passed-last" },
                { "healthy but too early stays",
                  PHASE_CANARY,
                  { .healthy = true, .weights_stand = true, .split_matches = true },
                  STAY },
                { "a hold that is over proves nothing",
                  PHASE_CANARY,
                  { .hold_over = true, .weights_stand = true, .split_matches = true },
                  STAY },
                { "a weight that does not stand proves nothing",
                  PHASE_CANARY,
                  { .healthy = true, .hold_over = true, .split_matches = true },
                  STAY },
                { "traffic that does not follow the weight proves nothing",
                  PHASE_CANARY,
                  { .healthy = true, .hold_over = true, .weights_stand = true },
                  STAY },
                { "pausing holds a passed step",
                  PHASE_CANARY,
                  { .healthy = true, .hold_over = true, .weights_stand = true, .split_matches = true, .paused = true },
                  STAY },
                { "pausing does not hold a breach",
                  PHASE_CANARY,
                  { .breach = true, .paused = true, .has_stable = true },
                  "canary.breach" },
                { "a breach beats a pass",
                  PHASE_CANARY,
                  { .breach = true, .healthy = true, .hold_over = true, .weights_stand = true, .split_matches = true },
                  "canary.breach" },
                { "a breach beats a person who promotes",
                  PHASE_CANARY,
                  { .breach = true, .want_promote = true, .has_stable = true },
                  "canary.breach" },
                { "a breach beats a person who promotes fully",
                  PHASE_CANARY,
                  { .breach = true, .want_promote_full = true, .has_stable = true },
                  "canary.breach" },
                { "a breach beats a person who pauses",
                  PHASE_CANARY,
                  { .breach = true, .want_pause = true, .has_stable = true },
                  "canary.breach" },
                { "a step that ends by hand does not end by itself",
                  PHASE_CANARY,
                  { .healthy = true, .hold_over = true, .weights_stand = true, .split_matches = true, .by_hand = true },
                  STAY },
                { "and not when it is the last",
                  PHASE_CANARY,
                  { .healthy = true,
                    .hold_over = true,
                    .weights_stand = true,
                    .split_matches = true,
                    .by_hand = true,
                    .last_step = true },
                  STAY },
                { "a hand ends it",
                  PHASE_CANARY,
                  { .by_hand = true, .want_promote = true, .has_stable = true },
                  "canary.promote" },
                { "a breach ends it", PHASE_CANARY, { .by_hand = true, .breach = true, .has_stable = true }, "canary.breach" },
                { "another release backs out at once",
                  PHASE_CANARY,
                  { .superseded = true, .has_stable = true },
                  "canary.superseded" },
                { "even paused", PHASE_CANARY, { .superseded = true, .has_stable = true, .paused = true }, "canary.superseded" },
                { "even passed",
                  PHASE_CANARY,
                  { .superseded = true,
                    .has_stable = true,
                    .healthy = true,
                    .hold_over = true,
                    .weights_stand = true,
                    .split_matches = true },
                  "canary.superseded" },
                { "a breach says more",
                  PHASE_CANARY,
                  { .superseded = true, .breach = true, .has_stable = true },
                  "canary.breach" },
                { "another release before traffic",
                  PHASE_PENDING,
                  { .superseded = true, .has_stable = true },
                  "pending.superseded" },
                { "another first release", PHASE_PENDING, { .superseded = true }, "pending.first-superseded" },
                { "another release while promoting",
                  PHASE_PROMOTING,
                  { .superseded = true, .has_stable = true },
                  "promoting.superseded" },
                { "a first version that is promoted goes on to be", PHASE_PROMOTING, { .superseded = true }, STAY },
                { "at rest nothing is superseded", PHASE_DONE, { .superseded = true, .has_stable = true }, STAY },
                { "what was rolled back is tried again",
                  PHASE_ROLLED_BACK,
                  { .want_retry = true, .has_stable = true },
                  "rolled-back.retry" },
                { "a first version that failed too", PHASE_IDLE, { .want_retry = true }, "idle.retry" },
                { "what is done is not tried again", PHASE_DONE, { .want_retry = true, .has_stable = true }, STAY },
                { "nor what is under way", PHASE_CANARY, { .want_retry = true, .has_stable = true }, STAY },
                { "only an abort beats a breach",
                  PHASE_CANARY,
                  { .breach = true, .want_abort = true, .has_stable = true },
                  "canary.abort" },
                { "rolling back beats being paused",
                  PHASE_CANARY,
                  { .want_rollback = true, .paused = true, .has_stable = true },
                  "canary.rollback" },
                { "a dead candidate goes", PHASE_CANARY, { .down = true, .has_stable = true, .paused = true }, "canary.down" },
                { "a candidate the router took out goes",
                  PHASE_CANARY,
                  { .taken_out = true, .has_stable = true },
                  "canary.taken-out" },
                { "starving with that policy goes", PHASE_CANARY, { .starved = true, .has_stable = true }, "canary.starved" },
                { "pausing twice is refused", PHASE_CANARY, { .want_pause = true, .paused = true }, STAY },
                { "resuming what runs is refused", PHASE_CANARY, { .want_resume = true }, STAY },
                { "promoting needs no evidence", PHASE_CANARY, { .want_promote = true, .has_stable = true }, "canary.promote" },
                { "promoting the last step finishes",
                  PHASE_CANARY,
                  { .want_promote = true, .last_step = true, .has_stable = true },
                  "canary.promote-last" },
                { "promotion ends when the weights stand",
                  PHASE_PROMOTING,
                  { .weights_stand = true, .has_stable = true },
                  "promoting.stands" },
                { "a breach stops a promotion",
                  PHASE_PROMOTING,
                  { .breach = true, .weights_stand = true, .has_stable = true },
                  "promoting.breach" },
                { "a first version has nowhere to go back to", PHASE_PROMOTING, { .breach = true, .want_abort = true }, STAY },
                { "a rollback is done when it is read back",
                  PHASE_ROLLING_BACK,
                  { .weights_stand = true, .has_stable = true },
                  "rolling-back.stands" },
                { "and not before", PHASE_ROLLING_BACK, { .has_stable = true, .breach = true, .paused = true }, STAY },
                { "nobody stops a rollback", PHASE_ROLLING_BACK, { .want_abort = true, .has_stable = true }, STAY },
                { "done goes back by hand", PHASE_DONE, { .want_rollback = true, .has_stable = true }, "done.rollback" },
                { "a late breach moves nothing that is done", PHASE_DONE, { .breach = true, .has_stable = true }, STAY },
        };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                const struct move *m = fsm_next(cases[i].from, &cases[i].seen);

                print_message("  %s\n", cases[i].name);
                assert_string_equal(m ? m->row : STAY, cases[i].row);
        }
}

static void every_phase_can_be_left(void **state)
{
        bool leaves[PHASE_COUNT] = { 0 }, entered[PHASE_COUNT] = { [PHASE_IDLE] = true };
        (void) state;

        for (size_t i = 0; i < fsm_move_count; i++)
                if (fsm_moves[i].from != fsm_moves[i].to)
                        leaves[fsm_moves[i].from] = entered[fsm_moves[i].to] = true;
        for (int p = 0; p < PHASE_COUNT; p++) {
                assert_true(leaves[p]);
                assert_true(entered[p]);
        }
}

static void row_ids_are_unique_and_named_after_their_phase(void **state)
{
        (void) state;
        for (size_t i = 0; i < fsm_move_count; i++) {
                assert_non_null(strchr(fsm_moves[i].row, '.'));
                assert_true(strlen(fsm_moves[i].why) > 10);
                for (size_t k = 0; k < i; k++)
                        assert_string_not_equal(fsm_moves[i].row, fsm_moves[k].row);
        }
}

/* Every observation with at most `left` more facts true. */
static void mark_winners(bool *facts, size_t n, size_t from, int left, bool *won)
{
        for (int p = 0; p < PHASE_COUNT; p++) {
                const struct move *m = fsm_next((enum phase) p, (const struct observation *) facts);

                if (m)
                        won[m - fsm_moves] = true;
        }
        for (size_t i = from; left > 0 && i < n; i++) {
                facts[i] = true;
                mark_winners(facts, n, i + 1, left - 1, won);
                facts[i] = false;
        }
}

static void every_row_wins_for_some_observation(void **state)
{
        union {
                struct observation o;
                bool facts[sizeof(struct observation)];
        } seen = { 0 };
        bool won[128] = { 0 };
        (void) state;

        assert_true(fsm_move_count < 128);
        mark_winners(seen.facts, sizeof seen.facts, 0, 5, won);
        for (size_t i = 0; i < fsm_move_count; i++) {
                if (!won[i])
                        print_message("  never: %s\n", fsm_moves[i].row);
                assert_true(won[i]);
        }
}

static void all_traffic_is_reached_through_promoting_only(void **state)
{
        (void) state;
        for (size_t i = 0; i < fsm_move_count; i++) {
                if (fsm_moves[i].to == PHASE_DONE)
                        assert_int_equal(fsm_moves[i].from, PHASE_PROMOTING);
                if (fsm_moves[i].to == PHASE_ROLLED_BACK)
                        assert_int_equal(fsm_moves[i].from, PHASE_ROLLING_BACK);
        }
}

static void the_docs_show_this_table(void **state)
{
        char *printed = NULL;
        size_t len;
        FILE *out = open_memstream(&printed, &len);
        AUTO(str) doc = NULL;
        (void) state;

        fsm_print_doc(out);
        fclose(out);
        assert_int_equal(fs_read("docs/fsm.md", 1 << 20, &doc, NULL, NULL), 0);
        if (strcmp(doc, printed) != 0)
                fail_msg("docs/fsm.md is not what `rolloutd --fsm` prints");
        free(printed);
}

static void phases_are_known_by_name(void **state)
{
        enum phase p;
        (void) state;

        for (int i = 0; i < PHASE_COUNT; i++) {
                assert_int_equal(phase_parse(phase_name((enum phase) i), &p), 0);
                assert_int_equal(p, i);
        }
        assert_int_equal(phase_parse("canary", &p), -1);
        assert_true(phase_is_under_way(PHASE_CANARY));
        assert_false(phase_is_at_rest(PHASE_ROLLING_BACK));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_phase_and_what_is_seen_give_one_move),
                cmocka_unit_test(every_phase_can_be_left),
                cmocka_unit_test(row_ids_are_unique_and_named_after_their_phase),
                cmocka_unit_test(every_row_wins_for_some_observation),
                cmocka_unit_test(all_traffic_is_reached_through_promoting_only),
                cmocka_unit_test(the_docs_show_this_table),
                cmocka_unit_test(phases_are_known_by_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
