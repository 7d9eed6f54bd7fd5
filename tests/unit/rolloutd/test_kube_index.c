/* What the watches tell becomes what the controller sees: ModelRollouts, releases, who has which route. */
#include "tests/unit/lib/unit.h"

#include <stdlib.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "lib/strbuf.h"
#include "rolloutd/kube_private.h"
#include "rolloutd/kube_state.h"

static struct strbuf heard; /* what the listener was told */

static void on_wanted(void *arg, const struct desire *d)
{
        (void) arg;
        strbuf_addf(&heard, "+%s@%lld%s ", d->target, (long long) d->generation, *d->invalid ? "!" : "");
}

static void on_changed(void *arg, const char *target)
{
        (void) arg;
        (void) target;
}

static void on_gone(void *arg, const char *target)
{
        (void) arg;
        strbuf_addf(&heard, "-%s ", target);
}

static int set_up(void **state)
{
        struct kube_platform *k = xcalloc(1, sizeof *k);
        struct kube_config nowhere = { .server = xstrdup("https://127.0.0.1:1") };

        k->kube = kube_new(&nowhere); /* calls wait for a loop that nobody runs */
        k->listener = (struct platform_listener){ .wanted = on_wanted, .changed = on_changed, .gone = on_gone };
        k->kinds.routes = (struct kube_resource){ "gateway.networking.k8s.io", "v1", "httproutes" };
        k->kinds.rollouts = (struct kube_resource){ "sluice.dev", "v1alpha1", "modelrollouts" };
        k->kinds.services = (struct kube_resource){ "", "v1", "services" };
        k->announcing = true;
        strbuf_init(&heard, 10000);
        *state = k;
        return 0;
}

static int tear_down(void **state)
{
        struct kube_platform *k = *state;

        kube_index_free(k);
        kube_router_free(k);
        kube_free(k->kube);
        free(k);
        strbuf_done(&heard);
        return 0;
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

static void tell(struct kube_platform *k, kube_change_fn into, enum kube_change change, const char *text)
{
        AUTO(json) doc = parse(text);

        into(k, change, doc);
}

static void assert_heard(const char *text)
{
        assert_string_equal(strbuf_str(&heard), text);
        strbuf_reset(&heard);
}

#define OWNED "{'parentRefs':[{'name':'gw'}]}"
#define ADOPTED(a, b) "{'mode':'Adopted','name':'shared','backends':['" a "','" b "']}"
#define MR_OF(name, uid, generation, created, route)                                                                             \
        "{'metadata':{'namespace':'prod','name':'" name "','uid':'" uid "','generation':" generation                             \
        ",'resourceVersion':'1','creationTimestamp':'2026-01-01T00:00:0" created "Z'},'spec':{'version':7,'route':" route        \
        ",'template':{'spec':{'containers':[{'name':'scorer','image':'i'}]}}}}"
#define MR(name, uid, generation, created) MR_OF(name, uid, generation, created, OWNED)
#define LABELS(rollout, release) "'labels':{'sluice.dev/rollout':'" rollout "','sluice.dev/release':'" release "'}"
#define DEPLOYMENT(name, owner, release, generation, replicas, conditions)                                                       \
        "{'metadata':{'namespace':'prod','name':'" name "','generation':" generation ",'ownerReferences':[{'uid':'" owner        \
        "'}]," LABELS("fraud", release) "},'spec':{'replicas':" replicas "},'status':{'observedGeneration':" generation          \
                                        ",'availableReplicas':1,'conditions':[" conditions "]}}"
#define SLICE(name, service, release, endpoints)                                                                                 \
        "{'metadata':{'namespace':'prod','name':'" name                                                                          \
        "','labels':{'sluice.dev/rollout':'fraud','sluice.dev/release':'" release "','kubernetes.io/service-name':'" service     \
        "'}},'ports':[{'name':'http','port':8000}],'endpoints':[" endpoints "]}"
#define POD(ip, ready) "{'addresses':['" ip "'],'conditions':{'ready':" ready "}}"

static void modelrollouts_are_announced_once_each(void **state)
{
        struct kube_platform *k = *state;

        tell(k, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "1", "0"));
        assert_heard("+prod.fraud@1 ");
        tell(k, kube_index_rollout, KUBE_CHANGED, MR("fraud", "u1", "1", "0")); /* its status has changed */
        assert_heard("");
        tell(k, kube_index_rollout, KUBE_CHANGED, MR("fraud", "u1", "3", "0"));
        assert_heard("+prod.fraud@3 ");
        tell(k, kube_index_rollout, KUBE_CHANGED, MR("fraud", "u1", "2", "0")); /* read earlier, told later */
        assert_heard("");
        tell(k, kube_index_rollout, KUBE_DELETED, MR("fraud", "u1", "3", "0"));
        assert_heard("-prod.fraud ");
        tell(k, kube_index_rollout, KUBE_DELETED, MR("fraud", "u1", "3", "0"));
        assert_heard("");
}

