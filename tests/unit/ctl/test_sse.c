/* The event stream parser: whole, in single bytes, and out of bounds. */
#include "ctl/sse.h"

#include "tests/unit/lib/unit.h"

/* Events as "type|data|id;" in a row. */
static int note(void *arg, const struct sse_event *ev, struct err *e)
{
        (void) e;
        strbuf_addf(arg, "%s|%s|%s;", ev->type, ev->data, ev->id);
        assert_int_equal(strlen(ev->data), ev->len);
        return 0;
}

/* Feed in pieces of `step` bytes. */
static int feed(const char *text, size_t step, size_t max, struct strbuf *seen, struct err *e)
{
        struct sse p;
        int r = 0;

        sse_init(&p, max);
        for (size_t at = 0, len = strlen(text); r == 0 && at < len; at += step)
                r = sse_feed(&p, text + at, len - at < step ? len - at : step, note, seen, e);
        sse_done(&p);
        return r;
}

static void events_come_out_however_the_stream_is_cut(void **state)
{
        static const struct {
                const char *name, *stream, *events;
        } cases[] = {
                { "one event", "data: hello\n\n", "message|hello|;" },
                { "type and id", "event: rollout\nid: 7\ndata: {}\n\n", "rollout|{}|7;" },
                { "lines are joined", "data: a\ndata: b\n\n", "message|a\nb|;" },
                { "only one blank is taken off", "data:  x\ndata:y\n\n", "message| x\ny|;" },
                { "carriage returns", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", "message|a|;message|b|;message|c|;" },
                { "comments", ": keep-alive\n\n:\n\ndata: a\n: in between\ndata: b\n\n", "message|a\nb|;" },
                { "no data, no event", "event: ping\n\ndata: a\n\n", "message|a|;" },
                { "empty data is data", "data\n\n", "message||;" },
                { "an id lasts", "id: 3\ndata: a\n\ndata: b\n\n", "message|a|3;message|b|3;" },
                { "a type does not", "event: x\ndata: a\n\ndata: b\n\n", "x|a|;message|b|;" },
                { "unknown fields", "foo: bar\ndata: a\nfoo\n\n", "message|a|;" },
                { "byte order mark",
                  "\xef\xbb\xbf"
                  "data: a\n\n",
                  "message|a|;" },
                { "an unfinished event is none", "data: a\n\ndata: b\n", "message|a|;" },
                { "nothing", "", "" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++)
                for (size_t step = 1; step < 20; step += 3) {
                        AUTO_STRBUF seen;
                        struct err e = { 0 };
                        print_message("  %s, in pieces of %zu\n", cases[i].name, step);
                        strbuf_init(&seen, 4096);
                        assert_ok(feed(cases[i].stream, step, 1000, &seen, &e), e);
                        assert_string_equal(strbuf_str(&seen), cases[i].events);
                }
}

static void what_is_over_the_maximum_is_refused(void **state)
{
        static const char *const streams[] = {
                "data: 0123456789\n\n",              /* line */
                "data: 01\ndata: 23\ndata:4567\n\n", /* event */
                ": 0123456789 a long comment",       /* even without its end */
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(streams); i++) {
                AUTO_STRBUF seen;
                struct err e = { 0 };
                strbuf_init(&seen, 100);
                assert_failed(feed(streams[i], 100, 9, &seen, &e), e, ERR_TOO_LARGE, "over 9 bytes");
                assert_string_equal(strbuf_str(&seen), "");
        }
}

static void the_servers_pause_is_kept(void **state)
{
        struct sse p;
        struct err e = { 0 };

        (void) state;
        sse_init(&p, 100);
        assert_int_equal(p.retry_ms, -1);
        assert_ok(sse_feed(&p, "retry: soon\n", 12, note, NULL, &e), e);
        assert_int_equal(p.retry_ms, -1);
        assert_ok(sse_feed(&p, "retry: 2500\n", 12, note, NULL, &e), e);
        assert_int_equal(p.retry_ms, 2500);
        sse_done(&p);
}

static int refuse(void *arg, const struct sse_event *ev, struct err *e)
{
        (void) arg;
        (void) ev;
        return err_set(e, ERR_INTERNAL, "no more");
}

static void the_listener_can_end_it(void **state)
{
        struct sse p;
        struct err e = { 0 };

        (void) state;
        sse_init(&p, 100);
        assert_failed(sse_feed(&p, "data: a\n\ndata: b\n\n", 18, refuse, NULL, &e), e, ERR_INTERNAL, "no more");
        sse_done(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(events_come_out_however_the_stream_is_cut),
                cmocka_unit_test(what_is_over_the_maximum_is_refused),
                cmocka_unit_test(the_servers_pause_is_kept),
                cmocka_unit_test(the_listener_can_end_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
