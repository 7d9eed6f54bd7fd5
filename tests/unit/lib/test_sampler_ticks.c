/* A version's past from raw samples. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/sampler_ticks.h"

static void increases_fall_into_the_tick_of_their_scrape(void **state)
{
        struct sample ok[] = { { 1000, 100 }, { 6000, 150 }, { 11000, 170 }, { 16000, 30 }, { 21000, NAN }, { 26000, 40 } };
        struct sample bad[] = { { 11000, 2 }, { 16000, 2 } }; /* the first error: a new series */
        struct sample all[] = { { 1000, 100 }, { 6000, 150 } }, fast[] = { { 1000, 90 }, { 6000, 135 } };
        struct sample other[] = { { 1000, 0 }, { 6000, 9999 } };
        const struct series series[] = {
                { .kind = SERIES_REQUESTS, .instance = "a", .version = 3, .samples = ok, .n = 6 },
                { .kind = SERIES_REQUESTS, .instance = "a", .version = 3, .is_error = true, .samples = bad, .n = 2 },
                { .kind = SERIES_BUCKET, .instance = "a", .version = 3, .le_s = INFINITY, .samples = all, .n = 2 },
                { .kind = SERIES_BUCKET, .instance = "a", .version = 3, .le_s = .05, .samples = fast, .n = 2 },
                { .kind = SERIES_REQUESTS, .instance = "a", .version = 4, .samples = other, .n = 2 },
        };
        static const struct counts expected[] = {
                { 50, 0, 50, 5 }, { 22, 2, 0, 0 }, { 30, 0, 0, 0 }, { 0, 0, 0, 0 }, { 10, 0, 0, 0 }
        };
        struct counts ticks[5];
        (void) state;

        sampler_ticks(series, 5, 3, 50000, 1000, 5000, ticks, 5);
        for (int i = 0; i < 5; i++) {
                assert_int_equal(ticks[i].requests, expected[i].requests);
                assert_int_equal(ticks[i].errors, expected[i].errors);
                assert_int_equal(ticks[i].timed, expected[i].timed);
                assert_int_equal(ticks[i].slow, expected[i].slow);
        }
        sampler_ticks(series, 5, 3, 75000, 1000, 5000, ticks, 5); /* no such bound: nothing is called slow */
        assert_int_equal(ticks[0].slow, 0);
        sampler_ticks(series, 5, 9, 50000, 1000, 5000, ticks, 5);
        assert_int_equal(ticks[0].requests, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(increases_fall_into_the_tick_of_their_scrape) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
