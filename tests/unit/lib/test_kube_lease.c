/* Leader election with virtual time: single decisions, and contenders through random faults. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/kube_lease.h"
#include "tests/unit/lib/unit.h"

enum { CONTENDERS = 3, RUNS = 300, TICKS = 12000, TICK_MS = 50 };

static const struct lease_times times = { .lease_ms = 15000, .renew_ms = 10000, .retry_ms = 2000 };

static struct lease_record record(const char *holder, const char *renewed, int64_t duration_ms, int64_t transitions)
{
        struct lease_record r = { .duration_ms = duration_ms, .transitions = transitions };

        (void) snprintf(r.holder, sizeof r.holder, "%s", holder);
        (void) snprintf(r.renewed, sizeof r.renewed, "%s", renewed);
        return r;
}

/* A leader since 1000, by a write that was sent at 1000 and answered at 1100. */
static struct lease leader(void)
{
        struct lease l;
        struct lease_record mine;

        lease_init(&l, "me", &times);
        assert_int_equal(lease_next(&l, 900), LEASE_READ);
        lease_was_read(&l, NULL, 1000, 0);
        assert_int_equal(lease_next(&l, 1000), LEASE_CREATE);
        lease_wanted(&l, &mine);
        assert_int_equal(mine.transitions, 0);
        lease_was_written(&l, &mine, 1000, 1100);
        return l;
}

static void leading_counts_from_the_start_of_the_write(void **state)
{
        struct lease l = leader();
        (void) state;

        assert_true(lease_may_act(&l, 1100, 9800));
        assert_false(lease_may_act(&l, 1100, 9900));
        assert_int_equal(lease_wait_ms(&l, 1100), 2000);
        assert_int_equal(lease_next(&l, 3100), LEASE_WRITE);
        assert_int_equal(lease_next(&l, 10999), LEASE_WAIT); /* the write is still under way */
        assert_int_equal(lease_next(&l, 11000), LEASE_LOST);
        assert_false(lease_may_act(&l, 11000, 0));
        assert_int_equal(lease_next(&l, 11001), LEASE_LOST);
}

static void an_answer_after_the_deadline_does_not_help(void **state)
{
        struct lease l = leader();
        struct lease_record mine;
        (void) state;

        assert_int_equal(lease_next(&l, 3100), LEASE_WRITE);
        lease_wanted(&l, &mine);
        lease_was_written(&l, &mine, 3100, 13100);
        assert_int_equal(lease_next(&l, 13100), LEASE_LOST);
}

static void a_fast_renewal_that_fails_reads_at_once(void **state)
{
        struct lease l = leader();
        (void) state;

        assert_int_equal(lease_next(&l, 3100), LEASE_WRITE);
        lease_call_failed(&l, 3200, 0);
        assert_int_equal(lease_next(&l, 3200), LEASE_READ);
        lease_call_failed(&l, 3300, 0);
        assert_int_equal(lease_next(&l, 5299), LEASE_WAIT);
        assert_int_equal(lease_next(&l, 5300), LEASE_READ);
}

static void another_holder_in_the_record_ends_leading(void **state)
{
        struct lease l = leader();
        struct lease_record r = record("other", "t9", 15000, 1);
        (void) state;

        assert_int_equal(lease_next(&l, 3100), LEASE_WRITE);
        lease_call_failed(&l, 3200, 0);
        assert_int_equal(lease_next(&l, 3200), LEASE_READ);
        lease_was_read(&l, &r, 3300, 0);
        assert_int_equal(lease_next(&l, 3300), LEASE_LOST);
}

