/* What people read of a ModelRollout, what kubectl waits for, and how a status is replaced. */
#include "tests/unit/lib/unit.h"

#include <stdlib.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_status.h"
#include "rolloutd/target.h"

enum { NOON_MS = 1000000 };

static const struct platform_ops ops = { .name = "test" };
static struct platform platform = { .ops = &ops };
static const struct target_env env = { .platform = &platform, .tick_ms = 5000 };
static const struct desire_trouble nothing;

/* Two releases side by side, 7.1 with a quarter of the traffic. */
struct scene {
        struct target *t;
        struct kube_spec spec;
        struct kube_status_input in;
        struct kube_conditions conditions;
};

static void set_world(struct target *t, int candidate_bp)
{
        free(t->world.versions);
        t->world.versions = xcalloc(2, sizeof *t->world.versions);
        t->world.n_versions = 2;
        t->world.versions[0] =
                (struct version_status){ .version = 6, .wanted = 4, .ready = 4, .weight_bp = WEIGHT_ALL - candidate_bp };
        t->world.versions[1] = (struct version_status){ .version = release_key(7, 1),
                                                        .wanted = 4,
                                                        .ready = 3,
                                                        .weight_bp = candidate_bp,
                                                        .message = "its pods are starting" };
        t->world.router_ok = true;
        t->world_known = true;
}

static struct policy *three_steps(void)
{
        static struct policy p;

        p = (struct policy){ .name = "canary",
                             .n_steps = 3,
                             .steps = { { .weight_bp = 500 }, { .weight_bp = 2500 }, { .weight_bp = WEIGHT_ALL } } };
        return &p;
}

static void set_up(struct scene *s)
{
        static char names[3][8] = { "scores", "a", "b" };
        struct rollout *r;

        *s = (struct scene){ .t = target_new(&env, "prod.fraud", "fraud") };
        r = &s->t->now;
        r->phase = PHASE_CANARY;
        r->policy = policy_share(NULL, three_steps());
        r->step = 1;
        r->stable = (struct placed){ .version = 6, .replicas = 4 };
        r->candidate = (struct placed){ .version = release_key(7, 1), .replicas = 4 };
        r->stood = r->served = true;
        r->verdict = (struct verdict){ .state = VERDICT_HEALTHY,
                                       .reason = "no gate is broken",
                                       .numbers = { { .name = "requests", .value = 1000 } },
                                       .n_numbers = 1,
                                       .at_ms = NOON_MS };
        r->judge.step[ARM_STABLE].requests = 7410;
        r->judge.step[ARM_CANDIDATE].requests = 2590;
        s->t->split_matches = true;
        set_world(s->t, 2500);
        s->spec = (struct kube_spec){
                .generation = 4, .route = { .mode = KUBE_ROUTE_ADOPTED, .name = names[0], .backends = { names[1], names[2] } }
        };
        s->in = (struct kube_status_input){ .spec = &s->spec,
                                            .seen = s->t,
                                            .generation = 4,
                                            .followed = true,
                                            .trouble = &nothing,
                                            .stall = &nothing,
                                            .now_ms = NOON_MS };
}

static void tear_down(struct scene *s)
{
        target_free(s->t);
}

