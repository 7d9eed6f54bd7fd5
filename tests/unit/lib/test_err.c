/* Errors: one table decides what a kind means outside, wrapping never loses the cause. */
#include "tests/unit/lib/unit.h"

#include <errno.h>

static void setting_fills_kind_and_sentence(void **state)
{
        struct err e = { 0 };

        (void) state;
        assert_failed(err_set(&e, ERR_CONFLICT, "row %d changed", 7), e, ERR_CONFLICT, "row 7 changed");
        assert_int_equal(err_set(NULL, ERR_CONFLICT, "nobody listens"), -1);
        assert_int_equal(err_wrap(NULL, "nobody listens"), -1);
        assert_int_equal(err_errno(NULL, ENOENT, "nobody listens"), -1);
}

static void errno_decides_the_kind(void **state)
{
        static const struct {
                int number;
                enum err_kind kind;
        } cases[] = { { ENOENT, ERR_NOT_FOUND },       { EACCES, ERR_FORBIDDEN },  { ECONNREFUSED, ERR_UNAVAILABLE },
                      { ECONNRESET, ERR_UNAVAILABLE }, { ETIMEDOUT, ERR_TIMEOUT }, { EIO, ERR_INTERNAL } };
        struct err e;

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++)
                assert_failed(err_errno(&e, cases[i].number, "open %s", "x"), e, cases[i].kind, "open x: ");
}

static void wrapping_says_what_was_tried(void **state)
{
        struct err e;

        (void) state;
        (void) err_set(&e, ERR_NOT_FOUND, "no such file");
        assert_int_equal(err_wrap(&e, "load %s", "model"), -1);
        assert_string_equal(e.msg, "load model: no such file");
        assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void wrapping_shortens_the_outside_never_the_cause(void **state)
{
        char cause[sizeof((struct err *) NULL)->msg], outer[600];
        struct err e;

        (void) state;
        memset(outer, 'o', sizeof outer - 1);
        outer[sizeof outer - 1] = '\0';
        for (size_t n = 1; n < sizeof cause; n++) {
                memset(cause, 'c', n);
                cause[n] = '\0';
                (void) err_set(&e, ERR_INTERNAL, "%s", cause);
                (void) err_wrap(&e, "%s", outer);
                size_t len = strlen(e.msg);
                assert_true(len < sizeof e.msg && len >= n);
                assert_string_equal(e.msg + len - n, cause);
        }
}

static void every_kind_has_status_exit_code_and_name(void **state)
{
        (void) state;
        for (int k = ERR_NONE + 1; k < ERR_KIND_COUNT; k++) {
                assert_in_range(err_http_status(k), 400, 599);
                assert_in_range(err_exit_code(k), 1, 125);
                assert_int_equal(err_kind_from_http(err_http_status(k)), k);
                assert_true(strlen(err_kind_name(k)) > 3);
        }
}

static void a_peers_status_becomes_the_nearest_kind(void **state)
{
        static const struct {
                int status;
                enum err_kind kind;
        } cases[] = { { 200, ERR_NONE },        { 304, ERR_NONE },        { 400, ERR_INVALID },     { 418, ERR_INVALID },
                      { 429, ERR_UNAVAILABLE }, { 502, ERR_UNAVAILABLE }, { 503, ERR_UNAVAILABLE }, { 599, ERR_INTERNAL } };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++)
                assert_int_equal(err_kind_from_http(cases[i].status), cases[i].kind);
}

static void only_what_may_pass_is_retried(void **state)
{
        (void) state;
        assert_true(err_is_retryable(ERR_CONFLICT));
        assert_true(err_is_retryable(ERR_UNAVAILABLE));
        assert_true(err_is_retryable(ERR_TIMEOUT));
        assert_false(err_is_retryable(ERR_INVALID));
        assert_false(err_is_retryable(ERR_FORBIDDEN));
        assert_false(err_is_retryable(ERR_INTERNAL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(setting_fills_kind_and_sentence),
                cmocka_unit_test(errno_decides_the_kind),
                cmocka_unit_test(wrapping_says_what_was_tried),
                cmocka_unit_test(wrapping_shortens_the_outside_never_the_cause),
                cmocka_unit_test(every_kind_has_status_exit_code_and_name),
                cmocka_unit_test(a_peers_status_becomes_the_nearest_kind),
                cmocka_unit_test(only_what_may_pass_is_retried),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