static void a_follower_waits_the_records_duration_from_when_it_saw_the_last_change(void **state)
{
        static const struct {
                const char *name;
                int64_t duration_ms;
                int64_t read_ms;
                const char *renewed;
                enum lease_step then;
        } cases[] = {
                { "not yet over", 15000, 15999, "t1", LEASE_WAIT },
                { "over", 15000, 16000, "t1", LEASE_WRITE },
                { "renewed meanwhile", 15000, 16000, "t2", LEASE_WAIT },
                { "the holder asked for longer than we do", 60000, 60999, "t1", LEASE_WAIT },
                { "the holder asked for less", 1000, 2000, "t1", LEASE_WRITE },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct lease l;
                struct lease_record r = record("other", "t1", cases[i].duration_ms, 4), mine;
                print_message("  %s\n", cases[i].name);
                lease_init(&l, "me", &times);
                assert_int_equal(lease_next(&l, 1000), LEASE_READ);
                lease_was_read(&l, &r, 1000, 0);
                assert_int_equal(lease_next(&l, 2999), LEASE_WAIT);
                l.pending_ms = 0; /* as if its next look were just then */
                assert_int_equal(lease_next(&l, cases[i].read_ms), LEASE_READ);
                r = record("other", cases[i].renewed, cases[i].duration_ms, 4);
                lease_was_read(&l, &r, cases[i].read_ms, 0);
                assert_int_equal(lease_next(&l, cases[i].read_ms), cases[i].then);
                lease_wanted(&l, &mine);
                assert_int_equal(mine.transitions, 5);
        }
}

static void a_free_lease_is_taken_at_once_and_ones_own_keeps_its_epoch(void **state)
{
        struct lease l;
        struct lease_record freed = record("", "t1", 1000, 4), own = record("me", "t1", 15000, 4), mine;
        (void) state;

        lease_init(&l, "me", &times);
        assert_int_equal(lease_next(&l, 0), LEASE_READ);
        lease_was_read(&l, &freed, 0, 0);
        assert_int_equal(lease_next(&l, 0), LEASE_WRITE);
        lease_wanted(&l, &mine);
        assert_int_equal(mine.transitions, 5);
        lease_init(&l, "me", &times);
        assert_int_equal(lease_next(&l, 0), LEASE_READ);
        lease_was_read(&l, &own, 0, 0);
        assert_int_equal(lease_next(&l, 0), LEASE_WRITE);
        lease_wanted(&l, &mine);
        assert_int_equal(mine.transitions, 4);
}

static void a_deleted_lease_goes_on_counting(void **state)
{
        struct lease l = leader();
        struct lease_record r = record("other", "t1", 15000, 7), mine;
        (void) state;

        lease_init(&l, "me", &times);
        assert_int_equal(lease_next(&l, 0), LEASE_READ);
        lease_was_read(&l, &r, 0, 0);
        l.pending_ms = 0;
        assert_int_equal(lease_next(&l, 1), LEASE_READ);
        lease_was_read(&l, NULL, 1, 0);
        assert_int_equal(lease_next(&l, 1), LEASE_CREATE);
        lease_wanted(&l, &mine);
        assert_int_equal(mine.transitions, 8);
}

/* --- contenders against one server; each call takes its time, may fail before or after its effect; processes freeze --- */

struct contender {
        struct lease lease;
        char name[8];
        enum lease_step call; /* under way: sent, and answered at answer_ms */
        int64_t sent_ms, done_ms, answer_ms, frozen_until_ms;
        struct lease_record wanted, got;
        int64_t version; /* last read or written */
        bool applied, found, ok;
};

struct world {
        struct contender all[CONTENDERS];
        struct lease_record record;
        int64_t version; /* 0: there is no record */
        int64_t now_ms;
        uint64_t seed, stamps;
        bool calm; /* faults have stopped */
        int64_t last_epoch;
};

static uint32_t dice(struct world *w)
{
        w->seed = w->seed * 6364136223846793005ULL + 1442695040888963407ULL;
        return (uint32_t) (w->seed >> 32);
}

static bool one_in(struct world *w, uint32_t n)
{
        return dice(w) % n == 0;
}

/* The server's side: optimistic concurrency by version. */
static void apply(struct world *w, struct contender *c)
{
        c->applied = true;
        c->found = w->version > 0;
        c->got = w->record;
        c->ok = c->call == LEASE_READ || (c->call == LEASE_CREATE ? w->version == 0 : c->version == w->version);
        if (c->call == LEASE_READ) {
                c->version = w->version;
        } else if (c->ok) {
                w->record = c->wanted;
                c->version = ++w->version;
        }
        if (!w->calm && one_in(w, 12)) /* the effect is there, the answer is lost */
                c->ok = false;
}

