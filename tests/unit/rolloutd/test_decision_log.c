/* The decision log: what reaches the registry, in which batches, and what happens when it does not want them. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "rolloutd/decision_log.h"

struct fixture {
        char dir[40];
        struct decision_log *log;
        char *body; /* the batch under way; NULL: none */
        registry_body_fn done;
        void *arg;
        int batches;
};

static struct fixture *fixture; /* send() has no argument of the test's */

static void send(struct registry *registry, char *body, registry_body_fn done, void *arg)
{
        (void) registry;
        assert_null(fixture->body);
        fixture->body = body;
        fixture->done = done;
        fixture->arg = arg;
        fixture->batches++;
}

static void start(struct fixture *f)
{
        f->log = decision_log_new(
                &(struct decision_log_config){ .folder = f->dir, .region = "eu-1", .max_bytes = 1 << 20, .send = send });
}

static int set_up(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);

        (void) snprintf(f->dir, sizeof f->dir, "/tmp/sluice-log-XXXXXX");
        *state = fixture = f;
        if (!mkdtemp(f->dir))
                return -1;
        start(f);
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *f = *state;
        char command[64];

        decision_log_free(f->log);
        (void) snprintf(command, sizeof command, "rm -rf %s", f->dir);
        int r = system(command);
        free(f->body);
        free(f);
        return r;
}

static void add(struct fixture *f, int number)
{
        const struct event ev = { .number = number,
                                  .rollout_id = 3,
                                  .at_ms = 1767323045678,
                                  .row = "canary.breach",
                                  .kind = "rolling-back",
                                  .from = PHASE_CANARY,
                                  .to = PHASE_ROLLING_BACK,
                                  .stable = 1,
                                  .candidate = 2,
                                  .why = "error rate 3 % against 0.1 %",
                                  .verdict = { .state = VERDICT_BREACH,
                                               .gate = "error-rate",
                                               .reason = "worse",
                                               .n_numbers = 1,
                                               .numbers = { { "p", 0.0001 } },
                                               .at_ms = 1767323045000 } };

        decision_log_add(f->log, &(struct decision){ "prod.credit", "credit", "new features", 7, &ev });
}

static struct decision_log_stats stats(const struct fixture *f)
{
        struct decision_log_stats st;

        decision_log_get_stats(f->log, &st);
        return st;
}

/* Run as if everything were due, and answer. Returns the number of decisions sent, 0 if nothing was. */
static int sent(struct fixture *f, enum err_kind failure)
{
        struct err e = { 0 };
        json_t *list;
        int n;

        (void) decision_log_run(f->log, clock_ms() + 3600000);
        if (!f->body)
                return 0;
        AUTO(str) body = TAKE(f->body);
        AUTO(json) doc = NULL;
        assert_ok(json_parse("batch", body, strlen(body), &doc, &e), e);
        assert_ok(json_take("batch", doc, &e, "{s:s, s:o}", "region", &(const char *){ NULL }, "decisions", &list), e);
        n = (int) json_array_size(list);
        if (failure)
                err_set(&e, failure, "no");
        f->done(f->arg, failure ? NULL : "{}", failure ? &e : NULL);
        return n;
}

static void a_decision_says_everything_about_itself(void **state)
{
        struct fixture *f = *state;
        struct err e = { 0 };

        add(f, 1);
        assert_int_equal(decision_log_run(f->log, clock_ms()), -1);
        AUTO(json) doc = NULL;
        assert_ok(json_parse("batch", f->body, strlen(f->body), &doc, &e), e);
        const json_t *d = json_array_get(json_object_get(doc, "decisions"), 0), *ev = json_object_get(d, "event");
        assert_string_equal(json_string_value(json_object_get(doc, "region")), "eu-1");
        assert_string_equal(json_string_value(json_object_get(d, "target")), "prod.credit");
        assert_string_equal(json_string_value(json_object_get(d, "model")), "credit");
        assert_string_equal(json_string_value(json_object_get(d, "reason")), "new features");
        assert_int_equal(json_integer_value(json_object_get(d, "epoch")), 7);
        assert_string_equal(json_string_value(json_object_get(ev, "why")), "error rate 3 % against 0.1 %");
        const json_t *numbers = json_object_get(json_object_get(ev, "verdict"), "numbers");
        assert_true(json_real_value(json_object_get(numbers, "p")) == 0.0001);
}

static void one_batch_is_under_way_at_a_time(void **state)
{
        struct fixture *f = *state;

        add(f, 1);
        (void) decision_log_run(f->log, clock_ms());
        add(f, 2);
        add(f, 3);
        (void) decision_log_run(f->log, clock_ms());
        assert_int_equal(f->batches, 1);
        free(TAKE(f->body));
        f->done(f->arg, "{}", NULL);
        assert_int_equal(sent(f, ERR_NONE), 2);
        assert_int_equal(sent(f, ERR_NONE), 0);
        assert_int_equal(stats(f).spool.waiting, 0);
}

static void while_the_registry_is_away_it_is_asked_ever_more_rarely(void **state)
{
        static const enum err_kind kinds[] = { ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_NOT_FOUND, ERR_INTERNAL, ERR_CONFLICT };
        struct fixture *f = *state;
        int64_t wait;

        add(f, 1);
        for (size_t i = 0; i < LENGTH(kinds); i++) {
                assert_int_equal(sent(f, kinds[i]), 1);
                wait = decision_log_run(f->log, clock_ms());
                assert_in_range(wait, 400, 60000);
                assert_null(f->body);
        }
        assert_int_equal(stats(f).spool.waiting, 1);
        assert_int_equal(stats(f).refused, 0);
        assert_int_equal(sent(f, ERR_NONE), 1);
        add(f, 2);
        assert_int_equal(decision_log_run(f->log, clock_ms()), -1); /* at once again */
        assert_non_null(f->body);
}

static void what_waits_outlives_the_process(void **state)
{
        struct fixture *f = *state;

        add(f, 1);
        add(f, 2);
        (void) decision_log_run(f->log, clock_ms());
        free(TAKE(f->body)); /* never answered */
        decision_log_free(f->log);
        start(f);
        assert_int_equal(sent(f, ERR_NONE), 2);
        assert_int_equal(sent(f, ERR_NONE), 0);
}

static void one_that_is_refused_keeps_none_of_the_others_back(void **state)
{
        struct fixture *f = *state;
        int kept = 0, rounds = 0;

        for (int n = 1; n <= 20; n++)
                add(f, n);
        while (stats(f).spool.waiting && rounds++ < 100) {
                bool bad;

                (void) decision_log_run(f->log, clock_ms());
                assert_non_null(f->body);
                bad = strstr(f->body, "\"number\":13,") != NULL;
                kept += bad ? 0 : sent(f, ERR_NONE);
                if (bad)
                        (void) sent(f, rounds % 2 ? ERR_INVALID : ERR_TOO_LARGE);
        }
        assert_int_equal(kept, 19);
        assert_int_equal(stats(f).refused, 1);
        assert_in_range(rounds, 2, 20);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
                TEST(a_decision_says_everything_about_itself),
                TEST(one_batch_is_under_way_at_a_time),
                TEST(while_the_registry_is_away_it_is_asked_ever_more_rarely),
                TEST(what_waits_outlives_the_process),
                TEST(one_that_is_refused_keeps_none_of_the_others_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