/* SLUICE_GOLDEN=update writes what is now; look at the diff. */
static void a_status_in_the_middle_of_a_rollout_is_the_golden_one(void **state)
{
        static const char path[] = "tests/unit/rolloutd/kube/status.golden";
        const char *how = getenv("SLUICE_GOLDEN");
        AUTO(str) want = NULL;
        struct err e = { 0 };
        struct scene s;
        (void) state;

        set_up(&s);
        AUTO(json) doc = kube_status_doc(&s.in, &s.conditions);
        AUTO(str) text = json_dumps(doc, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
        AUTO(str) line = xasprintf("%s\n", text);
        if (how && strcmp(how, "update") == 0)
                assert_ok(fs_write_quick(path, line, strlen(line), 0644, &e), e);
        assert_ok(fs_read(path, 1 << 20, &want, NULL, &e), e);
        assert_string_equal(line, want);
        tear_down(&s);
}

/* --- conditions --- */

static void nothing_changed(struct scene *s)
{
        (void) s;
}

static void fresh(struct scene *s)
{
        rollout_done(&s->t->now);
        rollout_init(&s->t->now, "prod.fraud", "fraud");
        s->t->world.n_versions = 0;
}

static void paused(struct scene *s)
{
        s->t->now.paused = true;
}

static void by_hand(struct scene *s)
{
        struct policy p = *s->t->now.policy;

        p.steps[1].pause = true;
        policy_unref(s->t->now.policy);
        s->t->now.policy = policy_share(NULL, &p);
}

static void by_hand_and_still_held(struct scene *s)
{
        struct policy p = *s->t->now.policy;

        p.steps[1].pause = true;
        p.steps[1].hold_ms = 1000;
        policy_unref(s->t->now.policy);
        s->t->now.policy = policy_share(NULL, &p);
}

static void breached(struct scene *s)
{
        s->t->now.verdict.state = VERDICT_BREACH;
        (void) strcpy(s->t->now.verdict.gate, "error-rate");
}

static void no_evidence(struct scene *s)
{
        s->t->now.verdict.state = VERDICT_NO_EVIDENCE;
}

static void rolling_back(struct scene *s)
{
        s->t->now.phase = PHASE_ROLLING_BACK;
}

static void rolled_back(struct scene *s)
{
        s->t->now.phase = PHASE_ROLLED_BACK;
        set_world(s->t, 0);
}

static void done(struct scene *s)
{
        s->t->now.phase = PHASE_DONE;
        s->t->now.stable = s->t->now.candidate;
        s->t->now.candidate = (struct placed){ 0 };
        set_world(s->t, WEIGHT_ALL);
}

static void done_of_the_last_spec(struct scene *s)
{
        done(s);
        s->in.followed = false;
}

static void rolled_back_of_the_last_spec(struct scene *s)
{
        rolled_back(s);
        s->in.followed = false;
}

static void not_seen(struct scene *s)
{
        s->t->world_known = false;
}

static void route_not_accepted(struct scene *s)
{
        s->t->world.router_ok = false;
}

static void drifted(struct scene *s)
{
        set_world(s->t, 9000);
}

static void split_not_seen(struct scene *s)
{
        s->t->split_matches = false;
}

static void stable_down(struct scene *s)
{
        s->t->world.versions[0].ready = 0;
}

static void in_trouble(struct scene *s)
{
        static const struct desire_trouble trouble = { .reason = "PolicyNotFound", .message = "there is no policy slow" };

        s->in.trouble = &trouble;
        s->in.followed = false;
}

static void stalled(struct scene *s)
{
        static const struct desire_trouble stall = { .reason = "Forbidden", .message = "a right is missing" };

        s->in.stall = &stall;
}

static void stalled_with_a_message_cut_in_a_character(struct scene *s)
{
        static const struct desire_trouble stall = { .reason = "Forbidden", .message = "a right is missing: \xe6\xa8" };

        s->in.stall = &stall;
}

static const char *truth_of(const json_t *list, const char *type)
{
        const json_t *c;
        size_t i;

        json_array_foreach (list, i, c)
                if (strcmp(json_string_value(json_object_get(c, "type")), type) == 0)
                        return json_string_value(json_object_get(c, "status"));
        return "missing";
}

/* "Ready Progressing Paused Healthy TrafficVerified RolledBack Complete Stalled SpecAccepted" as letters: True, False, Unknown. */
static void letters_of(const json_t *list, char out[static KUBE_CONDITION_COUNT + 1])
{
        static const char *const types[] = { "Ready",      "Progressing", "Paused",  "Healthy",     "TrafficVerified",
                                             "RolledBack", "Complete",    "Stalled", "SpecAccepted" };

        for (size_t i = 0; i < LENGTH(types); i++)
                out[i] = *truth_of(list, types[i]);
        out[LENGTH(types)] = '\0';
}

static void conditions_tell_what_is(void **state)
{
        static const struct {
                const char *name;
                void (*change)(struct scene *s);
                const char
                        *letters; /* Ready Progressing Paused Healthy TrafficVerified RolledBack Complete Stalled SpecAccepted */
        } cases[] = {
                { "a canary that does well", nothing_changed, "TTFTTFFFT" },
                { "nothing has ever run", fresh, "FFFUFFFFT" },
                { "paused", paused, "TTTTTFFFT" },
                { "a step that has passed and waits for somebody", by_hand, "TTTTTFFFT" },
                { "a step that will wait for somebody", by_hand_and_still_held, "TTFTTFFFT" },
                { "a broken gate", breached, "TTFFTFFFT" },
                { "no evidence is neither health nor its lack", no_evidence, "TTFUTFFFT" },
                { "rolling back is not rolled back", rolling_back, "FTFTFFFFT" },
                { "rolled back", rolled_back, "TFFTTTFFT" },
                { "done", done, "TFFTTFTFT" },
                { "done, but the spec has changed since", done_of_the_last_spec, "TFFTTFFFU" },
                { "rolled back, but the spec has changed since", rolled_back_of_the_last_spec, "TFFTTFFFU" },
                { "the cluster has not been seen yet", not_seen, "UTFTUFFFT" },
                { "the gateway does not accept the route", route_not_accepted, "FTFTFFFFT" },
                { "somebody changed the weights", drifted, "FTFTFFFFT" },
                { "too few requests to see the split", split_not_seen, "TTFTUFFFT" },
                { "no pod of stable is ready", stable_down, "FTFTTFFFT" },
                { "something is not allowed", stalled, "TTFTTFFTT" },
                { "something is not allowed, and told in half", stalled_with_a_message_cut_in_a_character, "TTFTTFFTT" },
                { "a policy that does not exist", in_trouble, "TTFTTFFFF" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                char letters[KUBE_CONDITION_COUNT + 1];
                struct scene s;

                print_message("  %s\n", cases[i].name);
                set_up(&s);
                cases[i].change(&s);
                AUTO(json) list = kube_conditions_json(&s.in, &s.conditions);
                letters_of(list, letters);
                assert_string_equal(letters, cases[i].letters);
                tear_down(&s);
        }
}

static const char *since_of(const json_t *list, const char *type)
{
        const json_t *c;
        size_t i;

        json_array_foreach (list, i, c)
                if (strcmp(json_string_value(json_object_get(c, "type")), type) == 0)
                        return json_string_value(json_object_get(c, "lastTransitionTime"));
        return "missing";
}

static void a_time_changes_only_with_its_status(void **state)
{
        struct kube_conditions again;
        struct scene s;
        (void) state;

        set_up(&s);
        AUTO(json) before = kube_conditions_json(&s.in, &s.conditions);
        AUTO(json) status = json_pack("{s:O}", "conditions", before);
        kube_conditions_read(status, &again); /* a new leader */
        breached(&s);
        s.in.now_ms += 60000;
        AUTO(json) after = kube_conditions_json(&s.in, &again);
        assert_string_equal(since_of(before, "Ready"), "1970-01-01T00:16:40.000Z");
        assert_string_equal(since_of(after, "Ready"), since_of(before, "Ready"));
        assert_string_equal(since_of(after, "Healthy"), "1970-01-01T00:17:40.000Z");
        tear_down(&s);
}

static void conditions_of_others_do_no_harm(void **state)
{
        static const char *const texts[] = {
                "{}", "[]", "{\"conditions\":3}", "{\"conditions\":[3,{\"type\":\"Ready\"}]}",
                "{\"conditions\":[{\"type\":\"Ready\",\"status\":\"\",\"lastTransitionTime\":\"x\"}]}"
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(texts); i++) {
                AUTO(json) status = json_loads(texts[i], 0, NULL);
                struct kube_conditions c;

                kube_conditions_read(status, &c);
                assert_int_equal(c.truth[KUBE_IS_Ready], KUBE_UNSAID);
        }
}

/* --- the patch --- */

static void a_complaint_changes_one_condition(void **state)
{
        static const struct desire_trouble unreadable = { "RecordUnreadable", "it cannot be understood" };
        AUTO(json)
        status = json_loads("{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},"
                            "{\"type\":\"SpecAccepted\",\"status\":\"True\",\"reason\":\"Accepted\"}]}",
                            0, NULL);
        AUTO(json) told = kube_conditions_complaint(status, &unreadable, 4, NOON_MS);
        (void) state;

        assert_int_equal(json_array_size(told), 2);
        assert_true(json_equal(json_array_get(told, 0), json_array_get(json_object_get(status, "conditions"), 0)));
        AUTO(str) text = json_text(json_array_get(told, 1));
        assert_string_equal(
                text, "{\"type\":\"SpecAccepted\",\"status\":\"False\",\"reason\":\"RecordUnreadable\",\"message\":\"it cannot "
                      "be understood\",\"lastTransitionTime\":\"1970-01-01T00:16:40.000Z\",\"observedGeneration\":4}");
        (void) json_object_set(status, "conditions", told);
        AUTO(json) again = kube_conditions_complaint(status, &unreadable, 4, 2 * NOON_MS);
        assert_true(json_equal(again, told)); /* nothing to write */
}

static void a_status_is_replaced_behind_tests(void **state)
{
        static const struct {
                const char *name;
                struct kube_status_base base;
                bool doc, record, events;
                const char *patch;
        } cases[] = {
                { "the first one",
                  { .resource_version = "12" },
                  true,
                  true,
                  true,
                  "[{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"12\"},"
                  "{\"op\":\"add\",\"path\":\"/"
                  "status\",\"value\":{\"phase\":\"Done\",\"revision\":1,\"epoch\":5,\"record\":\"R\","
                  "\"history\":[]}},{\"op\":\"add\",\"path\":\"/status/history/0\",\"value\":{\"number\":9}}]" },
                { "what people read alone: record and history stay",
                  { .revision = 7, .epoch = 4, .has_record = true, .n_history = 3 },
                  true,
                  false,
                  false,
                  "[{\"op\":\"test\",\"path\":\"/status/revision\",\"value\":7},{\"op\":\"test\",\"path\":\"/status/"
                  "epoch\",\"value\":4},"
                  "{\"op\":\"move\",\"from\":\"/status/record\",\"path\":\"/keptRecord\"},"
                  "{\"op\":\"move\",\"from\":\"/status/history\",\"path\":\"/keptHistory\"},"
                  "{\"op\":\"add\",\"path\":\"/status\",\"value\":{\"phase\":\"Done\",\"revision\":8,\"epoch\":5}},"
                  "{\"op\":\"move\",\"from\":\"/keptRecord\",\"path\":\"/status/record\"},"
                  "{\"op\":\"move\",\"from\":\"/keptHistory\",\"path\":\"/status/history\"}]" },
                { "the record alone",
                  { .revision = 7, .epoch = 5, .has_record = true, .n_history = 3 },
                  false,
                  true,
                  false,
                  "[{\"op\":\"test\",\"path\":\"/status/revision\",\"value\":7},{\"op\":\"test\",\"path\":\"/status/"
                  "epoch\",\"value\":5},"
                  "{\"op\":\"replace\",\"path\":\"/status/revision\",\"value\":8},{\"op\":\"replace\",\"path\":\"/status/"
                  "epoch\",\"value\":5},"
                  "{\"op\":\"add\",\"path\":\"/status/record\",\"value\":\"R\"}]" },
                { "the oldest event leaves a full history",
                  { .revision = 7, .epoch = 5, .has_record = true, .n_history = KUBE_HISTORY_MAX },
                  false,
                  false,
                  true,
                  "[{\"op\":\"test\",\"path\":\"/status/revision\",\"value\":7},{\"op\":\"test\",\"path\":\"/status/"
                  "epoch\",\"value\":5},"
                  "{\"op\":\"replace\",\"path\":\"/status/revision\",\"value\":8},{\"op\":\"replace\",\"path\":\"/status/"
                  "epoch\",\"value\":5},"
                  "{\"op\":\"add\",\"path\":\"/status/history/0\",\"value\":{\"number\":9}},"
                  "{\"op\":\"remove\",\"path\":\"/status/history/20\"}]" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) doc = json_pack("{s:s}", "phase", "Done");
                AUTO(json) events = json_pack("[{s:i}]", "number", 9);
                AUTO(json)
                patch = kube_status_patch(&cases[i].base, cases[i].doc ? doc : NULL, 5, cases[i].record ? "R" : NULL,
                                          cases[i].events ? events : NULL);
                AUTO(str) text = json_text(patch);

                print_message("  %s\n", cases[i].name);
                assert_string_equal(text, cases[i].patch);
        }
}

static void names_become_camels(void **state)
{
        static const char *const cases[][2] = { { "ROLLING_BACK", "RollingBack" },
                                                { "error-rate", "ErrorRate" },
                                                { "DONE", "Done" },
                                                { "p99", "P99" },
                                                { "", "" },
                                                { "--7up", "Up" } };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                char out[32];

                kube_camel(cases[i][0], out, sizeof out);
                assert_string_equal(out, cases[i][1]);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_status_in_the_middle_of_a_rollout_is_the_golden_one),
                cmocka_unit_test(conditions_tell_what_is),
                cmocka_unit_test(a_time_changes_only_with_its_status),
                cmocka_unit_test(conditions_of_others_do_no_harm),
                cmocka_unit_test(a_complaint_changes_one_condition),
                cmocka_unit_test(a_status_is_replaced_behind_tests),
                cmocka_unit_test(names_become_camels),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
