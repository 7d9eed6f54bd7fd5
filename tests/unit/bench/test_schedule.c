/* The load generator's schedules keep their rate and never look at what was answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/load/schedule.h"

static void a_constant_schedule_has_equal_gaps_and_does_not_drift(void **state)
{
        struct schedule s;

        (void) state;
        schedule_init(&s, 300.0, false, 0, 5000);
        for (int64_t n = 0; n < 300000; n++) {
                int64_t due = schedule_next(&s), exact = 5000 + n * 10000 / 3;

                assert_true(due >= exact - 1 && due <= exact + 1);
        }
}

static void a_poisson_schedule_keeps_the_rate_with_exponential_gaps(void **state)
{
        enum { N = 100000 };
        struct schedule s;
        int64_t before = 0, beyond_mean = 0;

        (void) state;
        schedule_init(&s, 1000.0, true, 42, 0);
        for (int i = 0; i < N; i++) {
                int64_t due = schedule_next(&s);

                assert_true(due >= before);
                beyond_mean += due - before > 1000;
                before = due;
        }
        /* The sum of N gaps has a standard deviation of sqrt(N) means; a share 1/e of them is longer than the mean. */
        assert_in_range(before, 98500000, 101500000);
        assert_in_range(beyond_mean, 36000, 37600);
}

static void the_same_seed_gives_the_same_schedule(void **state)
{
        struct schedule a, b, other;
        int differs = 0;

        (void) state;
        schedule_init(&a, 50.0, true, 7, 0);
        schedule_init(&b, 50.0, true, 7, 0);
        schedule_init(&other, 50.0, true, 8, 0);
        for (int i = 0; i < 100; i++) {
                int64_t due = schedule_next(&a);

                assert_int_equal(due, schedule_next(&b));
                differs += due != schedule_next(&other);
        }
        assert_true(differs > 90);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_constant_schedule_has_equal_gaps_and_does_not_drift),
                cmocka_unit_test(a_poisson_schedule_keeps_the_rate_with_exponential_gaps),
                cmocka_unit_test(the_same_seed_gives_the_same_schedule),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
