/* Rollouts as lines and pictures. */
#include "ctl/rollout_view.h"

#include "ctl/text.h"
#include "lib/auto.h"
#include "tests/unit/lib/unit.h"

static json_t *rollout(const char *text)
{
        json_error_t where;
        json_t *doc = json_loads(text, 0, &where);

        if (!doc)
                fail_msg("%s: %s", text, where.text);
        return doc;
}

#define CANARY                                                                                                                   \
        "{\"target\":\"credit\",\"phase\":\"CANARY\",\"stable\":1,\"candidate\":2,\"policy\":\"canary\",\"step\":1,"             \
        "\"steps\":[5,25,100],\"weight_asked\":25,\"weight_observed\":24.31,\"paused\":false,\"hold_left_ms\":42300,"            \
        "\"message\":\"step 2 of 3: holding 43 s more\",\"verdict\":{\"state\":\"healthy\",\"reason\":\"0.2 % errors, 0.2 % "    \
        "before\"},\"rollout_id\":7}"

static void versions_point_where_the_traffic_goes(void **state)
{
        static const struct {
                const char *doc, *versions;
        } cases[] = {
                { "{\"phase\":\"CANARY\",\"stable\":1,\"candidate\":2}", "1 -> 2" },
                { "{\"phase\":\"PENDING\",\"stable\":null,\"candidate\":1}", "1" },
                { "{\"phase\":\"ROLLING_BACK\",\"stable\":1,\"candidate\":2}", "2 -> 1" },
                { "{\"phase\":\"ROLLED_BACK\",\"stable\":1,\"candidate\":2}", "1" },
                { "{\"phase\":\"DONE\",\"stable\":2,\"candidate\":null}", "2" },
                { "{\"phase\":\"IDLE\",\"stable\":null,\"candidate\":null}", "-" },
                { "{\"phase\":\"SOMETHING_NEW\",\"stable\":1,\"candidate\":2}", "1 -> 2" },
                { "{\"phase\":\"CANARY\",\"stable\":7,\"stable_release\":\"7\",\"candidate\":7,\"candidate_release\":\"7.1\"}",
                  "7 -> 7.1" },
                { "{\"phase\":\"DONE\",\"stable\":7,\"stable_release\":\"7.1\",\"candidate\":null,\"candidate_release\":null}",
                  "7.1" },
                { "{}", "-" },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) doc = rollout(cases[i].doc);
                AUTO_STRBUF out;
                strbuf_init(&out, 100);
                view_versions(doc, &out);
                assert_string_equal(strbuf_str(&out), cases[i].versions);
        }
}

static void the_present_step_stands_out(void **state)
{
        AUTO(json) doc = rollout(CANARY);
        AUTO_STRBUF out;

        (void) state;
        strbuf_init(&out, 1000);
        view_steps(doc, false, &out);
        assert_string_equal(strbuf_str(&out), "5 % > [25 %] > 100 %");
        strbuf_reset(&out);
        view_steps(doc, true, &out);
        assert_contains(strbuf_str(&out), "\033[1m25 %\033[0m");
        assert_lacks(strbuf_str(&out), "[25 %]");
}

static void a_line_says_all_that_matters(void **state)
{
        AUTO(json) doc = rollout(CANARY);
        AUTO(json) done = rollout("{\"phase\":\"DONE\",\"stable\":2,\"message\":\"version 2 has all the traffic\"}");
        AUTO_STRBUF out;

        (void) state;
        strbuf_init(&out, 1000);
        view_line(doc, &out);
        assert_string_equal(strbuf_str(&out), "CANARY        1 -> 2  asked 25 %, observed 24.31 %, hold left 43s  step 2 of 3: "
                                              "holding 43 s more  (healthy: 0.2 % errors, 0.2 % before)");
        strbuf_reset(&out);
        view_line(done, &out);
        assert_string_equal(strbuf_str(&out), "DONE          2  version 2 has all the traffic");
}

