/* What a route says about a ModelRollout, what is written into it, and what its two Services are. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "rolloutd/kube_gateways.h"
#include "rolloutd/kube_router.h"
#include "rolloutd/kube_slots.h"
#include "tests/unit/lib/unit.h"

/* JSON written with ' instead of ". */
static json_t *doc(const char *text)
{
        char *copy = strdup(text);

        for (char *p = copy; *p; p++)
                if (*p == '\'')
                        *p = '"';
        json_t *made = json_loads(copy, 0, NULL);
        if (!made)
                fail_msg("no JSON: %s", copy);
        free(copy);
        return made;
}

static struct kube_platform platform = { .epoch = 3, .kinds.routes = { "gateway.networking.k8s.io", "v1", "httproutes" } };
static char id[] = "prod.fraud", home[] = "prod", name[] = "fraud", uid[] = "u1";

static struct kube_target target(const char *route)
{
        char text[1024];

        (void) snprintf(
                text, sizeof text,
                "{'metadata':{'namespace':'prod','name':'fraud','uid':'u1','generation':1},'spec':{'version':1,'route':%s,"
                "'template':{'spec':{'containers':[{'name':'scorer','image':'x'}]}}}}",
                route);
        AUTO(json) o = doc(text);
        struct kube_target t = { .id = id, .namespace_ = home, .name = name, .uid = uid, .spec = kube_spec_new(o) };
        if (t.spec->invalid)
                fail_msg("%s", t.spec->invalid);
        return t;
}

#define OWNED "{'parentRefs':[{'name':'gw'}],'hostnames':['a.b']}"
#define ADOPTED "{'mode':'Adopted','backends':['a','b']}"
#define META(owners, labels)                                                                                                     \
        "'metadata':{'namespace':'prod','name':'fraud','uid':'r1','resourceVersion':'9','generation':2,'ownerReferences':"       \
        "[" owners "],'labels':{" labels "}}"
#define MINE "{'kind':'ModelRollout','name':'fraud','uid':'u1'}"
#define FORMER "{'kind':'ModelRollout','name':'fraud','uid':'u0'}"
#define OTHERS "{'kind':'Shop','name':'s','uid':'u9'}"
#define SPEC(more, refs)                                                                                                         \
        "'spec':{'parentRefs':[{'kind':'Gateway','name':'gw'}],'hostnames':['a.b']" more ",'rules':[{" MATCHES                   \
        ",'backendRefs':[" refs "]}]}"
#define MATCHES "'matches':[{'path':{'type':'PathPrefix','value':'/'}}]"
#define REF(n, w) "{'kind':'Service','name':'fraud-v" #n "','port':8000,'weight':" #w "}"

