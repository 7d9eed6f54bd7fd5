/* ModelRollouts as people write them: what is read, and what is said about the wrong ones. */
#include "tests/unit/lib/unit.h"

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_spec_private.h"

#define ROUTE "'route':{'parentRefs':[{'name':'gw'}]}"
#define TEMPLATE "'template':{'spec':{'containers':[{'name':'proxy'},{'name':'scorer','image':'i'}]}}"
#define SPEC(...) "{'metadata':{'name':'fraud','generation':3},'spec':{" __VA_ARGS__ "}}"
#define GOOD(...) SPEC("'version':7," ROUTE "," TEMPLATE "," __VA_ARGS__)
#define STEPS(...) GOOD("'strategy':{'canary':{'steps':[" __VA_ARGS__ "]}}")
#define ROUTED(...) SPEC("'version':7," TEMPLATE ",'route':{" __VA_ARGS__ "}")
#define TEMPLATED(...) SPEC("'version':7," ROUTE ",'template':" __VA_ARGS__)
#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct kube_spec *spec_of(const char *text) /* with ' for " */
{
        AUTO(str) copy = xstrdup(text);
        AUTO(json) doc = NULL;
        struct err e = { 0 };

        for (char *c = copy; *c; c++)
                if (*c == '\'')
                        *c = '"';
        assert_ok(json_parse("test", copy, strlen(copy), &doc, &e), e);
        return kube_spec_new(doc);
}

