/* What each objective does to base scores and sums. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scorer/objective.h"

static void base_scores_become_margins(void **state)
{
        static const struct {
                const char *objective;
                int version;
                float base, margin;
                const char *why; /* refused */
        } cases[] = {
                { "binary:logistic", 107, 0.5f, -0.0f, NULL },
                { "binary:logistic", 107, 0.25f, -1.0986123f, NULL },
                { "binary:logistic", 107, 0.0f, 0, "is 0, it has to be between 0 and 1" },
                { "binary:logistic", 301, 1.0f, 0, "is 1, it has to be between 0 and 1" },
                { "binary:logistic", 302, 0.0f, -13.815511f, NULL },
                { "binary:logistic", 302, 1.0f, 13.745160f, NULL },
                { "binary:logistic", 302, 1.5f, 0, "is 1.5, it has to be between 0 and 1" },
                { "binary:logistic", 302, NAN, 0, "is nan, it has to be between 0 and 1" },
                { "reg:squarederror", 107, -3.5f, -3.5f, NULL },
                { "multi:softprob", 107, 0.5f, 0.5f, NULL },
                { "count:poisson", 107, 1.0f, 0.0f, NULL },
                { "count:poisson", 107, 0.0f, 0, "is 0, it has to be above 0" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                float base = cases[i].base;
                struct err e = { 0 };
                int r = objective_margin(objective_find(cases[i].objective), &base, cases[i].version, &e);
                print_message("  %s %d %g\n", cases[i].objective, cases[i].version, (double) cases[i].base);
                if (cases[i].why) {
                        assert_int_equal(r, -1);
                        assert_string_equal(e.msg, cases[i].why);
                } else {
                        assert_int_equal(r, 0);
                        assert_float_equal(base, cases[i].margin, 1e-6f);
                }
        }
}

static void sums_become_outputs(void **state)
{
        float logistic[3] = { 0, -100, 100 }, soft[3] = { 1000, 1000, -1000 }, step[2] = { 0, 1e-6f }, same = -7;

        (void) state;
        objective_transform(objective_find("binary:logistic"), logistic, 3);
        assert_true(logistic[0] == 0.5f && logistic[1] > 0 && logistic[1] < 1e-38f && logistic[2] == 1.0f);
        objective_transform(objective_find("multi:softprob"), soft, 3);
        assert_true(soft[0] == 0.5f && soft[1] == 0.5f && soft[2] == 0.0f);
        objective_transform(objective_find("binary:hinge"), step, 2);
        assert_true(step[0] == 0.0f && step[1] == 1.0f);
        objective_transform(objective_find("reg:squarederror"), &same, 1);
        assert_true(same == -7.0f);
}

static void unknown_names_are_not_found(void **state)
{
        (void) state;
        assert_null(objective_find("rank:ndcg"));
        assert_null(objective_find(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(base_scores_become_margins),
                cmocka_unit_test(sums_become_outputs),
                cmocka_unit_test(unknown_names_are_not_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
