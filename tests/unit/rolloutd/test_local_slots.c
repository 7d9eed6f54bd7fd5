/* Weights, HAProxy's state, the commands that change it, and its configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "rolloutd/local_slots.h"

static const char GOLDEN[] = "tests/unit/rolloutd/haproxy.cfg.golden";

static double share_of(const struct local_share *s, int n, int i)
{
        double total = 0;

        for (int k = 0; k < n; k++)
                total += s[k].weight * s[k].slots;
        return total > 0 ? 100.0 * s[i].weight * s[i].slots / total : 0;
}

static void weights_come_near_what_is_asked(void **state)
{
        static const struct {
                const char *name;
                struct local_share s[3];
                int n;
                double tolerance; /* in percent of all traffic */
        } cases[] = {
                { "5 % of one against one", { { 9500, 1, 0 }, { 500, 1, 0 } }, 2, 0.2 },
                { "5 % of one against three", { { 9500, 3, 0 }, { 500, 1, 0 } }, 2, 0.2 },
                { "5 % of three against one", { { 9500, 1, 0 }, { 500, 3, 0 } }, 2, 0.2 },
                { "25 % of two against five", { { 7500, 5, 0 }, { 2500, 2, 0 } }, 2, 0.2 },
                { "1 % of sixteen against sixteen", { { 9900, 16, 0 }, { 100, 16, 0 } }, 2, 0.2 },
                { "a third each", { { 3333, 1, 0 }, { 3333, 2, 0 }, { 3334, 3, 0 } }, 3, 0.2 },
                { "everything", { { 10000, 4, 0 }, { 0, 4, 0 } }, 2, 0 },
        };

        (void) state;
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
                struct local_share s[3];
                print_message("  %s\n", cases[c].name);
                memcpy(s, cases[c].s, sizeof s);
                local_weights(s, cases[c].n);
                for (int i = 0; i < cases[c].n; i++) {
                        double off = share_of(s, cases[c].n, i) - s[i].bp / 100.0;
                        assert_true(off <= cases[c].tolerance && -off <= cases[c].tolerance);
                        assert_in_range(s[i].weight, s[i].bp ? 1 : 0, LOCAL_SLOT_WEIGHT_MAX);
                }
        }
}

static void every_percent_is_met_within_a_tenth(void **state)
{
        (void) state;
        for (int bp = 100; bp <= 9900; bp += 100) {
                struct local_share s[] = { { WEIGHT_ALL - bp, 1, 0 }, { bp, 1, 0 } };
                local_weights(s, 2);
                double off = share_of(s, 2, 1) - bp / 100.0;
                assert_true(off < 0.1 && off > -0.1);
        }
}

static void nothing_asked_is_nothing_and_a_little_is_never_nothing(void **state)
{
        struct local_share s[] = { { 9999, 1, 0 }, { 1, 1, 0 }, { 0, 1, 0 } };
        struct local_share nobody[] = { { 10000, 0, 0 }, { 0, 3, 0 } };
        struct local_share gone[] = { { 9500, 0, 0 }, { 500, 2, 0 } };

        (void) state;
        local_weights(s, 3);
        assert_int_equal(s[0].weight, 256);
        assert_int_equal(s[1].weight, 1);
        assert_int_equal(s[2].weight, 0);
        local_weights(nobody, 2);
        assert_int_equal(nobody[1].weight, 0);
        local_weights(gone, 2); /* who has no slot leaves its share to the others */
        assert_int_equal(gone[0].weight, 0);
        assert_true(gone[1].weight > 0);
}

/* --- reading --- */

static const char HEAD[] =
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
        "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
        "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
        "srv_check_addr srv_agent_addr srv_agent_port\n";

