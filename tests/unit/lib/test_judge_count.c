/* The one-sample test: values, error rate, counters that go back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/judge_count.h"

static const struct exact {
        const char *name;
        double max_share, bad, of, log_e;
} exact[] = {
#include "tests/unit/lib/judge_count_exact.table"
};

static void values_equal_the_exact_computation(void **state)
{
        (void) state;
        for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
                const struct judge_count c = { .bad = exact[i].bad, .of = exact[i].of };

                print_message("  %s\n", exact[i].name);
                assert_true(fabs(judge_count_log_e(&c, exact[i].max_share) - exact[i].log_e) <
                            1e-10 * fmax(1, fabs(exact[i].log_e)));
        }
}

static uint64_t dice = 9;

static double uniform(void) /* splitmix64 */
{
        uint64_t z = (dice += 0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (double) ((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int broken(double share, double max_share, double alpha)
{
        int n = 0;

        for (int run = 0; run < 400; run++) {
                struct judge_count c = { 0 };
                double bad = 0, of = 0;

                judge_count_add(&c, max_share, 0, 0);
                for (int look = 0; look < 200; look++) {
                        for (int i = 0; i < 20; i++)
                                bad += uniform() < share;
                        judge_count_add(&c, max_share, bad, of += 20);
                }
                n += c.peak >= -log(alpha);
        }
        return n;
}

static void looking_often_keeps_the_error_rate(void **state)
{
        (void) state;
        assert_true(broken(.02, .02, .05) <= 37); /* 5 % of 400 is 20, and four standard deviations */
        assert_true(broken(.3, .3, .05) <= 37);
        assert_int_equal(broken(.005, .02, .05), 0);
        assert_int_equal(broken(.05, .02, .01), 400);
}

static void an_interval_in_which_a_counter_went_back_is_passed_over(void **state)
{
        struct judge_count c = { 0 };
        (void) state;

        assert_true(judge_count_add(&c, .1, 50, 1000)); /* what was before is not ours */
        assert_true(c.of == 0);
        assert_true(judge_count_add(&c, .1, 51, 1100));
        assert_true(c.bad == 1 && c.of == 100);
        assert_false(judge_count_add(&c, .1, 0, 30)); /* a restart */
        assert_true(c.bad == 1 && c.of == 100);
        assert_true(judge_count_add(&c, .1, 2, 80));
        assert_true(c.bad == 3 && c.of == 150);
        assert_false(judge_count_add(&c, .1, NAN, 90));
        assert_false(judge_count_add(&c, .1, 2, -1));
        assert_false(judge_count_add(&c, .1, 2, INFINITY));
        assert_true(judge_count_add(&c, .1, 500, 90)); /* more bad ones than there were: all of them */
        assert_true(c.bad == 13 && c.of == 160);
        assert_true(judge_count_add(&c, .1, 1e15, 1e15) && isfinite(c.peak));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_equal_the_exact_computation),
                cmocka_unit_test(looking_often_keeps_the_error_rate),
                cmocka_unit_test(an_interval_in_which_a_counter_went_back_is_passed_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