static void another_of_the_same_name_is_another(void **state)
{
        struct kube_platform *k = *state;

        tell(k, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "5", "0"));
        tell(k, kube_index_deployment, KUBE_ADDED, DEPLOYMENT("fraud-v7", "u1", "7", "1", "2", ""));
        assert_int_equal(kube_find(k, "prod.fraud")->n_releases, 1);
        assert_heard("+prod.fraud@5 ");
        tell(k, kube_index_rollout, KUBE_CHANGED, MR("fraud", "u2", "1", "1"));
        assert_heard("-prod.fraud +prod.fraud@1 ");
        assert_int_equal(kube_find(k, "prod.fraud")->n_releases, 0);
        tell(k, kube_index_deployment, KUBE_CHANGED, DEPLOYMENT("fraud-v7", "u1", "7", "2", "2", "")); /* of the old one */
        assert_int_equal(kube_find(k, "prod.fraud")->n_releases, 0);
}

static void what_is_being_deleted_is_gone(void **state)
{
        struct kube_platform *k = *state;

        tell(k, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "1", "0"));
        strbuf_reset(&heard);
        tell(k, kube_index_rollout, KUBE_CHANGED,
             "{'metadata':{'namespace':'prod','name':'fraud','uid':'u1','deletionTimestamp':'2026-01-01T00:00:00Z'}}");
        assert_heard("-prod.fraud ");
        assert_null(kube_find(k, "prod.fraud"));
}

static void a_mark_is_news_without_a_new_generation(void **state)
{
        struct kube_platform *k = *state;

        tell(k, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "1", "0"));
        strbuf_reset(&heard);
        AUTO(json) marked = parse(MR("fraud", "u1", "1", "0"));
        json_object_set_new(json_object_get(marked, "metadata"), "annotations", json_pack("{s:s}", KUBE_MARK_AT, "now"));
        kube_index_rollout(k, KUBE_CHANGED, marked);
        assert_heard("+prod.fraud@1 ");
        kube_index_rollout(k, KUBE_CHANGED, marked);
        assert_heard("");
}

static void the_older_of_two_has_the_route(void **state)
{
        struct kube_platform *k = *state;

        tell(k, kube_index_rollout, KUBE_ADDED, MR_OF("b", "u2", "1", "5", "{'name':'r','parentRefs':[{'name':'gw'}]}"));
        assert_heard("+prod.b@1 ");
        tell(k, kube_index_rollout, KUBE_ADDED, MR_OF("a", "u1", "1", "2", "{'name':'r','parentRefs':[{'name':'gw'}]}"));
        assert_heard("+prod.b@1! +prod.a@1 ");
        tell(k, kube_index_rollout, KUBE_CHANGED, MR_OF("a", "u1", "2", "2", "{'name':'q','parentRefs':[{'name':'gw'}]}"));
        assert_heard("+prod.b@1 +prod.a@2 ");
        tell(k, kube_index_rollout, KUBE_CHANGED, MR_OF("b", "u2", "2", "5", "{'name':'q','parentRefs':[{'name':'gw'}]}"));
        assert_heard("+prod.b@2! ");
        tell(k, kube_index_rollout, KUBE_DELETED, MR_OF("a", "u1", "2", "2", "{}"));
        assert_heard("+prod.b@2 -prod.a ");
        assert_null(kube_find(k, "prod.b")->rival);
}

