/* Our backends in other people's routes: found, read, changed, and nothing else touched. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/kube_route.h"
#include "lib/release.h"
#include "tests/unit/lib/unit.h"

static const char *const PAIR[] = { "fraud-a", "fraud-b" };

/* JSON written with ' instead of ". */
static json_t *doc(const char *text)
{
        char *copy = strdup(text);

        for (char *p = copy; *p; p++)
                if (*p == '\'')
                        *p = '"';
        json_t *made = json_loads(copy, JSON_DECODE_ANY, NULL);
        if (!made)
                fail_msg("no JSON: %s", copy);
        free(copy);
        return made;
}

static json_t *route(const char *rules)
{
        char text[4096];

        (void) snprintf(text, sizeof text,
                        "{'metadata':{'namespace':'prod','name':'fraud','resourceVersion':'41'},'spec':{'rules':%s}}", rules);
        return doc(text);
}

static void assert_json(const json_t *got, const char *expected)
{
        AUTO(json) want = doc(expected);
        AUTO(str) text = json_canonical(got), wanted = json_canonical(want);

        assert_string_equal(text, wanted);
}

static void assert_shares(const struct kube_route_rule *r, int first, int second)
{
        assert_int_equal(r->n, 2);
        assert_int_equal(r->refs[0].is.bp, first);
        assert_int_equal(r->refs[1].is.bp, second);
}

#define A "{'name':'fraud-a','port':80,'weight':95}"
#define B "{'name':'fraud-b','port':80,'weight':5}"
#define OTHER "{'name':'legacy','port':80,'weight':100}"
#define BOTH "{'backendRefs':[" A "," B "]}"

static void weights_become_shares(void **state)
{
        static const struct {
                const char *name, *refs;
                int a, b;
        } cases[] = {
                { "percent", A "," B, 9500, 500 },
                { "the other order", B "," A, 9500, 500 },
                { "unset is 1", "{'name':'fraud-a','port':80},{'name':'fraud-b','port':80}", 5000, 5000 },
                { "unset beside 3", "{'name':'fraud-a','port':80},{'name':'fraud-b','port':80,'weight':3}", 2500, 7500 },
                { "0.01 %", "{'name':'fraud-a','port':80,'weight':9999},{'name':'fraud-b','port':80,'weight':1}", 9999, 1 },
                { "a trickle is not nothing", "{'name':'fraud-a','port':80,'weight':1000000},{'name':'fraud-b','port':80}", 9999,
                  1 },
                { "nothing", "{'name':'fraud-a','port':80,'weight':7},{'name':'fraud-b','port':80,'weight':0}", 10000, 0 },
                { "nothing at all", "{'name':'fraud-a','port':80,'weight':0},{'name':'fraud-b','port':80,'weight':0}", 0, 0 },
                { "beside others", OTHER "," A "," B, 9500, 500 },
                { "explicit defaults",
                  "{'group':'','kind':'Service','namespace':'prod','name':'fraud-a','port':80},{'name':'fraud-b','port':80}",
                  5000, 5000 },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                char rules[1024];
                struct kube_route_rule r;
                struct err e;
                print_message("  %s\n", cases[i].name);
                (void) snprintf(rules, sizeof rules, "[{'backendRefs':[%s]}]", cases[i].refs);
                AUTO(json) live = route(rules);
                assert_ok(kube_route_find_pair(live, NULL, PAIR, &r, &e), e);
                assert_shares(&r, cases[i].a, cases[i].b);
                assert_int_equal(r.port, 80);
        }
}

