/* Targets that come and go, without a loop. */
#include "tests/unit/lib/unit.h"

#include "rolloutd/controller.h"

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

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_unreadable_record_stops_its_own_target_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
