/* The line splitter: the same lines whatever the pieces. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/kube_lines.h"
#include "tests/unit/lib/unit.h"

static int collect(void *arg, const char *line, size_t len)
{
        strbuf_addf(arg, "<%.*s>", (int) len, line);
        return 0;
}

static int refuse(void *arg, const char *line, size_t len)
{
        (void) line;
        (void) len;
        return ++*(int *) arg == 2 ? -1 : 0;
}

static void every_way_to_cut_gives_the_same_lines(void **state)
{
        static const char text[] = "one\ntwo\r\n\n\nthree and more\n\nrest";
        size_t n = sizeof text - 1;
        (void) state;

        for (size_t size = 1; size <= n; size++) {
                struct kube_lines l;
                AUTO_STRBUF got;
                strbuf_init(&got, 1000);
                kube_lines_init(&l, 100);
                for (size_t at = 0; at < n; at += size)
                        assert_int_equal(kube_lines_feed(&l, text + at, at + size < n ? size : n - at, collect, &got), 0);
                assert_string_equal(strbuf_str(&got), "<one><two><three and more>");
                kube_lines_done(&l);
        }
}

static void a_line_over_the_maximum_is_refused_whole_or_in_pieces(void **state)
{
        static const char text[] = "12345678901\n";
        struct kube_lines l;
        AUTO_STRBUF got;
        (void) state;

        strbuf_init(&got, 1000);
        kube_lines_init(&l, 10);
        assert_int_equal(kube_lines_feed(&l, text, 12, collect, &got), -1);
        kube_lines_reset(&l);
        assert_int_equal(kube_lines_feed(&l, text, 6, collect, &got), 0);
        assert_int_equal(kube_lines_feed(&l, text + 6, 6, collect, &got), -1);
        kube_lines_reset(&l);
        assert_int_equal(kube_lines_feed(&l, text, 11, collect, &got), -1);
        kube_lines_reset(&l);
        assert_int_equal(kube_lines_feed(&l, text + 1, 11, collect, &got), 0);
        assert_string_equal(strbuf_str(&got), "<2345678901>");
        kube_lines_done(&l);
}

static void a_refusal_stops_the_stream(void **state)
{
        struct kube_lines l;
        int seen = 0;
        (void) state;

        kube_lines_init(&l, 10);
        assert_int_equal(kube_lines_feed(&l, "a\nb\nc\n", 6, refuse, &seen), -1);
        assert_int_equal(seen, 2);
        kube_lines_done(&l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_way_to_cut_gives_the_same_lines),
                cmocka_unit_test(a_line_over_the_maximum_is_refused_whole_or_in_pieces),
                cmocka_unit_test(a_refusal_stops_the_stream),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