/* As HAProxy 2.6 writes it, `n` servers of which the first four differ. */
static char *state_text(const char *before, const char *backend, int n)
{
        static const char *const first[] = {
                "127.0.0.1 2 4 228 228 0 8 2 0 6 0 0 0 - 18100",
                "127.0.0.1 0 5 12 0 0 1 0 0 14 0 0 0 - 18101",
                "127.0.0.1 0 0 7 0 0 1 0 0 14 0 0 0 - 18102",
                "127.0.0.1 0 32 0 0 0 1 0 0 14 0 0 0 - 18103",
        };
        struct strbuf b;

        strbuf_init(&b, 65536);
        strbuf_addf(&b, "%s%s", before, HEAD);
        for (int i = 0; i < n; i++)
                strbuf_addf(&b, "4 %s %d s%d %s - 0 0 - - 0\n", backend, i + 1, i + 1,
                            i < 4 ? first[i] : "127.0.0.1 0 5 0 0 0 1 0 0 14 0 0 0 - 1");
        strbuf_adds(&b, "\n");
        return strbuf_take(&b);
}

static void the_state_is_read_after_other_answers(void **state)
{
        static const char before[] =
                "no need to change the addr, port changed from '1' to '18101' by 'stats socket command'\n\n\n";
        AUTO(str) text = state_text(before, "model_credit", LOCAL_SLOTS);
        struct local_slot s[LOCAL_SLOTS];

        (void) state;
        assert_int_equal(local_slots_parse(text, "model_credit", s, NULL), 0);
        assert_int_equal(s[0].port, 18100);
        assert_int_equal(s[0].weight, 228);
        assert_true(s[0].enabled && s[0].up);
        assert_int_equal(s[1].weight, 12);
        assert_false(s[1].enabled || s[1].up);
        assert_true(s[2].enabled && !s[2].up);
        assert_false(s[3].enabled);
        assert_int_equal(s[31].port, 1);
}

static void anything_else_is_refused(void **state)
{
        AUTO(str) few = state_text("", "model_credit", LOCAL_SLOTS - 1);
        AUTO(str) other = state_text("", "model_other", LOCAL_SLOTS);
        AUTO(str) many = state_text("", "model_credit", LOCAL_SLOTS + 1);
        AUTO(str) cut = state_text("", "model_credit", LOCAL_SLOTS);
        const struct {
                const char *text, *says;
        } cases[] = {
                { "", "did not tell" },      { "\nCan't find backend.\n\n", "Can't find backend." },
                { few, "31 of 32" },         { other, "unexpected line" },
                { many, "unexpected line" }, { cut, "unexpected line" },
        };
        struct local_slot s[LOCAL_SLOTS] = { { .port = 7 } };

        (void) state;
        cut[strlen(cut) - 60] = '\0';
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err e = { 0 };
                assert_int_equal(local_slots_parse(cases[i].text, "model_credit", s, &e), -1);
                assert_int_equal(e.kind, ERR_INVALID);
                assert_non_null(strstr(e.msg, cases[i].says));
                assert_int_equal(s[0].port, 7);
        }
}

/* --- changing --- */

static void expect_plan(const struct local_slot *now, const struct local_slot *want, const char *expected)
{
        AUTO_STRBUF b;

        strbuf_init(&b, LOCAL_PLAN_MAX);
        local_slots_plan("model_m", now, want, &b);
        assert_string_equal(strbuf_str(&b), expected);
}

static void winners_rise_before_losers_fall(void **state)
{
        struct local_slot now[LOCAL_SLOTS] = { { 18100, 0, true, true }, { 18101, 256, true, true } };
        struct local_slot want[LOCAL_SLOTS] = { { 18100, 256, true, true }, { 18101, 0, true, true } };

        (void) state;
        expect_plan(now, want, "set server model_m/s1 weight 256;set server model_m/s2 weight 0;");
        expect_plan(want, now, "set server model_m/s2 weight 256;set server model_m/s1 weight 0;");
        expect_plan(now, now, "");
}