static void adopted_routes_are_shared_but_not_services(void **state)
{
        struct kube_platform *k = *state;

        tell(k, kube_index_rollout, KUBE_ADDED, MR_OF("a", "u1", "1", "1", ADOPTED("a1", "a2")));
        tell(k, kube_index_rollout, KUBE_ADDED, MR_OF("b", "u2", "1", "2", ADOPTED("b1", "b2")));
        assert_heard("+prod.a@1 +prod.b@1 ");
        tell(k, kube_index_rollout, KUBE_ADDED, MR_OF("c", "u3", "1", "3", ADOPTED("c1", "b2")));
        assert_heard("+prod.c@1! ");
        tell(k, kube_index_rollout, KUBE_ADDED, MR_OF("shared", "u4", "1", "4", OWNED));
        assert_heard("+prod.shared@1! ");
        assert_string_equal(kube_find(k, "prod.shared")->rival->name, "a");
}

static void deployments_become_releases(void **state)
{
        struct kube_platform *k = *state;
        struct kube_release *r;

        tell(k, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "1", "0"));
        struct kube_target *t = kube_find(k, "prod.fraud");
        tell(k, kube_index_deployment, KUBE_ADDED, DEPLOYMENT("fraud-v7-1", "u1", "7.1", "1", "2", ""));
        r = kube_release_of(t, release_key(7, 1), false);
        assert_non_null(r);
        assert_true(r->deployed);
        assert_int_equal(r->replicas, 2);
        assert_int_equal(r->available, 1);
        assert_int_equal(r->floor, -1);
        assert_false(r->failed);
        tell(k, kube_index_deployment, KUBE_CHANGED,
             DEPLOYMENT("fraud-v7-1", "u1", "7.1", "2", "3",
                        "{'type':'Progressing','status':'False','reason':'ProgressDeadlineExceeded','message':'too slow'}"));
        assert_true(r->failed);
        assert_contains(r->message, "too slow");
        tell(k, kube_index_deployment, KUBE_CHANGED,
             DEPLOYMENT("fraud-v7-1", "u1", "7.1", "3", "3", "{'type':'ReplicaFailure','status':'True','message':'quota'}"));
        assert_false(r->failed);
        assert_contains(r->message, "quota");
        r->written_generation = 5;
        tell(k, kube_index_deployment, KUBE_CHANGED, DEPLOYMENT("fraud-v7-1", "u1", "7.1", "4", "9", ""));
        assert_int_equal(r->replicas, 3); /* from before our write */
        tell(k, kube_index_deployment, KUBE_DELETED,
             "{'metadata':{'namespace':'prod','name':'fraud-v7-1'}}"); /* missing from a list */
        assert_int_equal(t->n_releases, 0);
}

static void foreign_deployments_are_left_alone(void **state)
{
        static const struct {
                const char *name, *text;
        } cases[] = {
                { "owned by nobody", "{'metadata':{'namespace':'prod','name':'fraud-v7'," LABELS("fraud", "7") "}}" },
                { "owned by another", DEPLOYMENT("fraud-v7", "u9", "7", "1", "2", "") },
                { "of another name", DEPLOYMENT("fraud-v8", "u1", "7", "1", "2", "") },
                { "a release that is none", DEPLOYMENT("fraud-v7", "u1", "latest", "1", "2", "") },
                { "in another namespace",
                  "{'metadata':{'namespace':'dev','name':'fraud-v7','ownerReferences':[{'uid':'u1'}]," LABELS("fraud",
                                                                                                              "7") "}}" },
                { "labels that are a list", "{'metadata':{'namespace':'prod','name':'fraud-v7','labels':[1]}}" },
                { "nothing at all", "{}" },
        };
        struct kube_platform *k = *state;

        tell(k, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "1", "0"));
        for (size_t i = 0; i < LENGTH(cases); i++) {
                print_message("  %s\n", cases[i].name);
                tell(k, kube_index_deployment, KUBE_ADDED, cases[i].text);
                assert_int_equal(kube_find(k, "prod.fraud")->n_releases, 0);
        }
}

