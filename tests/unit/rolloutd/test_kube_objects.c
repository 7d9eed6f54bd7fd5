/* What a release is made of: its plan, its objects against golden files, and the ConfigMaps and Secrets of its template. */
#include "tests/unit/lib/unit.h"

#include <stdlib.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_configs.h"
#include "rolloutd/kube_objects.h"
#include "rolloutd/kube_plan.h"

#define FOLDER "tests/unit/rolloutd/kube/"
#define DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static const struct kube_resource budgets = { "policy", "v1beta1", "poddisruptionbudgets" };
static const struct kube_resource autoscalers = { "autoscaling", "v2beta2", "horizontalpodautoscalers" };

static json_t *read_json(const char *path)
{
        AUTO(str) text = NULL;
        struct err e = { 0 };
        json_t *doc;

        assert_ok(fs_read(path, 1 << 20, &text, NULL, &e), e);
        assert_ok(json_parse(path, text, strlen(text), &doc, &e), e);
        return doc;
}

static json_t *parse(const char *text) /* with ' for " */
{
        AUTO(str) copy = xstrdup(text);
        struct err e = { 0 };
        json_t *doc;

        for (char *c = copy; *c; c++)
                if (*c == '\'')
                        *c = '"';
        assert_ok(json_parse("test", copy, strlen(copy), &doc, &e), e);
        return doc;
}

/* SLUICE_GOLDEN=update writes what is now; look at the diff. */
static void assert_golden(const char *name, const json_t *got)
{
        AUTO(str) path = xasprintf(FOLDER "%s.golden", name);
        AUTO(str) text = json_dumps(got, JSON_INDENT(2) | JSON_SORT_KEYS);
        AUTO(str) line = xasprintf("%s\n", text), want = NULL;
        const char *how = getenv("SLUICE_GOLDEN");
        struct err e = { 0 };

        if (how && strcmp(how, "update") == 0)
                assert_ok(fs_write_quick(path, line, strlen(line), 0644, &e), e);
        assert_ok(fs_read(path, 1 << 20, &want, NULL, &e), e);
        assert_string_equal(line, want);
}

static json_t *metadata(const char *name)
{
        return json_pack("{s:s, s:s}", "name", name, "namespace", "prod");
}

/* All objects of release 7.1 of the ModelRollout in the file, as one list. */
static json_t *objects_of(const char *file, const char *digest, const struct kube_scorer *s, int replicas)
{
        struct kube_spec spec = { .model = (char[]){ "fraud-score" }, .route.port = 8000 };
        int64_t release = release_key(7, 1);
        AUTO(json) rollout = read_json(file);
        AUTO(json) data = kube_plan_data(rollout, &spec, release, digest);
        AUTO(json) selector = kube_selector("fraud", release);
        json_t *list = json_array();
        struct kube_plan p;
        struct err e = { 0 };

        assert_ok(kube_plan_read(data, &p, &e), e);
        (void) json_array_append_new(list, kube_deployment_object(&p, s, selector, replicas, metadata("fraud-v7-1")));
        (void) json_array_append_new(list, kube_service_object(p.port, selector, metadata("fraud-v7-1")));
        (void) json_array_append_new(list, kube_budget_object(&budgets, p.max_unavailable, selector, metadata("fraud-v7-1")));
        if (p.autoscaling)
                (void) json_array_append_new(list, kube_autoscaler_object(&autoscalers, p.autoscaling, "fraud-v7-1", replicas,
                                                                          metadata("fraud-v7-1")));
        return list;
}

static void a_template_that_says_nothing_is_completed(void **state)
{
        struct kube_scorer s = { .registry_url = "http://registryd.sluice:8470", .configs_prefix = "fraud-v7-1" };
        AUTO(json) objects = objects_of(FOLDER "minimal.json", "", &s, 1);
        (void) state;

        assert_golden("minimal", objects);
}

static void a_template_that_says_much_is_respected(void **state)
{
        struct kube_scorer s = { "http://registryd.sluice:8470", "scorer-token", "fraud-v7-1" };
        AUTO(json) objects = objects_of(FOLDER "rich.json", DIGEST, &s, 3);
        (void) state;

        assert_golden("rich", objects);
}

static void a_model_and_a_token_of_the_users_own_are_left_to_him(void **state)
{
        struct kube_scorer s = { "http://r", "scorer-token", "c" };
        AUTO(json)
        data = parse("{'version':7,'model':'m','digest':'" DIGEST
                     "','port':8000,'template':{'spec':{'containers':[{'name':'scorer','env':["
                     "{'name':'SLUICE_SCORER_MODEL_FILE','value':'/m'},{'name':'SLUICE_SCORER_REGISTRY_TOKEN_FILE','value':'/"
                     "t'}]}]}}}");
        AUTO(json) selector = kube_selector("fraud", 7);
        struct kube_plan p;
        struct err e = { 0 };
        (void) state;

        assert_ok(kube_plan_read(data, &p, &e), e);
        AUTO(json) deployment = kube_deployment_object(&p, &s, selector, 1, json_object());
        AUTO(str) text = json_text(deployment);
        assert_lacks(text, "SLUICE_SCORER_DIGEST");
        assert_lacks(text, "scorer-token");
}