static void the_picture_fits_and_counts_down(void **state)
{
        AUTO(json) doc = rollout(CANARY);

        (void) state;
        for (int width = 40; width <= 160; width += 40) {
                AUTO_STRBUF out;
                strbuf_init(&out, 4096);
                view_picture(doc, 12300, width, false, &out);
                for (const char *line = strbuf_str(&out); *line; line += strcspn(line, "\n") + 1)
                        assert_in_range(strcspn(line, "\n"), 0, (size_t) width);
                assert_contains(strbuf_str(&out), "credit  1 -> 2  policy canary\n  5 % > [25 %] > 100 %\n");
                assert_true(width < 80 || strstr(strbuf_str(&out), "hold left 30s"));
                assert_contains(strbuf_str(&out), "  healthy: ");
        }
}

static void the_picture_cannot_be_painted_over_by_a_message(void **state)
{
        AUTO(json)
        doc = rollout("{\"model\":\"m\",\"phase\":\"CANARY\",\"message\":\"x\\u001b[2Jy\\nz\",\"verdict\":"
                      "{\"state\":\"breach\",\"reason\":\"\\u001b]0;evil\\u0007\"}}");
        AUTO_STRBUF out;

        (void) state;
        strbuf_init(&out, 4096);
        view_picture(doc, 0, 80, false, &out);
        assert_lacks(strbuf_str(&out), "\033");
        assert_lacks(strbuf_str(&out), "\a");
}

static void a_countdown_is_no_change_but_new_words_are(void **state)
{
        static const struct {
                const char *a, *b;
                bool differs;
        } cases[] = {
                { "{\"message\":\"holding 42 s more\"}", "{\"message\":\"holding 9 s more\"}", false },
                { "{\"message\":\"holding 42 s more\"}", "{\"message\":\"holding\"}", true },
                { "{\"message\":\"a\"}", "{}", true },
                { "{\"message\":\"42\"}", "{}", false },
                { "{\"phase\":\"CANARY\"}", "{\"phase\":\"CANARY\"}", false },
                { "{\"phase\":\"CANARY\"}", "{\"phase\":\"DONE\"}", true },
                { "{\"weight_asked\":5}", "{\"weight_asked\":25}", true },
                { "{\"weight_observed\":5}", "{\"weight_observed\":25}", false },
                { "{\"verdict\":null}", "{\"verdict\":{\"state\":\"healthy\"}}", true },
                { "{\"verdict\":{\"state\":\"healthy\",\"at\":\"1\"}}", "{\"verdict\":{\"state\":\"healthy\",\"at\":\"2\"}}",
                  false },
        };

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) a = rollout(cases[i].a);
                AUTO(json) b = rollout(cases[i].b);
                assert_int_equal(view_differs(a, b), cases[i].differs);
                assert_int_equal(view_differs(b, a), cases[i].differs);
        }
}

static void an_event_tells_what_where_why_and_who(void **state)
{
        AUTO(json)
        ev = rollout("{\"kind\":\"weight\",\"from\":\"PENDING\",\"to\":\"CANARY\",\"weight\":5,\"why\":\"ready\",\"actor\":"
                     "\"ann\"}");
        AUTO(json)
        bare = rollout("{\"kind\":\"verdict\",\"from\":\"CANARY\",\"to\":\"CANARY\",\"weight\":null,\"why\":\"\",\"actor\":"
                       "\"\"}");
        AUTO_STRBUF out;

        (void) state;
        strbuf_init(&out, 1000);
        view_event(ev, &out);
        assert_string_equal(strbuf_str(&out), "weight  PENDING -> CANARY  5 %  ready  (ann)");
        strbuf_reset(&out);
        view_event(bare, &out);
        assert_string_equal(strbuf_str(&out), "verdict");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions_point_where_the_traffic_goes),
                cmocka_unit_test(the_present_step_stands_out),
                cmocka_unit_test(a_line_says_all_that_matters),
                cmocka_unit_test(the_picture_fits_and_counts_down),
                cmocka_unit_test(the_picture_cannot_be_painted_over_by_a_message),
                cmocka_unit_test(a_countdown_is_no_change_but_new_words_are),
                cmocka_unit_test(an_event_tells_what_where_why_and_who),
        };

        text_init();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
