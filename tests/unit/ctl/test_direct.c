/* A rollback without rolloutd: where to, by which writes, and in which words for a shell. */
#include <stdio.h>
#include <stdlib.h>

#include "ctl/direct.h"
#include "lib/json.h"
#include "lib/release.h"
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

static json_t *rollout(const char *route, const char *status)
{
        char text[2048];

        (void) snprintf(text, sizeof text,
                        "{'metadata':{'name':'fraud','namespace':'prod','uid':'u1'},'spec':{'replicas':4,'route':%s}%s%s}", route,
                        *status ? ",'status':" : "", status);
        return doc(text);
}

#define OWNED "{'parentRefs':[{'name':'gw'}]}"
#define ADOPTED "{'mode':'Adopted','name':'r','backends':['a','b']}"
#define WINDOW "'window':[{'release':'6','left':true},{'release':'5.1','left':false},{'release':'4','left':false}]"
#define CANARY "{'phase':'Canary','stable':{'release':'7'},'candidate':{'release':'8'}," WINDOW "}"
#define DONE "{'phase':'Done','stable':{'release':'7'}," WINDOW "}"
#define ROLLED_BACK "{'phase':'RolledBack','stable':{'release':'7'},'candidate':{'release':'8'}," WINDOW "}"

static void the_release_is_the_one_that_rolloutd_would_choose(void **state)
{
        static const struct {
                const char *name, *status, *to;
                bool maybe_done;
                const char *release, *sentence; /* one of them */
        } cases[] = {
                { "during a rollout: stable", CANARY, NULL, false, "7", NULL },
                { "while rolling back too", "{'phase':'RollingBack','stable':{'release':'7'},'candidate':{'release':'8'}}", NULL,
                  false, "7", NULL },
                { "at rest: the newest that was not left", DONE, NULL, false, "5.1", NULL },
                { "after a rollback: once more", ROLLED_BACK, NULL, false, "5.1", NULL },
                { "unless that was this one, unheard", ROLLED_BACK, NULL, true, "7", NULL },
                { "what was done long ago is another matter", DONE, NULL, true, "5.1", NULL },
                { "--to one that was left", DONE, "6", false, "6", NULL },
                { "--to stable", CANARY, "7", false, "7", NULL },
                { "--to the candidate", CANARY, "8", false, NULL, "is the candidate" },
                { "--to nothing", DONE, "3", false, NULL, "neither stable nor in the window" },
                { "--to no release", DONE, "x", false, NULL, "is not a number" },
                { "the first rollout", "{'phase':'Canary','candidate':{'release':'1'}}", NULL, false, NULL,
                  "there is no release to go back to in phase Canary" },
                { "nothing kept", "{'phase':'Done','stable':{'release':'7'}}", NULL, false, NULL, "no release to go back to" },
                { "odd members", "{'phase':'Done','stable':7,'window':[7,{'release':7}]}", NULL, false, NULL,
                  "no release to go back to" },
                { "no status", "", NULL, false, NULL, "has no status, so it is not known what to go back to: say --to RELEASE" },
                { "no status, but --to", "", "3", false, "3", NULL },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) o = rollout(OWNED, cases[i].status);
                struct direct_aim aim;
                struct err e = { 0 };
                print_message("  %s\n", cases[i].name);
                if (cases[i].sentence) {
                        assert_int_equal(direct_aim(o, cases[i].to, cases[i].maybe_done, &aim, &e), -1);
                        assert_contains(e.msg, cases[i].sentence);
                        continue;
                }
                assert_ok(direct_aim(o, cases[i].to, cases[i].maybe_done, &aim, &e), e);
                assert_string_equal(release_text(aim.release).text, cases[i].release);
        }
}

static void the_route_is_described_by_the_spec(void **state)
{
        AUTO(json) owned = rollout(OWNED, CANARY);
        AUTO(json) adopted = rollout(ADOPTED, CANARY);
        AUTO(json) broken = rollout("{'mode':'Adopted','backends':['a']}", CANARY);
        AUTO(json) none = doc("{'metadata':{'name':'fraud'},'spec':{},'status':" CANARY "}");
        struct direct_aim aim;
        struct err e;
        (void) state;

        assert_ok(direct_aim(owned, NULL, false, &aim, &e), e);
        assert_string_equal(aim.route, "fraud");
        assert_false(aim.adopted);
        assert_int_equal(aim.port, 8000);
        assert_int_equal(aim.replicas, 4);
        assert_ok(direct_aim(adopted, NULL, false, &aim, &e), e);
        assert_string_equal(aim.route, "r");
        assert_string_equal(aim.backends[1], "b");
        assert_failed(direct_aim(broken, NULL, false, &aim, &e), e, ERR_INVALID, "does not name two Services");
        assert_failed(direct_aim(none, NULL, false, &aim, &e), e, ERR_INVALID, "has no spec.route");
}

/* --- moves --- */

static json_t *service(const char *release)
{
        char text[512];

        (void) snprintf(
                text, sizeof text,
                "{'metadata':{'name':'a','ownerReferences':[{'uid':'u1'}]},'spec':{'selector':{'sluice.dev/rollout':'fraud',"
                "'sluice.dev/release':'%s'}}}",
                release);
        return doc(text);
}

