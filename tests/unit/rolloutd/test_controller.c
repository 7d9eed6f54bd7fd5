/* Targets that come and go, without a loop. */
#include "tests/unit/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "rolloutd/controller_private.h"
#include "rolloutd/rollout_json.h"

static void an_unreadable_record_stops_its_own_target_alone(void **state)
{
        struct unreadable broken = { .target = "prod.fraud", .why = "no JSON" };
        struct controller c = { .loaded = true, .unreadable = &broken, .n_unreadable = 1 };
        struct target *t = NULL;
        struct err e = { 0 };
        (void) state;

        assert_int_equal(controller_make(&c, "prod.fraud", "fraud", &t, NULL), -1); /* whoever declares it does not ask why */
        assert_int_equal(controller_make(&c, "prod.fraud", "fraud", &t, &e), -1);
        assert_int_equal(e.kind, ERR_UNAVAILABLE);
        assert_contains(e.msg, "no JSON");
        assert_int_equal(controller_make(&c, "prod.credit", "credit", &t, &e), 0);
        assert_non_null(t);
        due_done(&c.targets);
}

/* --- a platform with one record --- */

static struct {
        const char *json; /* NULL: there is none */
        platform_records_fn done;
        void *arg;
        int complaints;
        char told[256];
} saved;

static void op_reload(struct platform *p, const char *target, platform_records_fn done, void *arg)
{
        (void) p;
        assert_string_equal(target, "prod.fraud");
        saved.done = done;
        saved.arg = arg;
}

static void op_complain(struct platform *p, const char *target, const struct desire_trouble *why)
{
        (void) p;
        assert_string_equal(target, "prod.fraud");
        assert_string_equal(why->reason, "RecordUnreadable");
        snprintf(saved.told, sizeof saved.told, "%s", why->message);
        saved.complaints++;
}

static void answer(void)
{
        const struct platform_record record = { .target = "prod.fraud", .json = saved.json, .revision = 7 };

        saved.done(saved.arg, &record, saved.json != NULL, NULL);
}

static void a_record_is_read_again_until_it_can_be_understood(void **state)
{
        static const struct platform_ops ops = { .name = "test", .reload = op_reload, .complain = op_complain };
        struct platform platform = { .ops = &ops };
        struct controller c = { .loaded = true, .platform = &platform, .env = { .platform = &platform } };
        struct rollout r;
        struct err no = { .kind = ERR_INVALID, .msg = "line 1: no JSON" };
        struct target *t;
        (void) state;

        controller_leave_alone(&c, "prod.fraud", &no);
        assert_contains(saved.told, "line 1: no JSON");
        saved.json = "{";
        assert_true(controller_read_again(&c, 1000) > 0);
        answer();
        assert_int_equal(saved.complaints, 2);
        assert_true(controller_read_again(&c, 2000) > 0); /* not all the time */
        rollout_init(&r, "prod.fraud", "fraud");
        AUTO(str) good = rollout_encode(&r);
        rollout_done(&r);
        saved.json = good;
        (void) controller_read_again(&c, 10000);
        answer();
        assert_int_equal(controller_find(&c, "prod.fraud", &t, &no), 0);
        assert_int_equal(t->revision, 7);
        assert_int_equal(c.n_unreadable, 0);
        due_done(&c.targets);
        free(c.unreadable);
}

static void the_owner_of_an_unreadable_record_is_told_in_utf8(void **state)
{
        static const struct platform_ops ops = { .name = "test", .complain = op_complain };
        struct platform platform = { .ops = &ops };
        struct controller c = { .loaded = true, .platform = &platform, .env = { .platform = &platform } };
        (void) state;

        for (int ascii = 0; ascii < 3; ascii++) { /* wherever the cut falls */
                struct err no = { .kind = ERR_INVALID };

                memset(no.msg, 'a', (size_t) ascii);
                for (size_t at = (size_t) ascii; at + 4 < sizeof no.msg; at += 3)
                        memcpy(no.msg + at, "\xe6\xa8\xa1", 3);
                controller_leave_alone(&c, "prod.fraud", &no);
                assert_true(json_is_utf8(saved.told));
        }
        free(c.unreadable);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_unreadable_record_stops_its_own_target_alone),
                cmocka_unit_test(a_record_is_read_again_until_it_can_be_understood),
                cmocka_unit_test(the_owner_of_an_unreadable_record_is_told_in_utf8),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