static void a_slot_joins_with_its_address_and_weight_right(void **state)
{
        struct local_slot now[LOCAL_SLOTS] = { { 1, 200, false, false } };
        struct local_slot want[LOCAL_SLOTS] = { { 18100, 12, true, false } };

        (void) state;
        expect_plan(now, want,
                    "set server model_m/s1 addr 127.0.0.1 port 18100;set server model_m/s1 weight 12;"
                    "set server model_m/s1 state ready;");
        expect_plan(want, now,
                    "set server model_m/s1 addr 127.0.0.1 port 1;set server model_m/s1 weight 200;"
                    "set server model_m/s1 state maint;");
}

static void a_plan_too_long_is_cut_between_commands_and_takes_nothing_away(void **state)
{
        struct local_slot now[LOCAL_SLOTS] = { 0 }, want[LOCAL_SLOTS] = { 0 };
        AUTO_STRBUF b;

        (void) state;
        for (int i = 0; i < LOCAL_SLOTS; i++)
                *(i % 2 ? &now[i] : &want[i]) = (struct local_slot){ 18100 + i, 256, true, true };
        strbuf_init(&b, 200);
        local_slots_plan("model_m", now, want, &b);
        assert_true(b.len > 100);
        assert_int_equal(strbuf_str(&b)[b.len - 1], ';');
        assert_null(strstr(strbuf_str(&b), "maint"));
}

static void the_longest_plan_fits_what_haproxy_reads_at_once(void **state)
{
        struct local_slot now[LOCAL_SLOTS], want[LOCAL_SLOTS];
        char name[NAME_MAX_LEN + 1], backend[LOCAL_BACKEND_MAX];
        AUTO_STRBUF b;

        (void) state;
        memset(name, 'm', sizeof name - 1);
        name[sizeof name - 1] = '\0';
        local_backend_name(name, backend);
        assert_int_equal(strlen(backend), LOCAL_BACKEND_MAX - 1);
        for (int i = 0; i < LOCAL_SLOTS; i++) {
                now[i] = (struct local_slot){ 1, 256, false, false };
                want[i] = (struct local_slot){ 18100 + i, 100, true, false };
        }
        strbuf_init(&b, LOCAL_PLAN_MAX);
        local_slots_plan(backend, now, want, &b);
        assert_true(strbuf_ok(&b));
}

/* UPDATE_GOLDEN=1 writes the file anew. */
static void the_configuration_is_the_golden_one(void **state)
{
        struct local_backend b = { .target = "credit" };
        AUTO(str) golden = NULL;
        AUTO_STRBUF text;

        (void) state;
        for (int i = 0; i < LOCAL_SLOTS; i++)
                b.slots[i].port = LOCAL_UNUSED_PORT;
        b.slots[0] = (struct local_slot){ 18100, 228, true, false };
        b.slots[1] = (struct local_slot){ 18101, 12, false, false };
        strbuf_init(&text, LOCAL_CONFIG_MAX);
        local_config_text("127.0.0.1:8480", "/var/lib/sluice/haproxy.sock", &b, 1, &text);
        if (getenv("UPDATE_GOLDEN"))
                assert_int_equal(fs_write_atomic(GOLDEN, strbuf_str(&text), text.len, 0644, NULL), 0);
        assert_int_equal(fs_read(GOLDEN, LOCAL_CONFIG_MAX, &golden, NULL, NULL), 0);
        assert_string_equal(strbuf_str(&text), golden);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(weights_come_near_what_is_asked),
                cmocka_unit_test(every_percent_is_met_within_a_tenth),
                cmocka_unit_test(nothing_asked_is_nothing_and_a_little_is_never_nothing),
                cmocka_unit_test(the_state_is_read_after_other_answers),
                cmocka_unit_test(anything_else_is_refused),
                cmocka_unit_test(winners_rise_before_losers_fall),
                cmocka_unit_test(a_slot_joins_with_its_address_and_weight_right),
                cmocka_unit_test(a_plan_too_long_is_cut_between_commands_and_takes_nothing_away),
                cmocka_unit_test(the_longest_plan_fits_what_haproxy_reads_at_once),
                cmocka_unit_test(the_configuration_is_the_golden_one),
        };

        mem_init();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