static void ready_is_what_the_own_service_has(void **state)
{
        struct kube_platform *k = *state;
        struct scrape_target found[4];

        tell(k, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "1", "0"));
        tell(k, kube_index_slice, KUBE_ADDED, SLICE("s1", "fraud-v7", "7", POD("10.0.0.1", "true") "," POD("10.0.0.2", "false")));
        tell(k, kube_index_slice, KUBE_ADDED, SLICE("s2", "fraud-v7", "7", POD("10.0.0.1", "true") "," POD("fd00::1", "true")));
        tell(k, kube_index_slice, KUBE_ADDED, SLICE("s3", "fraud-preview", "7", POD("10.0.0.9", "true")));
        struct kube_release *r = kube_release_of(kube_find(k, "prod.fraud"), 7, false);
        assert_int_equal(kube_release_ready(r), 2); /* 10.0.0.1 is in two slices */
        assert_int_equal(kube_world_discover(k, found, 4), 4);
        assert_string_equal(found[0].target, "prod.fraud");
        assert_string_equal(found[0].model, "fraud");
        assert_int_equal(found[0].version, 7);
        tell(k, kube_index_slice, KUBE_CHANGED, SLICE("s2", "fraud-v7", "7", "{'addresses':['fd00::1'],'conditions':{}}"));
        assert_int_equal(kube_release_ready(r), 2); /* ready not said is ready */
        tell(k, kube_index_slice, KUBE_DELETED, "{'metadata':{'namespace':'prod','name':'s2'}}");
        assert_int_equal(kube_release_ready(r), 1);
        assert_int_equal(kube_world_discover(k, found, 1), 2); /* no more than fit, but counted */
}

static void odd_slices_have_no_pods(void **state)
{
        static const char *const endpoints[] = { "3", "{}", "{'addresses':[]}", "{'addresses':[7]}",
                                                 "{'addresses':['1234567890123456789012345678901234567890']}" };
        struct kube_platform *k = *state;

        tell(k, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "1", "0"));
        for (size_t i = 0; i < LENGTH(endpoints); i++) {
                AUTO(str) text = xasprintf(SLICE("s1", "fraud-v7", "7", "%s"), endpoints[i]);
                tell(k, kube_index_slice, KUBE_ADDED, text);
                assert_int_equal(kube_release_of(kube_find(k, "prod.fraud"), 7, false)->slices->n_pods, 0);
        }
}

static struct kube_target *two_releases(struct kube_platform *k)
{
        struct kube_target *t;

        tell(k, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "1", "0"));
        tell(k, kube_index_deployment, KUBE_ADDED, DEPLOYMENT("fraud-v6", "u1", "6", "1", "2", ""));
        tell(k, kube_index_deployment, KUBE_ADDED, DEPLOYMENT("fraud-v7", "u1", "7", "1", "2", ""));
        tell(k, kube_index_slice, KUBE_ADDED, SLICE("s6", "fraud-v6", "6", POD("10.0.0.6", "true")));
        t = kube_find(k, "prod.fraud");
        kube_release_of(t, 6, false)->floor = 2;
        t->route.exists = t->route.ours = t->route.accepted = true;
        t->route.n_backends = 2;
        t->route.backends = xcalloc(2, sizeof *t->route.backends);
        t->route.backends[0] = (struct kube_backend){ .version = 6, .weight_bp = 9500 };
        t->route.backends[1] = (struct kube_backend){ .version = 8, .weight_bp = 500 };
        return t;
}

static const struct version_status *status(const struct world *w, int64_t version)
{
        for (int i = 0; i < w->n_versions; i++)
                if (w->versions[i].version == version)
                        return &w->versions[i];
        fail_msg("version %lld is missing", (long long) version);
        return NULL;
}

