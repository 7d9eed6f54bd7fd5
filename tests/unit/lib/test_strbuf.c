/* The buffer never passes its maximum, remembers that it wanted to, and is always a string. */
#include "tests/unit/lib/unit.h"

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/strbuf.h"

static void a_zeroed_buffer_is_empty_text(void **state)
{
        struct strbuf b = { 0 };

        (void) state;
        assert_string_equal(strbuf_str(&b), "");
        assert_true(strbuf_ok(&b));
        assert_true(strbuf_add(&b, "", 0));
        assert_false(strbuf_addc(&b, 'x'));
        assert_false(strbuf_ok(&b));
        strbuf_done(&b);
}

static void text_grows_until_the_maximum_exactly(void **state)
{
        (void) state;
        for (size_t max = 1; max < 300; max += 7) {
                AUTO_STRBUF b;
                strbuf_init(&b, max);
                for (size_t i = 0; i < max; i++)
                        assert_true(strbuf_addc(&b, (char) ('a' + i % 26)));
                assert_int_equal(strlen(strbuf_str(&b)), max);
                assert_true(strbuf_ok(&b));
                assert_false(strbuf_addc(&b, 'z'));
                assert_int_equal(b.len, max);
        }
}

static void what_does_not_fit_is_left_out_whole_and_remembered(void **state)
{
        AUTO_STRBUF b;

        (void) state;
        strbuf_init(&b, 8);
        assert_true(strbuf_adds(&b, "12345"));
        assert_false(strbuf_addf(&b, "%s", "6789"));
        assert_string_equal(strbuf_str(&b), "12345");
        assert_false(strbuf_addc(&b, '6')); /* would fit, but the text already has a hole */
        assert_false(strbuf_ok(&b));
        strbuf_reset(&b);
        assert_true(strbuf_addf(&b, "%d", 12345678));
        assert_string_equal(strbuf_str(&b), "12345678");
        assert_false(strbuf_add(&b, b.data_, SIZE_MAX));
}

static void dropping_takes_from_the_front(void **state)
{
        AUTO_STRBUF b;

        (void) state;
        strbuf_init(&b, 100);
        strbuf_adds(&b, "abcdef");
        strbuf_drop(&b, 2);
        assert_string_equal(strbuf_str(&b), "cdef");
        strbuf_drop(&b, 0);
        assert_string_equal(strbuf_str(&b), "cdef");
        strbuf_drop(&b, 99);
        assert_string_equal(strbuf_str(&b), "");
}

static void taking_leaves_an_empty_buffer_that_works(void **state)
{
        AUTO_STRBUF b;

        (void) state;
        strbuf_init(&b, 100);
        AUTO(str) nothing = strbuf_take(&b);
        assert_string_equal(nothing, "");
        strbuf_adds(&b, "one");
        AUTO(str) one = strbuf_take(&b);
        assert_string_equal(one, "one");
        assert_string_equal(strbuf_str(&b), "");
        assert_true(strbuf_adds(&b, "two"));
        assert_string_equal(strbuf_str(&b), "two");
}

static void bytes_may_be_nul(void **state)
{
        AUTO_STRBUF b;

        (void) state;
        strbuf_init(&b, 100);
        strbuf_add(&b, "a\0b", 3);
        assert_int_equal(b.len, 3);
        assert_memory_equal(strbuf_str(&b), "a\0b", 4);
}

static void given_memory_is_usable_even_for_nothing(void **state)
{
        (void) state;
        AUTO(str) none = xmalloc(0);
        AUTO(str) zeroed = xcalloc(0, 8);
        AUTO(str) cut = xstrndup("abcdef", 3);
        AUTO(str) whole = xstrndup("ab", 3);
        AUTO(str) printed = xasprintf("%d-%s", 4, "x");
        char *grown = xrealloc(xstrdup("abc"), 8, 2);

        assert_non_null(none);
        assert_non_null(zeroed);
        assert_string_equal(cut, "abc");
        assert_string_equal(whole, "ab");
        assert_string_equal(printed, "4-x");
        assert_string_equal(grown, "abc");
        free(grown);
}

static void taken_pointers_are_not_freed_twice(void **state)
{
        char *mine;

        (void) state;
        {
                AUTO(str) text = xstrdup("still here");
                mine = TAKE(text);
                assert_null(text);
        }
        assert_string_equal(mine, "still here");
        free(mine);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_zeroed_buffer_is_empty_text),
                cmocka_unit_test(text_grows_until_the_maximum_exactly),
                cmocka_unit_test(what_does_not_fit_is_left_out_whole_and_remembered),
                cmocka_unit_test(dropping_takes_from_the_front),
                cmocka_unit_test(taking_leaves_an_empty_buffer_that_works),
                cmocka_unit_test(bytes_may_be_nul),
                cmocka_unit_test(given_memory_is_usable_even_for_nothing),
                cmocka_unit_test(taken_pointers_are_not_freed_twice),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