static void a_floor_over_the_ceiling_raises_it(void **state)
{
        AUTO(json) autoscaling = parse("{'maxReplicas':4}");
        AUTO(json) high = kube_autoscaler_object(&autoscalers, autoscaling, "d", 9, json_object());
        AUTO(json) low = kube_autoscaler_object(&autoscalers, autoscaling, "d", 0, json_object());
        (void) state;

        assert_int_equal(json_integer_value(json_object_get(json_object_get(high, "spec"), "maxReplicas")), 9);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(low, "spec"), "minReplicas")), 1);
}

static void plans_that_make_no_sense_are_refused(void **state)
{
#define PLAN(template) "{'version':7,'model':'m','digest':'','port':8000,'template':" template "}"
        static const struct {
                const char *name, *data, *error;
        } cases[] = {
                { "no object", "[]", "the release" },
                { "no template", "{'version':7,'model':'m','digest':'','port':8000}", "template" },
                { "a port that is no number", "{'version':7,'model':'m','digest':'','port':'8000','template':{}}", "integer" },
                { "no containers", PLAN("{}"), "the template has no containers" },
                { "an empty list of them", PLAN("{'spec':{'containers':[]}}"), "the template has no containers" },
                { "a container that is none", PLAN("{'spec':{'containers':[{},7]}}"),
                  "container 1 of the template is no object" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) data = parse(cases[i].data);
                struct kube_plan p;
                struct err e = { 0 };

                print_message("  %s\n", cases[i].name);
                assert_failed(kube_plan_read(data, &p, &e), e, ERR_INVALID, cases[i].error);
        }
}

static void every_reference_is_found_once(void **state)
{
        static const struct kube_config_ref want[] = {
                { "settings", false, false }, { "keys", true, false }, { "files", false, false }, { "cert", true, true }
        };
        AUTO(json) rollout = read_json(FOLDER "rich.json");
        struct kube_configs found;
        struct err e = { 0 };
        (void) state;

        assert_ok(kube_configs_find(json_object_get(json_object_get(rollout, "spec"), "template"), &found, &e), e);
        assert_int_equal(found.n, LENGTH(want));
        for (size_t i = 0; i < LENGTH(want); i++) {
                assert_string_equal(found.refs[i].name, want[i].name);
                assert_int_equal(found.refs[i].secret, want[i].secret);
                assert_int_equal(found.refs[i].optional, want[i].optional);
        }
}

static void nonsense_names_nothing(void **state)
{
        static const char *const templates[] = {
                "{}",
                "[]",
                "{'spec':7}",
                "{'spec':{'containers':{},'volumes':'x'}}",
                "{'spec':{'containers':[1,{'env':[1,{'valueFrom':2},{'valueFrom':{'secretKeyRef':{'name':3}}}],'envFrom':[{}]}],"
                "'volumes':[{'projected':{'sources':[4]}},{'secret':{}}]}}",
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(templates); i++) {
                AUTO(json) template = parse(templates[i]);
                struct kube_configs found;
                struct err e = { 0 };

                assert_ok(kube_configs_find(template, &found, &e), e);
                assert_int_equal(found.n, 0);
                kube_configs_rename(template, "p");
                AUTO(json) same = parse(templates[i]);
                assert_true(json_equal(template, same));
        }
}

static void too_many_references_are_refused(void **state)
{
        AUTO(json) list = json_array();
        AUTO(json) template = json_pack("{s:{s:[{s:O}]}}", "spec", "containers", "envFrom", list);
        struct kube_configs found;
        struct err e = { 0 };
        (void) state;

        for (int i = 0; i <= KUBE_CONFIGS_MAX; i++) {
                AUTO(str) name = xasprintf("c%d", i);

                (void) json_array_append_new(list, json_pack("{s:{s:s}}", "configMapRef", "name", name));
        }
        assert_failed(kube_configs_find(template, &found, &e), e, ERR_INVALID, "more than 32 ConfigMaps and Secrets");
}

