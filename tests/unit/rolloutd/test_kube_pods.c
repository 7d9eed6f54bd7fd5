/* Why pods are not ready: what is said, and what is final. */
#include "tests/unit/lib/unit.h"

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "rolloutd/kube_pods.h"

#define POD(status) "{'metadata':{'name':'p1'},'status':" status "}"
#define LIST(...) "{'items':[" __VA_ARGS__ "]}"
#define CONTAINER(state) "{'containerStatuses':[{'name':'scorer'," state "}]}"
#define READY POD("{'conditions':[{'type':'Ready','status':'True'}]}")
#define CONFIG_ERROR                                                                                                             \
        POD(CONTAINER("'state':{'waiting':{'reason':'CreateContainerConfigError','message':'secret \\\"x\\\" not found'}}"))
#define NO_IMAGE POD(CONTAINER("'state':{'waiting':{'reason':'ImagePullBackOff','message':'Back-off pulling image'}}"))
#define CRASH(n, message)                                                                                                        \
        POD(CONTAINER("'restartCount':" n ",'state':{'waiting':{'reason':'CrashLoopBackOff','message':'back-off'}},"             \
                      "'lastState':{'terminated':{'exitCode':2,'reason':'Error','message':'" message "'}}"))
#define SCORER_SAID                                                                                                              \
        "{\\\"level\\\":\\\"info\\\",\\\"msg\\\":\\\"listening\\\"}\\n{\\\"level\\\":\\\"error\\\",\\\"msg\\\":\\\"cannot "      \
        "serve\\\",\\\"error\\\":\\\"golden row 3\\\"}\\n{\\\"level\\\":\\\"info\\\",\\\"msg\\\":\\\"stopped\\\"}\\n"

static json_t *parse(const char *text) /* with ' for " */
{
        AUTO(str) copy = xstrdup(text);
        json_t *doc;
        struct err e = { 0 };

        for (char *c = copy; *c; c++)
                if (*c == '\'')
                        *c = '"';
        assert_ok(json_parse("test", copy, strlen(copy), &doc, &e), e);
        return doc;
}

static void pods_say_why(void **state)
{
        static const struct {
                const char *name, *list, *message;
                bool failed, bad_image;
        } cases[] = {
                { "no pods", LIST(""), "", false, false },
                { "a pod that is ready says nothing", LIST(READY), "", false, false },
                { "a container that is being made is no trouble",
                  LIST(POD(CONTAINER("'state':{'waiting':{'reason':'ContainerCreating'}}"))), "", false, false },
                { "a missing Secret is final", LIST(CONFIG_ERROR), "p1: CreateContainerConfigError: secret \"x\" not found", true,
                  false },
                { "but not while another pod is ready", LIST(CONFIG_ERROR "," READY),
                  "p1: CreateContainerConfigError: secret \"x\" not found", false, false },
                { "an image that cannot be pulled", LIST(NO_IMAGE), "p1: ImagePullBackOff: Back-off pulling image", false, true },
                { "one crash may be chance", LIST(CRASH("1", "")), "p1: exit status 2, started 2 times", false, false },
                { "the third is none", LIST(CRASH("3", SCORER_SAID)),
                  "p1: exit status 2, started 4 times: cannot serve: golden row 3", true, false },
                { "a scorer that refuses its version will always do so", LIST(CRASH("0", SCORER_SAID)),
                  "p1: exit status 2, started 1 times: cannot serve: golden row 3", true, false },
                { "the worst pod is told", LIST(CRASH("1", "") "," NO_IMAGE), "p1: ImagePullBackOff: Back-off pulling image",
                  false, true },
                { "out of memory",
                  LIST(POD(CONTAINER("'restartCount':0,'state':{'terminated':{'exitCode':137,'reason':'OOMKilled'}}"))),
                  "p1: out of memory, started 1 times", false, false },
                { "no node has room: nodes come",
                  LIST(POD("{'conditions':[{'type':'PodScheduled','status':'False','reason':'Unschedulable','message':'0/3 "
                           "nodes'}]}")),
                  "p1: Unschedulable: 0/3 nodes", false, false },
                { "an evicted pod", LIST(POD("{'phase':'Failed','reason':'Evicted','message':'low on memory'}")),
                  "p1: Evicted: low on memory", false, false },
                { "a pod that leaves is not looked at",
                  LIST("{'metadata':{'name':'p','deletionTimestamp':'x'},'status':{'phase':'Failed','reason':'Evicted'}}"), "",
                  false, false },
                { "a finished init container is as it should be",
                  LIST(POD("{'initContainerStatuses':[{'ready':true,'restartCount':0,'state':{'terminated':{'exitCode':0}}}]}")),
                  "", false, false },
                { "nonsense", "{'items':[1,{},{'status':7},{'status':{'conditions':'x','containerStatuses':[{}]}}]}", "", false,
                  false },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) list = parse(cases[i].list);
                struct kube_trouble t;

                print_message("  %s\n", cases[i].name);
                kube_pods_trouble(list, &t);
                assert_string_equal(t.message, cases[i].message);
                assert_int_equal(t.failed, cases[i].failed);
                assert_int_equal(t.bad_image, cases[i].bad_image);
        }
}

static void deployments_say_why(void **state)
{
#define CONDITION(type, status, reason)                                                                                          \
        "{'status':{'conditions':[{'type':'" type "','status':'" status "','reason':'" reason "','message':'m'}]}}"
        static const struct {
                const char *name, *deployment, *message;
                bool failed;
        } cases[] = {
                { "it gets on", CONDITION("Progressing", "True", "ReplicaSetUpdated"), "", false },
                { "its deadline has passed", CONDITION("Progressing", "False", "ProgressDeadlineExceeded"),
                  "ProgressDeadlineExceeded: m", true },
                { "a quota may be raised", CONDITION("ReplicaFailure", "True", "FailedCreate"), "FailedCreate: m", false },
                { "the first template is ours", "{'metadata':{'annotations':{'deployment.kubernetes.io/revision':'1'}}}", "",
                  false },
                { "the second one is not", "{'metadata':{'annotations':{'deployment.kubernetes.io/revision':'2'}}}",
                  "somebody has changed its pods' template: they are not what was released; it is left alone", false },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                AUTO(json) deployment = parse(cases[i].deployment);
                struct kube_trouble t;

                print_message("  %s\n", cases[i].name);
                kube_deployment_trouble(deployment, &t);
                assert_string_equal(t.message, cases[i].message);
                assert_int_equal(t.failed, cases[i].failed);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pods_say_why),
                cmocka_unit_test(deployments_say_why),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