static void what_cannot_be_followed_is_said(void **state)
{
        static const struct {
                const char *rules, *name, *sentence;
        } cases[] = {
                { "[]", NULL, "has no rules" },
                { "[{'backendRefs':[" A "]}]", NULL, "no rule with both backends fraud-a and fraud-b" },
                { "[{'name':'x','backendRefs':[" A "]}]", "x", "no rule called x with both" },
                { "[" BOTH "]", "scoring", "has no rule called \"scoring\"" },
                { "[" BOTH "," BOTH "]", NULL, "rule 0 and in rule 1" },
                { "[{'name':'x','backendRefs':[" A "," B "]},{'name':'x','backendRefs':[" A "," B "]}]", "x",
                  "rule 0 and in rule 1" },
                { "[{'backendRefs':[" A "," B "," A "]}]", NULL, "twice" },
                { "[{'backendRefs':[" A ",{'name':'fraud-b','port':81}]}]", NULL, "different ports" },
                { "[{'backendRefs':[{'name':'fraud-a'},{'name':'fraud-b'}]}]", NULL, "without a port" },
                { "[{'backendRefs':[" A ",{'name':'fraud-b','port':80,'weight':-1}]}]", NULL, "a weight that is none" },
                { "[{'backendRefs':[" A ",{'name':'fraud-b','port':80,'weight':'5'}]}]", NULL, "a weight that is none" },
                { "[{'backendRefs':[" A ",{'name':'fraud-b','port':80,'weight':1000001}]}]", NULL, "a weight that is none" },
                { "[{'backendRefs':[" A ",{'name':'fraud-b','namespace':'dev','port':80}]}]", NULL, "no rule with both" },
                { "[{'backendRefs':[" A ",{'name':'fraud-b','kind':'Lambda','group':'x','port':80}]}]", NULL,
                  "no rule with both" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct kube_route_rule r;
                struct err e;
                AUTO(json) live = route(cases[i].rules);
                print_message("  %s\n", cases[i].sentence);
                assert_failed(kube_route_find_pair(live, cases[i].name, PAIR, &r, &e), e, ERR_INVALID, cases[i].sentence);
                assert_contains(e.msg, "HTTPRoute prod/fraud");
        }
}

static void the_rule_is_found_among_others(void **state)
{
        struct kube_route_rule r;
        struct err e;
        /* A header rule that pins one slot is the user's; so is one for other backends. */
        AUTO(json)
        live = route("[{'matches':[{'headers':[{'name':'x-canary','value':'1'}]}],'backendRefs':[" B "]},{'backendRefs':[" OTHER
                     "]}," BOTH "]");
        AUTO(json) named = route("[" BOTH ",{'name':'scoring','backendRefs':[" OTHER "," B "," A "]}]");
        (void) state;

        assert_ok(kube_route_find_pair(live, NULL, PAIR, &r, &e), e);
        assert_int_equal(r.index, 2);
        assert_ok(kube_route_find_pair(named, "scoring", PAIR, &r, &e), e);
        assert_int_equal(r.index, 1);
        assert_int_equal(r.refs[0].index, 2);
        assert_int_equal(r.refs[1].index, 1);
        assert_int_equal(r.foreign, 100);
        assert_int_equal(r.total, 100);
}

static void sixteen_rules_are_read_and_seventeen_refused(void **state)
{
        char rules[4096] = "[";
        struct kube_route_rule r;
        struct err e;
        (void) state;

        for (int i = 0; i < 15; i++)
                strcat(rules, "{'backendRefs':[" OTHER "]},");
        size_t all = strlen(rules);
        strcat(rules, BOTH "]");
        AUTO(json) live = route(rules);
        assert_ok(kube_route_find_pair(live, NULL, PAIR, &r, &e), e);
        assert_int_equal(r.index, 15);
        strcpy(rules + all, "{'backendRefs':[" OTHER "]}," BOTH "]");
        AUTO(json) over = route(rules);
        assert_failed(kube_route_find_pair(over, NULL, PAIR, &r, &e), e, ERR_INVALID, "more rules than the API allows");
}

static void seventeen_backends_are_refused(void **state)
{
        char rules[4096] = "[{'backendRefs':[" A "," B;
        struct kube_route_rule r;
        struct err e;
        (void) state;

        for (int i = 0; i < 15; i++)
                strcat(rules, "," OTHER);
        strcat(rules, "]}]");
        AUTO(json) live = route(rules);
        assert_failed(kube_route_find_pair(live, NULL, PAIR, &r, &e), e, ERR_INVALID, "more backends than the API allows");
}

static int patch_of(const char *rules, const char *name, int a, int b, bool exact, json_t **patch, struct err *e)
{
        AUTO(json) live = route(rules);
        struct kube_route_rule r;

        return kube_route_find_pair(live, name, PAIR, &r, e) || kube_route_patch(live, &r, (const int[]){ a, b }, exact, patch, e)
                       ? -1
                       : 0;
}

#define TESTS                                                                                                                    \
        "{'op':'test','path':'/spec/rules/0/backendRefs/0/name','value':'fraud-a'},"                                             \
        "{'op':'test','path':'/spec/rules/0/backendRefs/1/name','value':'fraud-b'}"
#define WEIGHTS(a, b)                                                                                                            \
        "{'op':'add','path':'/spec/rules/0/backendRefs/0/weight','value':" #a "},"                                               \
        "{'op':'add','path':'/spec/rules/0/backendRefs/1/weight','value':" #b "}"

static void a_patch_names_two_weights_and_guards_itself(void **state)
{
        static const struct {
                const char *name, *rules, *rule;
                int a, b;
                bool exact;
                const char *patch; /* NULL: nothing to write */
        } cases[] = {
                { "out of 10,000", "[" BOTH "]", NULL, 9999, 1, false, "[" TESTS "," WEIGHTS(9999, 1) "]" },
                { "against any change", "[" BOTH "]", NULL, 7500, 2500, true,
                  "[{'op':'test','path':'/metadata/resourceVersion','value':'41'}," TESTS "," WEIGHTS(7500, 2500) "]" },
                { "the same share is not written", "[" BOTH "]", NULL, 9500, 500, true, NULL },
                { "the rule's name is tested", "[{'name':'s','backendRefs':[" A "," B "]}]", "s", 0, 10000, false,
                  "[{'op':'test','path':'/spec/rules/0/name','value':'s'}," TESTS "," WEIGHTS(0, 10000) "]" },
                { "unset weights are set", "[{'backendRefs':[{'name':'fraud-a','port':1},{'name':'fraud-b','port':1}]}]", NULL,
                  10000, 0, false, "[" TESTS "," WEIGHTS(10000, 0) "]" },
                { "an all-zero rule comes to life",
                  "[{'backendRefs':[{'name':'fraud-a','port':1,'weight':0},{'name':'fraud-b','port':1,'weight':0}]}]", NULL,
                  10000, 0, false, "[" TESTS "," WEIGHTS(10000, 0) "]" },
                { "beside others, what ours have together stays", "[{'backendRefs':[" A "," B "," OTHER "]}]", NULL, 5000, 5000,
                  false, "[" TESTS "," WEIGHTS(50, 50) "]" },
                { "others of weight 0 do not count", "[{'backendRefs':[" A "," B ",{'name':'old','weight':0}]}]", NULL, 5000,
                  5000, false, "[" TESTS "," WEIGHTS(5000, 5000) "]" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) patch = NULL;
                struct err e;
                print_message("  %s\n", cases[i].name);
                assert_ok(patch_of(cases[i].rules, cases[i].rule, cases[i].a, cases[i].b, cases[i].exact, &patch, &e), e);
                if (cases[i].patch)
                        assert_json(patch, cases[i].patch);
                else
                        assert_null(patch);
        }
}

static void a_share_that_cannot_be_written_is_refused(void **state)
{
        AUTO(json) patch = NULL;
        struct err e;
        (void) state;

        assert_failed(patch_of("[{'backendRefs':[" A "," B "," OTHER "]}]", NULL, 9999, 1, false, &patch, &e), e, ERR_INVALID,
                      "ours weigh 100 together: 99.99 % of that is no whole number");
        assert_failed(
                patch_of("[{'backendRefs':[{'name':'fraud-a','port':1,'weight':0},{'name':'fraud-b','port':1,'weight':0}," OTHER
                         "]}]",
                         NULL, 10000, 0, false, &patch, &e),
                e, ERR_INVALID, "ours weigh 0 together");
        assert_null(patch);
}

static void owned_routes_are_made_from_their_shape(void **state)
{
        AUTO(json)
        shape = doc(
                "{'mode':'Owned','name':'x','parentRefs':[{'name':'gw'}],'hostnames':['a.b'],'matches':[{'path':{'value':'/'}}],"
                "'filters':[]}");
        static const struct kube_share shares[] = { { "fraud-v1", 9999 }, { "fraud-v2-1", 1 }, { "fraud-v3", 0 } };
        AUTO(json) spec = NULL;
        AUTO(json) full = NULL;
        AUTO(json) none = NULL;
        struct err e;
        (void) state;

        assert_ok(kube_route_owned(shape, 8000, shares, 3, false, &spec, &e), e);
        assert_json(
                spec,
                "{'parentRefs':[{'name':'gw'}],'hostnames':['a.b'],'rules':[{'matches':[{'path':{'value':'/'}}],'backendRefs':["
                "{'name':'fraud-v1','port':8000,'weight':9999},{'name':'fraud-v2-1','port':8000,'weight':1}]}]}");
        assert_ok(kube_route_owned(shape, 8000, shares, 3, true, &full, &e), e);
        assert_int_equal(json_array_size(json_object_get(json_array_get(json_object_get(full, "rules"), 0), "backendRefs")), 3);
        assert_failed(kube_route_owned(shape, 8000, shares + 1, 2, true, &none, &e), e, ERR_INVALID, "add up to 1");
        assert_failed(kube_route_owned(shape, 8000, shares + 2, 1, true, &none, &e), e, ERR_INVALID, "add up to 0");
        assert_null(none);
}

static void owned_backends_are_told_by_their_names(void **state)
{
        AUTO(json)
        live = route("[{'backendRefs':[" OTHER "]},{'backendRefs':[{'name':'fraud-v1','port':8000,'weight':3},"
                     "{'name':'fraud-v2-1','port':8000},{'name':'fraud-v2-0','port':8000},{'name':'fraud-vx'},{'name':'fraud-"
                     "preview'}]}]");
        AUTO(json) empty = route("[]");
        struct kube_route_rule r;
        struct err e;
        (void) state;

        assert_ok(kube_route_find_owned(live, "fraud", &r, &e), e);
        assert_int_equal(r.index, 1);
        assert_shares(&r, 7500, 2500);
        assert_string_equal(r.refs[1].is.service, "fraud-v2-1");
        assert_ok(kube_route_find_owned(empty, "fraud", &r, &e), e);
        assert_int_equal(r.index, -1);
        assert_int_equal(r.n, 0);
}

static void what_the_server_adds_is_no_difference(void **state)
{
        static const struct {
                const char *live, *wanted;
                bool covers;
        } cases[] = {
                { "{'a':1,'b':2}", "{'a':1}", true },
                { "{'a':1}", "{'a':1,'b':2}", false },
                { "{'r':[{'a':1,'kind':'Service'}]}", "{'r':[{'a':1}]}", true },
                { "{'r':[{'a':1},{'a':2}]}", "{'r':[{'a':1}]}", false },
                { "{'r':{}}", "{'r':[]}", true },
                { "{'r':null}", "{'r':{'a':1}}", false },
                { "{'r':'x'}", "{'r':'y'}", false },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) live = doc(cases[i].live);
                AUTO(json) wanted = doc(cases[i].wanted);
                assert_int_equal(kube_route_covers(live, wanted), cases[i].covers);
        }
}