static void copies_are_immutable_and_keep_what_counts(void **state)
{
        AUTO(json)
        secret = parse("{'kind':'Secret','metadata':{'name':'keys','labels':{'app':'x'},'resourceVersion':'5'},"
                       "'type':'kubernetes.io/tls','data':{'tls.crt':'eA=='}}");
        AUTO(json) map = parse("{'metadata':{'name':'m'},'data':{'a':'b'},'binaryData':{'c':'eA=='},'immutable':false}");
        AUTO(json) token = parse("{'metadata':{'name':'t'},'type':'kubernetes.io/service-account-token','data':{}}");
        json_t *copy;
        struct err e = { 0 };
        (void) state;

        assert_ok(kube_configs_copy(secret, true, metadata("x-keys"), &copy, &e), e);
        AUTO(json)
        want = parse("{'apiVersion':'v1','kind':'Secret','metadata':{'name':'x-keys','namespace':'prod'},'immutable':true,"
                     "'type':'kubernetes.io/tls','data':{'tls.crt':'eA=='}}");
        assert_true(json_equal(copy, want));
        json_decref(copy);
        assert_ok(kube_configs_copy(map, false, metadata("x-m"), &copy, &e), e);
        assert_int_equal(json_object_size(copy), 6);
        assert_true(json_is_true(json_object_get(copy, "immutable")));
        json_decref(copy);
        assert_failed(kube_configs_copy(token, true, metadata("x-t"), &copy, &e), e, ERR_INVALID, "service account's token");
}

static void a_deployment_says_how_large_it_is_to_be(void **state)
{
#define DEPLOYMENT(scale) "{'metadata':{'annotations':{'sluice.dev/scale':'" scale "'}},'spec':{'replicas':5}}"
        static const struct {
                const char *name, *deployment, *wish;
                int floor;
        } cases[] = {
                { "an autoscaler's floor", DEPLOYMENT("4/0c1f9a22"), "0c1f9a22", 4 },
                { "without one, the replicas", DEPLOYMENT("-/0c1f9a22"), "0c1f9a22", 5 },
                { "another wish", DEPLOYMENT("4/0c1f9a22"), "0c1f9a23", -1 },
                { "whatever the wish", DEPLOYMENT("4/0c1f9a22"), NULL, 4 },
                { "no number", DEPLOYMENT("x/0c1f9a22"), "0c1f9a22", -1 },
                { "a negative one", DEPLOYMENT("-4/0c1f9a22"), "0c1f9a22", -1 },
                { "no slash", DEPLOYMENT("4"), NULL, -1 },
                { "nothing", "{'spec':{'replicas':5}}", NULL, -1 },
                { "no replicas", "{'metadata':{'annotations':{'sluice.dev/scale':'-/x'}}}", NULL, -1 },
        };
        char text[KUBE_SCALE_TEXT_MAX];
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) deployment = parse(cases[i].deployment);

                print_message("  %s\n", cases[i].name);
                assert_int_equal(kube_scale_floor(deployment, cases[i].wish), cases[i].floor);
        }
        kube_scale_text(true, 4, "0c1f9a22", text);
        assert_string_equal(text, "4/0c1f9a22");
        kube_scale_text(false, 4, "0c1f9a22", text);
        assert_string_equal(text, "-/0c1f9a22");
}

static void a_wish_is_about_scaling_only(void **state)
{
        static const char *const same[] = { "{'autoscaling':{'maxReplicas':4,'minReplicas':2}}",
                                            "{'autoscaling':{'minReplicas':2,'maxReplicas':4},'version':8,'template':{}}" };
        static const char *const others[] = { "{}", "{'autoscaling':{'maxReplicas':5,'minReplicas':2}}",
                                              "{'autoscaling':{'maxReplicas':4,'minReplicas':2},'maxUnavailable':1}" };
        char first[KUBE_WISH_LEN + 1], wish[KUBE_WISH_LEN + 1];
        (void) state;

        AUTO(json) a = parse(same[0]);
        AUTO(json) b = parse(same[1]);
        kube_scale_wish(a, first);
        kube_scale_wish(b, wish);
        assert_string_equal(first, wish);
        for (size_t i = 0; i < LENGTH(others); i++) {
                AUTO(json) other = parse(others[i]);

                kube_scale_wish(other, wish);
                assert_string_not_equal(first, wish);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_template_that_says_nothing_is_completed),
                cmocka_unit_test(a_template_that_says_much_is_respected),
                cmocka_unit_test(a_model_and_a_token_of_the_users_own_are_left_to_him),
                cmocka_unit_test(a_floor_over_the_ceiling_raises_it),
                cmocka_unit_test(plans_that_make_no_sense_are_refused),
                cmocka_unit_test(every_reference_is_found_once),
                cmocka_unit_test(nonsense_names_nothing),
                cmocka_unit_test(too_many_references_are_refused),
                cmocka_unit_test(copies_are_immutable_and_keep_what_counts),
                cmocka_unit_test(a_deployment_says_how_large_it_is_to_be),
                cmocka_unit_test(a_wish_is_about_scaling_only),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