static void an_owned_route_is_known_by_its_owner_and_its_shape(void **state)
{
        static const struct {
                const char *name, *route;
                bool ours, shaped;
                const char *sentence; /* INVALID, or why it is not ours yet */
        } cases[] = {
                { "as it was made", "{" META(MINE, "") "," SPEC("", REF(1, 9500) "," REF(2, 500)) "}", true, true, NULL },
                { "the owner taken away", "{" META("", "'sluice.dev/rollout':'fraud'") "," SPEC("", REF(1, 10000)) "}", true,
                  true, NULL },
                { "nobody's", "{" META("", "") "," SPEC("", REF(1, 10000)) "}", false, false, "is not ours" },
                { "somebody else's", "{" META(OTHERS, "'sluice.dev/rollout':'fraud'") "," SPEC("", REF(1, 10000)) "}", false,
                  false, "is not ours" },
                { "a former one's", "{" META(FORMER, "") "," SPEC("", REF(1, 10000)) "}", false, false, "former ModelRollout" },
                { "another backend in it", "{" META(MINE, "") "," SPEC("", REF(1, 10000) ",{'name':'x','port':1,'weight':1}") "}",
                  true, false, NULL },
                { "weights in other words", "{" META(MINE, "") "," SPEC("", REF(1, 19) "," REF(2, 1)) "}", true, false, NULL },
                { "another port", "{" META(MINE, "") "," SPEC("", "{'name':'fraud-v1','port':80,'weight':10000}") "}", true,
                  false, NULL },
                { "more hostnames",
                  "{" META(MINE, "") ",'spec':{'parentRefs':[{'name':'gw'}],'hostnames':['a.b','c.d'],'rules':[{" MATCHES
                                     ",'backendRefs':[" REF(1, 10000) "]}]}}",
                  true, false, NULL },
                { "a filter",
                  "{" META(MINE, "") ",'spec':{'parentRefs':[{'name':'gw'}],'hostnames':['a.b'],'rules':[{" MATCHES
                                     ",'filters':[{'type':'X'}],'backendRefs':[" REF(1, 10000) "]}]}}",
                  true, false, NULL },
                { "what the server may add", "{" META(MINE, "") "," SPEC(",'useDefaultGateways':'None'", REF(1, 10000)) "}", true,
                  true, NULL },
                { "no weight at all", "{" META(MINE, "") "," SPEC("", REF(1, 0)) "}", true, false, NULL },
        };
        struct kube_target t = target(OWNED);
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) route = doc(cases[i].route);
                struct kube_reading r;
                struct err e = { 0 };
                print_message("  %s\n", cases[i].name);
                int failed = kube_httproute.read(&platform, &t, route, &r, &e);
                assert_int_equal(r.ours, cases[i].ours);
                if (cases[i].sentence)
                        assert_contains(failed ? e.msg : r.why, cases[i].sentence);
                else
                        assert_int_equal(r.shaped, cases[i].shaped);
        }
        kube_spec_free(t.spec);
}

static void an_owned_route_is_written_whole_or_not_at_all(void **state)
{
        AUTO(json) live = doc("{" META(MINE, "") "," SPEC("", REF(1, 9500) "," REF(2, 500)) "}");
        static const struct kube_share same[] = { { "fraud-v1", 9500 }, { "fraud-v2", 500 } };
        static const struct kube_share all[] = { { "fraud-v1", 10000 }, { "fraud-v2", 0 } };
        struct kube_target t = target(OWNED);
        struct kube_reading r = { .ours = true };
        struct kube_write w;
        struct err e;
        (void) state;

        assert_ok(kube_httproute.write(&platform, &t, live, &r, same, 2, true, &w, &e), e);
        assert_null(w.body);
        assert_ok(kube_httproute.write(&platform, &t, live, &r, all, 2, true, &w, &e), e);
        AUTO(str) exact = json_text(w.body);
        assert_int_equal(w.verb, KUBE_JSON_PATCH);
        assert_contains(exact, "{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"r1\"}");
        assert_contains(exact, "{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"9\"}");
        assert_contains(exact, "\"backendRefs\":[{\"name\":\"fraud-v1\",\"port\":8000,\"weight\":10000}]");
        json_decref(w.body);
        t.route.keep_zeros = true;
        assert_ok(kube_httproute.write(&platform, &t, live, &r, all, 2, false, &w, &e), e);
        AUTO(str) urgent = json_text(w.body);
        assert_lacks(urgent, "resourceVersion");
        assert_contains(urgent, "{\"name\":\"fraud-v2\",\"port\":8000,\"weight\":0}");
        json_decref(w.body);
        assert_ok(kube_httproute.write(&platform, &t, NULL, &r, all, 2, true, &w, &e), e);
        AUTO(str) made = json_text(w.body);
        assert_int_equal(w.verb, KUBE_CREATE);
        assert_contains(made, "\"sluice.dev/epoch\":\"3\"");
        assert_contains(made, "\"uid\":\"u1\"");
        json_decref(w.body);
        kube_spec_free(t.spec);
}

static void an_adopted_route_has_to_exist(void **state)
{
        static const struct kube_share shares[] = { { .bp = 10000 }, { .bp = 0 } };
        struct kube_target t = target(ADOPTED);
        struct kube_reading r = { .ours = true };
        struct kube_write w;
        struct err e;
        (void) state;

        assert_failed(kube_httproute.write(&platform, &t, NULL, &r, shares, 2, true, &w, &e), e, ERR_NOT_FOUND, "does not exist");
        kube_spec_free(t.spec);
}