static void releases_are_told_from_names(void **state)
{
        static const struct {
                const char *object;
                int64_t release; /* 0: none */
        } cases[] = {
                { "fraud-v7", 7 },
                { "fraud-v7-1", 0x100000007 },
                { "fraud-v7-0", 0 },
                { "fraud-v07", 0 },
                { "fraud-v", 0 },
                { "fraud-preview", 0 },
                { "fraud", 0 },
                { "fraudy-v7", 0 },
                { "fraud-v7.1", 0 },
                { "fraud-v7-1-1", 0 },
                { "fraud-v99999999999", 0 },
                { "fraud-v-7", 0 },
                { "fraud-v7-", 0 },
        };
        char name[RELEASE_OBJECT_MAX + 1];
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                int64_t key = 0;
                print_message("  %s\n", cases[i].object);
                assert_int_equal(release_of_object("fraud", cases[i].object, &key), cases[i].release ? 0 : -1);
                if (!cases[i].release)
                        continue;
                assert_int_equal(key, cases[i].release);
                release_object_name("fraud", key, name);
                assert_string_equal(name, cases[i].object);
        }
}

#define COND(type, status, generation)                                                                                           \
        "{'type':'" type "','status':'" status "','observedGeneration':" #generation ",'reason':'Because','message':'of that'}"
