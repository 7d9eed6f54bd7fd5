/* Clock, backoff, randomness: the parts that everything waits by. */
#include "tests/unit/lib/unit.h"

#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/random.h"

static void stamps_are_rfc3339_utc(void **state)
{
        static const struct {
                int64_t ms;
                const char *text;
        } cases[] = { { 0, "1970-01-01T00:00:00.000Z" },
                      { 1767323045678, "2026-01-02T03:04:05.678Z" },
                      { -1, "1969-12-31T23:59:59.999Z" },
                      { -1000, "1969-12-31T23:59:59.000Z" },
                      { 951782400000, "2000-02-29T00:00:00.000Z" } };
        char text[RFC3339_MAX];

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                clock_rfc3339(cases[i].ms, text);
                assert_string_equal(text, cases[i].text);
        }
}

static void stamps_read_back_and_nothing_else_does(void **state)
{
        static const char *const bad[] = { "",
                                           "2026-01-02T03:04:05Z",
                                           "2026-06-31T03:04:05.678Z",
                                           "2026-01-02 03:04:05.678Z",
                                           "2026-01-02T03:04:05.678+",
                                           "2026-01-02T03:04:05.67xZ",
                                           " 2026-1-02T03:04:05.678Z",
                                           "2026-01-02T03:04:05.678ZZ" };
        int64_t ms;

        (void) state;
        assert_int_equal(clock_rfc3339_parse("2026-01-02T03:04:05.678Z", &ms), 0);
        assert_int_equal(ms, 1767323045678);
        for (size_t i = 0; i < LENGTH(bad); i++)
                assert_int_equal(clock_rfc3339_parse(bad[i], &ms), -1);
}

static void the_rest_of_a_deadline_is_never_negative_and_capped(void **state)
{
        int64_t now = clock_ms();

        (void) state;
        assert_int_equal(clock_left(now - 1000, 500), 0);
        assert_int_equal(clock_left(now + 1000000, 500), 500);
        assert_in_range(clock_left(now + 10000, 1000000), 1, 10000);
        assert_int_equal(clock_left(INT64_MAX, 500), 500);
}

static void clocks_go_forward(void **state)
{
        int64_t us = clock_us();

        (void) state;
        assert_true(clock_us() >= us);
        assert_true(clock_ms() >= us / 1000);
        assert_true(clock_wall_ms() > 1700000000000);
}

static const struct backoff_policy policy = { .base_ms = 100, .cap_ms = 2000, .give_up_ms = 60000, .max_tries = 0 };

static void waits_stay_between_base_and_cap(void **state)
{
        (void) state;
        for (uint32_t seed = 1; seed < 200; seed++) {
                struct backoff b = { 0 };
                int64_t now = 1000, before = 100;
                uint32_t rnd = seed * 2654435761u;
                while (backoff_next(&policy, &b, now, rnd)) {
                        assert_in_range(b.wait_ms, policy.base_ms, policy.cap_ms);
                        assert_true(b.wait_ms <= before * 3);
                        before = b.wait_ms;
                        now += b.wait_ms;
                        rnd = rnd * 1664525u + 1013904223u;
                }
                assert_true(now <= 61000);
        }
}

static void the_dice_decide_within_the_range(void **state)
{
        struct backoff low = { 0 }, high = { 0 };

        (void) state;
        for (int i = 0; i < 10; i++) {
                assert_true(backoff_next(&policy, &low, 0, 0));
                (void) backoff_next(&policy, &high, 0, UINT32_MAX);
        }
        assert_int_equal(low.wait_ms, policy.base_ms);
        assert_in_range(high.wait_ms, policy.cap_ms - 1, policy.cap_ms);
}

static void tries_and_time_end_it(void **state)
{
        static const struct backoff_policy three = { .base_ms = 1, .cap_ms = 10, .max_tries = 3 };
        static const struct backoff_policy second = { .base_ms = 100, .cap_ms = 100, .give_up_ms = 1000 };
        struct backoff b = { 0 }, t = { 0 };

        (void) state;
        assert_true(backoff_next(&three, &b, 0, 0));
        assert_true(backoff_next(&three, &b, 0, 0));
        assert_false(backoff_next(&three, &b, 0, 0));
        assert_true(backoff_next(&second, &t, 5000, 0));
        assert_true(backoff_next(&second, &t, 5900, 0));
        assert_false(backoff_next(&second, &t, 5901, 0));
}

static void ids_are_hex_and_differ(void **state)
{
        char a[RANDOM_ID_LEN + 1], b[RANDOM_ID_LEN + 1];

        (void) state;
        random_id(a);
        random_id(b);
        assert_int_equal(strspn(a, "0123456789abcdef"), RANDOM_ID_LEN);
        assert_int_equal(strlen(a), RANDOM_ID_LEN);
        assert_string_not_equal(a, b);
        assert_true(random_u32() != random_u32() || random_u32() != random_u32());
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(stamps_are_rfc3339_utc),
                cmocka_unit_test(stamps_read_back_and_nothing_else_does),
                cmocka_unit_test(the_rest_of_a_deadline_is_never_negative_and_capped),
                cmocka_unit_test(clocks_go_forward),
                cmocka_unit_test(waits_stay_between_base_and_cap),
                cmocka_unit_test(the_dice_decide_within_the_range),
                cmocka_unit_test(tries_and_time_end_it),
                cmocka_unit_test(ids_are_hex_and_differ),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