static void each_wrong_spec_has_a_sentence(void **state)
{
        static const struct {
                const char *name, *text, *says;
        } cases[] = {
                { "no spec at all", "{'metadata':{'name':'fraud'}}", "spec must be an object" },
                { "spec is a list", "{'metadata':{'name':'fraud'},'spec':[]}", "spec must be an object" },
                { "nothing says which version", SPEC(ROUTE "," TEMPLATE),
                  "exactly one of spec.version, spec.alias and spec.digest" },
                { "version and alias", GOOD("'alias':'champion'"), "exactly one of" },
                { "alias and digest", SPEC("'alias':'a','digest':'" DIGEST "'," ROUTE "," TEMPLATE), "exactly one of" },
                { "version 0", SPEC("'version':0," ROUTE "," TEMPLATE), "spec.version must be 1 to 2147483647, not 0" },
                { "a version that is a text", SPEC("'version':'7'," ROUTE "," TEMPLATE), "spec.version must be a whole number" },
                { "an alias with a space", SPEC("'alias':'the one'," ROUTE "," TEMPLATE), "spec.alias:" },
                { "a digest cut short", SPEC("'digest':'sha256:12'," ROUTE "," TEMPLATE), "spec.digest must be sha256:" },
                { "a name of 41 characters",
                  "{'metadata':{'name':'a2345678901234567890123456789012345678901'},'spec':{'version':7," ROUTE "," TEMPLATE "}}",
                  "at most 40 characters" },
                { "a name with a dot", "{'metadata':{'name':'fraud.eu'},'spec':{'version':7," ROUTE "," TEMPLATE "}}",
                  "must be a DNS label" },
                { "a name that begins with a digit", "{'metadata':{'name':'7up'},'spec':{'version':7," ROUTE "," TEMPLATE "}}",
                  "must be a DNS label" },
                { "a model that is no name", GOOD("'model':'Fraud Score'"), "spec.model:" },
                { "a policy that is no name", GOOD("'policy':'../x'"), "spec.policy:" },
                { "canary and blueGreen", GOOD("'strategy':{'canary':{'steps':[{'weight':100}]},'blueGreen':{}}"),
                  "at most one of canary and blueGreen" },
                { "canary without steps", GOOD("'strategy':{'canary':{}}"), "must be 1 to 16 steps" },
                { "weights that descend", STEPS("{'weight':25},{'weight':5},{'weight':100}"),
                  "spec.strategy.canary.steps[1].weight must be above that of the step before it, which has 25" },
                { "equal weights", STEPS("{'weight':25},{'weight':25},{'weight':100}"), "steps[1].weight must be above" },
                { "the last weight is not 100", STEPS("{'weight':25},{'weight':50}"), "the last weight must be 100" },
                { "a weight finer than 0.01", STEPS("{'weight':0.005},{'weight':100}"), "0.005 is finer than 0.01 percent" },
                { "a weight above 100", STEPS("{'weight':101}"), "steps[0].weight must be 0 to 100" },
                { "a weight that is a text", STEPS("{'weight':'5%'},{'weight':100}"), "steps[0].weight must be 0 to 100" },
                { "a step without weight", STEPS("{'hold':'5m'},{'weight':100}"), "steps[0].weight must be 0 to 100" },
                { "a hold without unit", STEPS("{'weight':100,'hold':'90'}"), "steps[0].hold: \"90\" is no duration" },
                { "a hold of 8 days", STEPS("{'weight':100,'hold':'192h'}"), "no duration of at most 7 days" },
                { "a pause that is a number", STEPS("{'weight':100,'pause':1}"), "steps[0].pause must be true or false" },
                { "replicas 0", GOOD("'replicas':0"), "spec.replicas must be 1 to 10000" },
                { "replicas beside an autoscaler", GOOD("'replicas':2,'autoscaling':{'maxReplicas':4}"), "exclude each other" },
                { "an autoscaler without a maximum", GOOD("'autoscaling':{'minReplicas':4}"), "maxReplicas must be given" },
                { "a maximum below the minimum", GOOD("'autoscaling':{'minReplicas':4,'maxReplicas':3}"), "must not be below" },
                { "surge over 100", GOOD("'surge':101"), "spec.surge must be 0 to 100" },
                { "paused that is a text", GOOD("'paused':'yes'"), "spec.paused must be true or false" },
                { "no route", SPEC("'version':7," TEMPLATE), "spec.route must say which route" },
                { "no Gateway", ROUTED("'mode':'Owned'"), "spec.route.parentRefs must name a Gateway" },
                { "a mode that does not exist", ROUTED("'mode':'Stolen'"), "spec.route.mode must be Owned or Adopted" },
                { "Adopted without backends", ROUTED("'mode':'Adopted'"),
                  "spec.route.backends must name the route's two Services" },
                { "one backend", ROUTED("'mode':'Adopted','backends':['a']"), "two Services" },
                { "the same backend twice", ROUTED("'mode':'Adopted','backends':['a','a']"), "two different Services" },
                { "a backend that is no name", ROUTED("'mode':'Adopted','backends':['a','B']"), "backends[1] is not the name" },
                { "Adopted with hostnames", ROUTED("'mode':'Adopted','backends':['a','b'],'hostnames':['x']"),
                  "spec.route.hostnames belongs to the route itself" },
                { "Owned with backends", ROUTED("'parentRefs':[{'name':'g'}],'backends':['a','b']"), "are for mode Adopted" },
                { "port 0", ROUTED("'parentRefs':[{'name':'g'}],'port':0"), "spec.route.port must be 1 to 65535" },
                { "port 65536", ROUTED("'parentRefs':[{'name':'g'}],'port':65536"), "spec.route.port must be 1 to 65535" },
                { "a route that is no name", ROUTED("'parentRefs':[{'name':'g'}],'name':'a..b'"),
                  "not the name of an HTTPRoute" },
                { "no template", SPEC("'version':7," ROUTE), "must have the container that scores" },
                { "no container", TEMPLATED("{'spec':{'containers':[]}}"), "must have the container that scores" },
                { "no container named scorer", TEMPLATED("{'spec':{'containers':[{'name':'a','image':'i'}]}}"),
                  "one of them must be named scorer" },
                { "no image", TEMPLATED("{'spec':{'containers':[{'name':'scorer'}]}}"), "scorer's image is missing" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                print_message("  %s\n", cases[i].name);
                struct kube_spec *s = spec_of(cases[i].text);
                assert_non_null(s->invalid);
                if (!strstr(s->invalid, cases[i].says))
                        fail_msg("%s", s->invalid);
                kube_spec_free(s);
        }
}

static void what_is_not_said_has_a_default(void **state)
{
        struct kube_spec *s = spec_of(SPEC("'version':7," ROUTE "," TEMPLATE));
        struct desire d;
        (void) state;

        assert_null(s->invalid);
        kube_spec_desire(s, "prod.fraud", &d);
        assert_string_equal(d.target, "prod.fraud");
        assert_string_equal(d.model, "fraud");
        assert_string_equal(d.ref, "7");
        assert_string_equal(d.policy, "");
        assert_string_equal(d.invalid, "");
        assert_string_equal(d.mark.id, "");
        assert_int_equal(d.generation, 3);
        assert_int_equal(d.replicas, 1);
        assert_int_equal(d.surge_percent, 100);
        assert_int_equal(d.n_steps, 0);
        assert_int_equal(strlen(d.build), 16);
        assert_false(d.paused);
        assert_string_equal(s->route.name, "fraud");
        assert_int_equal(s->route.port, 8000);
        assert_int_equal(s->route.mode, KUBE_ROUTE_OWNED);
        assert_string_equal(s->route.owned, "{\"parentRefs\":[{\"name\":\"gw\"}]}");
        kube_spec_free(s);
}

static void all_of_it_is_read(void **state)
{
        struct kube_spec *s = spec_of(
                "{'metadata':{'name':'fraud','annotations':{'sluice.dev/rollback-at':'2026-01-02T03:04:05Z','sluice.dev/"
                "rollback-reason':'it is wrong','sluice.dev/rollback-by':"
                "'ann','sluice.dev/"
                "rollback-to':'6.1'}},'spec':{'model':'fraud-score','alias':'champion','policy':'slow','paused':true,"
                "'strategy':{'canary':{'steps':[{'weight':0.01,'hold':'1h30m'},{'weight':25.5,'hold':'90s','pause':true},{'"
                "weight':"
                "100}]}},'autoscaling':{'minReplicas':4,'maxReplicas':20},'surge':50,'route':{'mode':'Adopted','name':'scores',"
                "'backends':['fraud-a','fraud-b'],'rule':'scoring','port':9000}," TEMPLATE "}}");
        struct desire d;
        (void) state;

        assert_null(s->invalid);
        kube_spec_desire(s, "prod.fraud", &d);
        assert_string_equal(d.model, "fraud-score");
        assert_string_equal(d.ref, "@champion");
        assert_string_equal(d.policy, "slow");
        assert_true(d.paused);
        assert_int_equal(d.n_steps, 3);
        assert_int_equal(d.steps[0].weight_bp, 1);
        assert_int_equal(d.steps[0].hold_ms, 5400000);
        assert_int_equal(d.steps[1].weight_bp, 2550);
        assert_int_equal(d.steps[1].hold_ms, 90000);
        assert_true(d.steps[1].pause);
        assert_int_equal(d.replicas, 4);
        assert_int_equal(d.surge_percent, 50);
        assert_string_equal(d.mark.id, "2026-01-02T03:04:05Z");
        assert_string_equal(d.mark.actor, "ann");
        assert_string_equal(d.mark.reason, "it is wrong");
        assert_int_equal(d.mark.to, release_key(6, 1));
        assert_true(s->autoscaled);
        assert_int_equal(s->route.mode, KUBE_ROUTE_ADOPTED);
        assert_string_equal(s->route.name, "scores");
        assert_string_equal(s->route.rule, "scoring");
        assert_string_equal(s->route.backends[1], "fraud-b");
        assert_int_equal(s->route.port, 9000);
        kube_spec_free(s);
}

static void blue_green_is_a_preview_and_a_switch(void **state)
{
        struct kube_spec *s = spec_of(GOOD("'strategy':{'blueGreen':{'previewHold':'1m','bake':'2m','autoSwitch':false}}"));
        (void) state;

        assert_null(s->invalid);
        assert_int_equal(s->n_steps, 2);
        assert_int_equal(s->steps[0].weight_bp, 0);
        assert_int_equal(s->steps[0].hold_ms, 60000);
        assert_true(s->steps[0].pause);
        assert_int_equal(s->steps[1].weight_bp, WEIGHT_ALL);
        assert_int_equal(s->steps[1].hold_ms, 120000);
        assert_false(s->steps[1].pause);
        kube_spec_free(s);
        s = spec_of(GOOD("'strategy':{'blueGreen':{}}"));
        assert_false(s->steps[0].pause);
        assert_int_equal(s->steps[0].hold_ms, 300000);
        assert_int_equal(s->steps[1].hold_ms, 600000);
        kube_spec_free(s);
}

static void a_wrong_strategy_leaves_no_steps_behind(void **state)
{
        struct kube_spec *s = spec_of(STEPS("{'weight':5},{'weight':50}"));
        (void) state;

        assert_non_null(s->invalid);
        assert_int_equal(s->n_steps, 0);
        assert_null(s->steps);
        assert_string_equal(s->ref, "7"); /* the rest is there */
        assert_string_equal(s->route.name, "fraud");
        kube_spec_free(s);
}

static void the_fingerprint_knows_no_order_of_keys(void **state)
{
        struct kube_spec *a = spec_of(TEMPLATED("{'metadata':{'labels':{'a':'1','b':'2'}},'spec':{'containers':[{'name':'scorer',"
                                                "'image':'i'}]}}"));
        struct kube_spec *b =
                spec_of(TEMPLATED("{'spec':{'containers':[{'image':'i','name':'scorer'}]},'metadata':{'labels':{'b':'2',"
                                  "'a':'1'}}}"));
        struct kube_spec *c =
                spec_of(TEMPLATED("{'spec':{'containers':[{'image':'j','name':'scorer'}]},'metadata':{'labels':{'b':'2',"
                                  "'a':'1'}}}"));
        (void) state;

        assert_string_equal(a->build, b->build);
        assert_string_not_equal(a->build, c->build);
        kube_spec_free(a);
        kube_spec_free(b);
        kube_spec_free(c);
}

static void durations_are_read_as_kubectl_users_write_them(void **state)
{
        static const struct {
                const char *text;
                int64_t ms; /* -1: refused */
        } cases[] = { { "0s", 0 },       { "250ms", 250 },     { "90s", 90000 },
                      { "5m", 300000 },  { "1h30m", 5400000 }, { "168h", 604800000 },
                      { "168h1ms", -1 }, { "", -1 },           { "5", -1 },
                      { "m", -1 },       { "-5m", -1 },        { "5 m", -1 },
                      { "1.5h", -1 },    { "5M", -1 },         { "99999999999999999999s", -1 } };
        (void) state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                int64_t ms = -1;
                int r = kube_spec_duration(cases[i].text, &ms);

                print_message("  \"%s\"\n", cases[i].text);
                assert_int_equal(r, cases[i].ms < 0 ? -1 : 0);
                if (r == 0)
                        assert_int_equal(ms, cases[i].ms);
        }
}

static void a_mark_that_cannot_be_read_is_none(void **state)
{
        struct kube_spec *s = spec_of("{'metadata':{'name':'fraud','annotations':{'sluice.dev/rollback-at':5}},'spec':{}}");
        (void) state;

        assert_null(s->mark_id);
        kube_spec_free(s);
        s = spec_of(
                "{'metadata':{'name':'fraud','annotations':{'sluice.dev/rollback-at':'x','sluice.dev/rollback-to':'latest'}}}");
        assert_string_equal(s->mark_id, "x");
        assert_string_equal(s->mark_by, "");
        assert_int_equal(s->mark_to, 0);
        kube_spec_free(s);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_wrong_spec_has_a_sentence),
                cmocka_unit_test(what_is_not_said_has_a_default),
                cmocka_unit_test(all_of_it_is_read),
                cmocka_unit_test(blue_green_is_a_preview_and_a_switch),
                cmocka_unit_test(a_wrong_strategy_leaves_no_steps_behind),
                cmocka_unit_test(the_fingerprint_knows_no_order_of_keys),
                cmocka_unit_test(durations_are_read_as_kubectl_users_write_them),
                cmocka_unit_test(a_mark_that_cannot_be_read_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