/* Mostly quick; now and then slower than any timeout in use. */
static int64_t delay(struct world *w)
{
        return dice(w) % (w->calm || !one_in(w, 4) ? 200 : 9900);
}

static void begin(struct world *w, struct contender *c, enum lease_step step)
{
        c->call = step;
        c->sent_ms = w->now_ms;
        c->applied = c->ok = false;
        c->done_ms = w->now_ms + delay(w);
        c->answer_ms = c->done_ms + delay(w);
        if (!w->calm && one_in(w, 8)) /* lost on the way */
                c->done_ms = INT64_MAX;
        lease_wanted(&c->lease, &c->wanted);
        (void) snprintf(c->wanted.renewed, sizeof c->wanted.renewed, "%llu", (unsigned long long) ++w->stamps);
}

static void end(struct world *w, struct contender *c)
{
        enum lease_step call = c->call;

        c->call = LEASE_WAIT;
        if (!c->ok)
                lease_call_failed(&c->lease, w->now_ms, dice(w));
        else if (call == LEASE_READ)
                lease_was_read(&c->lease, c->found ? &c->got : NULL, w->now_ms, dice(w));
        else
                lease_was_written(&c->lease, &c->wanted, c->sent_ms, w->now_ms);
}

static void restart(struct contender *c, int generation)
{
        (void) snprintf(c->name, sizeof c->name, "%c%d", c->name[0], generation % 1000);
        lease_init(&c->lease, c->name, &times);
        c->call = LEASE_WAIT;
}

static void step(struct world *w, struct contender *c)
{
        if (c->call != LEASE_WAIT && !c->applied && w->now_ms >= c->done_ms) /* the network goes on while a process is frozen */
                apply(w, c);
        if (w->now_ms < c->frozen_until_ms)
                return;
        if (!w->calm && one_in(w, 400))
                c->frozen_until_ms = w->now_ms + dice(w) % 40000;
        if (c->call != LEASE_WAIT && w->now_ms >= c->answer_ms)
                end(w, c);
        enum lease_step next = lease_next(&c->lease, w->now_ms);
        if (next == LEASE_LOST)
                restart(c, (int) dice(w) % 1000 + 1000);
        else if (next != LEASE_WAIT)
                begin(w, c, next);
}

static int leaders(struct world *w)
{
        int n = 0;

        for (int i = 0; i < CONTENDERS; i++) {
                struct contender *c = &w->all[i];
                if (!lease_may_act(&c->lease, w->now_ms, 0))
                        continue;
                n++;
                assert_true(lease_epoch(&c->lease) >= w->last_epoch);
                w->last_epoch = lease_epoch(&c->lease);
        }
        return n;
}

static void contenders_never_lead_together_and_one_leads_when_faults_stop(void **state)
{
        (void) state;
        for (uint64_t seed = 1; seed <= RUNS; seed++) {
                struct world w = { .seed = seed };
                for (int i = 0; i < CONTENDERS; i++) {
                        w.all[i].name[0] = (char) ('a' + i);
                        restart(&w.all[i], 0);
                }
                for (int tick = 0; tick < TICKS; tick++, w.now_ms += TICK_MS) {
                        w.calm = tick > TICKS - 2000;
                        for (int i = 0; i < CONTENDERS; i++)
                                step(&w, &w.all[i]);
                        if (leaders(&w) > 1)
                                fail_msg("seed %llu: two leaders at %lld ms", (unsigned long long) seed, (long long) w.now_ms);
                }
                if (leaders(&w) != 1)
                        fail_msg("seed %llu: no leader in the end", (unsigned long long) seed);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(leading_counts_from_the_start_of_the_write),
                cmocka_unit_test(an_answer_after_the_deadline_does_not_help),
                cmocka_unit_test(a_fast_renewal_that_fails_reads_at_once),
                cmocka_unit_test(another_holder_in_the_record_ends_leading),
                cmocka_unit_test(a_follower_waits_the_records_duration_from_when_it_saw_the_last_change),
                cmocka_unit_test(a_free_lease_is_taken_at_once_and_ones_own_keeps_its_epoch),
                cmocka_unit_test(a_deleted_lease_goes_on_counting),
                cmocka_unit_test(contenders_never_lead_together_and_one_leads_when_faults_stop),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