static void aim_at(struct direct *d, const char *to)
{
        struct err e;

        *d = (struct direct){ .namespace_ = "prod", .name = "fraud", .rollout = d->rollout };
        assert_ok(direct_aim(d->rollout, to, false, &d->aim, &e), e);
}

static void an_adopted_route_is_moved_in_this_order(void **state)
{
        AUTO(json) o = rollout(ADOPTED, CANARY);
        struct direct d = { .rollout = o };
        struct direct_seen seen = { doc("{'metadata':{'namespace':'prod','name':'r'},'spec':{'rules':[{'backendRefs':["
                                        "{'name':'a','port':80,'weight':95},{'name':'b','port':80,'weight':5}]}]}}"),
                                    { service("7"), service("8") } };
        static const char *const moves[] = { "httproute/r ", "service/b ", "httproute/r ", "" };
        struct direct_move m;
        struct err e;
        (void) state;

        aim_at(&d, "5.1"); /* it has no slot: the candidate's weight, then its slot, then all the weight */
        for (size_t i = 0; i < LENGTH(moves); i++) {
                char said[64] = "";
                assert_ok(direct_next(&d, &seen, &m, &e), e);
                if (m.body)
                        (void) snprintf(said, sizeof said, "%s/%s ", m.kind, m.name);
                assert_string_equal(said, moves[i]);
                json_decref(m.body);
        }
        AUTO(json) shares = direct_shares(&d, seen.route);
        AUTO(json) expected = doc("{'a':0,'b':10000}");
        assert_true(json_equal(shares, expected));
        direct_seen_done(&seen);
}

static void an_owned_route_is_replaced_by_the_release_alone_and_only_if_it_differs(void **state)
{
        AUTO(json) o = rollout(OWNED, CANARY);
        struct direct d = { .rollout = o };
        struct direct_seen seen = {
                doc("{'metadata':{'namespace':'prod','name':'fraud','uid':'r1','ownerReferences':[{'uid':'u1'}]},"
                    "'spec':{'rules':[]}}"),
                { NULL }
        };
        struct direct_move m;
        struct err e;
        (void) state;

        aim_at(&d, NULL);
        assert_ok(direct_next(&d, &seen, &m, &e), e);
        AUTO(str) text = json_text(m.body);
        assert_contains(text, "{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"r1\"}");
        assert_contains(text, "\"backendRefs\":[{\"name\":\"fraud-v7\",\"port\":8000,\"weight\":10000}]");
        json_decref(m.body);
        assert_ok(direct_next(&d, &seen, &m, &e), e);
        assert_null(m.body);
        (void) json_object_set_new(json_object_get(seen.route, "metadata"), "ownerReferences",
                                   json_pack("[{s:s}]", "uid", "other"));
        assert_failed(direct_next(&d, &seen, &m, &e), e, ERR_INVALID, "does not belong to the ModelRollout");
        direct_seen_done(&seen);
}

static void an_absent_route_is_made_only_if_it_is_owned(void **state)
{
        AUTO(json) owned = rollout(OWNED, CANARY);
        AUTO(json) adopted = rollout(ADOPTED, CANARY);
        struct direct d = { .rollout = owned };
        struct direct_seen seen = { NULL, { NULL } };
        struct direct_move m;
        struct err e;
        (void) state;

        aim_at(&d, NULL);
        assert_ok(direct_next(&d, &seen, &m, &e), e);
        assert_int_equal(m.verb, KUBE_CREATE);
        json_decref(m.body);
        direct_seen_done(&seen);
        d.rollout = adopted;
        aim_at(&d, NULL);
        assert_failed(direct_next(&d, &seen, &m, &e), e, ERR_NOT_FOUND, "HTTPRoute prod/r does not exist");
}

/* --- words --- */

static void a_shell_sees_nothing_in_the_words(void **state)
{
        const struct kubectl k = { .context = "a b", .namespace_ = "prod" };
        AUTO(json) body = doc("{'a':'it\\u0027s $HOME'}");
        AUTO_STRBUF b;
        (void) state;

        strbuf_init(&b, KUBECTL_MAX_BYTES);
        kubectl_patch(&b, &k, "httproute", "fraud", "json", body);
        assert_string_equal(strbuf_str(&b), "kubectl '--context=a b' --namespace=prod patch httproute fraud --type=json -p "
                                            "'{\"a\":\"it'\\''s $HOME\"}'");
        strbuf_reset(&b);
        kubectl_word(&b, "");
        assert_string_equal(strbuf_str(&b), " ''");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_release_is_the_one_that_rolloutd_would_choose),
                cmocka_unit_test(the_route_is_described_by_the_spec),
                cmocka_unit_test(an_adopted_route_is_moved_in_this_order),
                cmocka_unit_test(an_owned_route_is_replaced_by_the_release_alone_and_only_if_it_differs),
                cmocka_unit_test(an_absent_route_is_made_only_if_it_is_owned),
                cmocka_unit_test(a_shell_sees_nothing_in_the_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