static void the_world_is_releases_and_weights(void **state)
{
        struct world w;

        kube_world_of(*state, two_releases(*state), &w);
        assert_true(w.router_ok);
        assert_int_equal(w.n_versions, 3);
        assert_int_equal(status(&w, 6)->wanted, 2);
        assert_int_equal(status(&w, 6)->ready, 1);
        assert_int_equal(status(&w, 6)->weight_bp, 9500);
        assert_int_equal(status(&w, 7)->wanted, -1); /* nobody has said since the start */
        assert_int_equal(status(&w, 7)->weight_bp, 0);
        assert_int_equal(status(&w, 8)->wanted, 0); /* weight without anything behind it */
        assert_int_equal(status(&w, 8)->ready, 0);
        assert_int_equal(status(&w, 8)->weight_bp, 500);
}

static void weights_are_known_once_the_route_is_seen(void **state)
{
        struct kube_platform *k = *state;
        struct kube_target *t = two_releases(k);
        struct world w;

        t->route.written_generation = 3; /* written, not seen */
        kube_world_of(k, t, &w);
        assert_false(w.router_ok);
        assert_int_equal(status(&w, 6)->weight_bp, -1);
        assert_contains(w.router_message, "has not been seen yet");
        t->route.generation = 3;
        t->route.accepted = false; /* and yet its weights may have been changed by somebody: that must not be missed */
        kube_world_of(k, t, &w);
        assert_false(w.router_ok);
        assert_int_equal(status(&w, 6)->weight_bp, 9500);
        assert_contains(w.router_message, "not accepted");
        t->route.trouble = xstrdup("gateway gw: no such listener");
        kube_world_of(k, t, &w);
        assert_contains(w.router_message, "no such listener");
        k->kinds.routes.plural = NULL;
        kube_world_of(k, t, &w);
        assert_contains(w.router_message, "Gateway API is not installed");
}

static void objects_are_named_after_their_release(void **state)
{
        char name[KUBE_OBJECT_NAME_MAX + 1];

        tell(*state, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "1", "0"));
        kube_object_name(kube_find(*state, "prod.fraud"), 7, name);
        assert_string_equal(name, "fraud-v7");
        kube_object_name(kube_find(*state, "prod.fraud"), release_key(7, 12), name);
        assert_string_equal(name, "fraud-v7-12");
}

static void a_list_undoes_nothing_that_was_written_since(void **state)
{
        struct kube_platform *k = *state;
        AUTO(json) listed = parse("{'status':{'revision':5,'epoch':1,'record':'r'}}");
        int64_t revision;

        tell(k, kube_index_rollout, KUBE_ADDED, MR("fraud", "u1", "1", "0"));
        struct kube_target *t = kube_find(k, "prod.fraud");
        struct kube_state *s = kube_state_of(k, t);
        k->announcing = false; /* the first read */
        assert_string_equal(kube_state_read(k, t, listed, &revision), "r");
        assert_int_equal(revision, 5);
        k->announcing = true;
        s->revision = s->handed = 6; /* by a save of ours; another target is read again meanwhile */
        assert_non_null(kube_state_read(k, t, listed, &revision));
        assert_int_equal(s->revision, 6);
        assert_int_equal(s->handed, 6);
        s->revision = 8; /* somebody else's, as read when a save of ours was refused */
        s->handed = -1;
        assert_non_null(kube_state_read(k, t, listed, &revision));
        assert_int_equal(revision, 8);
        assert_int_equal(s->handed, 8);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(modelrollouts_are_announced_once_each, set_up, tear_down),
                cmocka_unit_test_setup_teardown(another_of_the_same_name_is_another, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_being_deleted_is_gone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_mark_is_news_without_a_new_generation, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_older_of_two_has_the_route, set_up, tear_down),
                cmocka_unit_test_setup_teardown(adopted_routes_are_shared_but_not_services, set_up, tear_down),
                cmocka_unit_test_setup_teardown(deployments_become_releases, set_up, tear_down),
                cmocka_unit_test_setup_teardown(foreign_deployments_are_left_alone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(ready_is_what_the_own_service_has, set_up, tear_down),
                cmocka_unit_test_setup_teardown(odd_slices_have_no_pods, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_world_is_releases_and_weights, set_up, tear_down),
                cmocka_unit_test_setup_teardown(weights_are_known_once_the_route_is_seen, set_up, tear_down),
                cmocka_unit_test_setup_teardown(objects_are_named_after_their_release, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_list_undoes_nothing_that_was_written_since, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