#define GOOD COND("Accepted", "True", 5) "," COND("ResolvedRefs", "True", 5)
#define PARENT(ref, conditions) "{'parentRef':" ref ",'conditions':[" conditions "]}"
#define GW "{'name':'gw','namespace':'infra'}"

static void a_route_is_accepted_by_all_parents_whole_and_as_it_is(void **state)
{
        static const struct {
                const char *refs, *parents, *why; /* why "": accepted */
        } cases[] = {
                { GW, PARENT(GW, GOOD), "" },
                { GW, PARENT("{'name':'gw','namespace':'infra','group':'gateway.networking.k8s.io','kind':'Gateway'}", GOOD),
                  "" },
                { "{'name':'gw'}", PARENT("{'name':'gw','namespace':'prod'}", GOOD), "" },
                { GW, "", "Gateway infra/gw has not said yet whether it accepts the route" },
                { GW, PARENT("{'name':'gw'}", GOOD), "Gateway infra/gw has not said yet" },
                { GW ",{'name':'second'}", PARENT(GW, GOOD), "Gateway prod/second has not said yet" },
                { GW, PARENT(GW, COND("Accepted", "True", 5)), "has not said yet whether the route is ResolvedRefs" },
                { GW, PARENT(GW, COND("Accepted", "True", 4) "," COND("ResolvedRefs", "True", 5)), "not yet seen generation 5" },
                { GW, PARENT(GW, COND("Accepted", "False", 5) "," COND("ResolvedRefs", "True", 5)),
                  "Gateway infra/gw does not accept the route: Because: of that" },
                { GW, PARENT(GW, COND("Accepted", "Unknown", 5) "," COND("ResolvedRefs", "True", 5)), "does not accept" },
                { GW, PARENT(GW, COND("Accepted", "True", 5) "," COND("ResolvedRefs", "False", 5)), "cannot resolve" },
                { GW, PARENT(GW, GOOD "," COND("PartiallyInvalid", "True", 5)), "takes only parts of the route" },
                { GW, PARENT(GW, GOOD "," COND("PartiallyInvalid", "False", 5)), "" },
                { GW, PARENT(GW, GOOD) "," PARENT(GW, COND("Accepted", "False", 5)),
                  "does not accept" }, /* a second controller */
                { GW, PARENT(GW, GOOD) "," PARENT("{'name':'former'}", COND("Accepted", "False", 3)), "" },
                { "{'name':'gw','sectionName':'https'}", PARENT("{'name':'gw','sectionName':'http'}", GOOD), "has not said yet" },
                { "", "", "no parents" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                char text[4096], why[KUBE_ROUTE_WHY_MAX];
                (void) snprintf(text, sizeof text,
                                "{'metadata':{'namespace':'prod','name':'fraud','generation':5},'spec':{'parentRefs':[%s]},"
                                "'status':{'parents':[%s]}}",
                                cases[i].refs, cases[i].parents);
                AUTO(json) live = doc(text);
                assert_int_equal(kube_route_accepted(live, why), !*cases[i].why);
                if (*cases[i].why)
                        assert_contains(why, cases[i].why);
                else
                        assert_string_equal(why, "");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(weights_become_shares),
                cmocka_unit_test(what_cannot_be_followed_is_said),
                cmocka_unit_test(the_rule_is_found_among_others),
                cmocka_unit_test(sixteen_rules_are_read_and_seventeen_refused),
                cmocka_unit_test(seventeen_backends_are_refused),
                cmocka_unit_test(a_patch_names_two_weights_and_guards_itself),
                cmocka_unit_test(a_share_that_cannot_be_written_is_refused),
                cmocka_unit_test(owned_routes_are_made_from_their_shape),
                cmocka_unit_test(owned_backends_are_told_by_their_names),
                cmocka_unit_test(what_the_server_adds_is_no_difference),
                cmocka_unit_test(releases_are_told_from_names),
                cmocka_unit_test(a_route_is_accepted_by_all_parents_whole_and_as_it_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