static void a_slot_s_service_changes_as_little_as_it_can(void **state)
{
        struct kube_target t = target(ADOPTED);
        AUTO(json) wanted = kube_slot_service(&platform, &t, 0, 80, 7);
        AUTO(json) same = json_deep_copy(wanted);
        AUTO(json) other = kube_slot_service(&platform, &t, 0, 80, 8);
        int64_t release;
        struct err e;
        (void) state;

        assert_ok(kube_slot_release(&t, wanted, &release, &e), e);
        assert_int_equal(release, 7);
        (void) json_object_set_new(json_array_get(json_object_get(json_object_get(same, "spec"), "ports"), 0), "nodePort",
                                   json_integer(1));
        assert_null(kube_slot_patch(same, wanted));
        AUTO(json) patch = kube_slot_patch(same, other);
        AUTO(str) text = json_text(patch);
        assert_contains(text, "\"/metadata/resourceVersion\"");
        assert_contains(text, "\"/spec/selector\"");
        assert_lacks(text, "/spec/ports");
        assert_ok(kube_slot_release(&t, NULL, &release, &e), e);
        assert_int_equal(release, 0);
        (void) json_object_del(json_object_get(same, "metadata"), "ownerReferences");
        assert_failed(kube_slot_release(&t, same, &release, &e), e, ERR_INVALID, "is somebody else's");
        kube_spec_free(t.spec);
}

static void a_slot_follows_when_all_its_ready_endpoints_are_the_release_s(void **state)
{
        struct kube_pod pods[] = { { "10.0.0.1:8000", true }, { "[fd00::1]:8000", true } };
        struct kube_slice slice = { .pods = pods, .n_pods = 2 };
        struct kube_release r = { .version = 7, .slices = &slice };
        static const struct {
                const char *endpoints;
                bool follows;
        } cases[] = {
                { "", false },
                { "{'addresses':['10.0.0.1'],'conditions':{'ready':true}}", true },
                { "{'addresses':['10.0.0.1'],'conditions':{}}", true },
                { "{'addresses':['fd00::1'],'conditions':{'ready':true}}", true },
                { "{'addresses':['10.0.0.1'],'conditions':{'ready':false}}", false },
                { "{'addresses':['10.0.0.1']},{'addresses':['10.0.0.2']}", false },
                { "{'addresses':['10.0.0.1']},{'addresses':['10.0.0.2'],'conditions':{'ready':false}}", true },
                { "{'addresses':['10.0.0.']}", false },
                { "{'addresses':['10.0.0.11']}", false },
                { "{'addresses':[7]}", false },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                char text[512];
                (void) snprintf(text, sizeof text, "{'items':[{'endpoints':[%s]}]}", cases[i].endpoints);
                AUTO(json) slices = doc(text);
                print_message("  %s\n", cases[i].endpoints);
                assert_int_equal(kube_slot_follows(slices, &r), cases[i].follows);
                assert_false(kube_slot_follows(slices, NULL));
        }
}

static void unknown_controllers_have_no_quirks(void **state)
{
        (void) state;
        assert_false(kube_gateways_row("example.com/gateway")->keep_zeros);
        assert_int_equal(kube_gateways_row("example.com/gateway")->settle_ms, 0);
        assert_true(kube_gateways_row("networking.gke.io/gateway")->keep_zeros);
        assert_int_equal(kube_gateways_row("traefik.io/gateway-controller")->settle_ms, 2000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_owned_route_is_known_by_its_owner_and_its_shape),
                cmocka_unit_test(an_owned_route_is_written_whole_or_not_at_all),
                cmocka_unit_test(an_adopted_route_has_to_exist),
                cmocka_unit_test(a_slot_s_service_changes_as_little_as_it_can),
                cmocka_unit_test(a_slot_follows_when_all_its_ready_endpoints_are_the_release_s),
                cmocka_unit_test(unknown_controllers_have_no_quirks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
