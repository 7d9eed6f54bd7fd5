/* kubeconfig documents: the context chosen, paths, inline data, and every kind of bad one. */
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/kube_config.h"
#include "tests/unit/lib/unit.h"

#define CLUSTER "clusters:\n- {name: c, cluster: {server: 'https://api:6443/'}}\n"
#define CONTEXT "contexts:\n- {name: x, context: {cluster: c, user: u, namespace: n}}\ncurrent-context: x\n"
#define USER(body) "users:\n- {name: u, user: {" body "}}\n"
#define EXEC(body) USER("exec: {apiVersion: client.authentication.k8s.io/v1, " body "}")

static int choose(const char *yaml, const struct kube_config_options *o, struct kube_config *out, struct err *e)
{
        AUTO(json) doc = NULL;

        *out = (struct kube_config){ 0 };
        return kube_config_parse("/etc/kube/config", yaml, strlen(yaml), &doc, e) || kube_config_choose(doc, o, out, e) ? -1 : 0;
}

static void the_current_context_is_chosen(void **state)
{
        struct kube_config c;
        struct err e;
        (void) state;

        assert_ok(choose(CLUSTER CONTEXT USER("token: 0123"), &(struct kube_config_options){ 0 }, &c, &e), e);
        assert_string_equal(c.server, "https://api:6443");
        assert_string_equal(c.context, "x");
        assert_string_equal(c.namespace_, "n");
        assert_string_equal(c.token.text, "0123");
        assert_null(c.exec.argv);
        kube_config_done(&c);
}

static void a_named_context_beats_the_current_one(void **state)
{
        static const char yaml[] =
                CLUSTER "contexts:\n- {name: x, context: {cluster: c}}\n- {name: y, context: {cluster: c, namespace: m}}\n"
                        "current-context: x\n";
        struct kube_config c;
        struct err e;
        (void) state;

        assert_ok(choose(yaml, &(struct kube_config_options){ .context = "y" }, &c, &e), e);
        assert_string_equal(c.namespace_, "m");
        kube_config_done(&c);
        assert_failed(choose(yaml, &(struct kube_config_options){ .context = "z" }, &c, &e), e, ERR_NOT_FOUND,
                      "no context \"z\"");
        kube_config_done(&c);
}

static void paths_are_relative_to_their_file_and_data_is_decoded(void **state)
{
        static const char yaml[] =
                "clusters:\n- {name: c, cluster: {server: 'https://a', certificate-authority: ca.crt, tls-server-name: s,\n"
                "    proxy-url: 'http://p'}}\n" CONTEXT USER(
                        "client-certificate: /abs/crt, client-key-data: aGVsbG8=, tokenFile: ../token");
        struct kube_config c;
        struct err e;
        (void) state;

        assert_ok(choose(yaml, &(struct kube_config_options){ 0 }, &c, &e), e);
        assert_string_equal(c.ca.path, "/etc/kube/ca.crt");
        assert_string_equal(c.cert.path, "/abs/crt");
        assert_string_equal(c.key.text, "hello");
        assert_string_equal(c.token.path, "/etc/kube/../token");
        assert_string_equal(c.server_name, "s");
        assert_string_equal(c.proxy, "http://p");
        kube_config_done(&c);
}

static void a_plugin_is_taken_apart(void **state)
{
        static const char yaml[] = CLUSTER CONTEXT EXEC(
                "command: ./get, args: [a, 'b c'], env: [{name: K, value: v}], installHint: h, provideClusterInfo: true");
        struct kube_config c;
        struct err e;
        (void) state;

        assert_ok(choose(yaml, &(struct kube_config_options){ 0 }, &c, &e), e);
        assert_string_equal(c.exec.argv[0], "/etc/kube/./get");
        assert_string_equal(c.exec.argv[2], "b c");
        assert_null(c.exec.argv[3]);
        assert_string_equal(c.exec.env[0], "K=v");
        assert_string_equal(c.exec.install_hint, "h");
        assert_true(c.exec.cluster_info);
        kube_config_done(&c);
}

static void the_first_of_each_name_wins_when_files_are_merged(void **state)
{
        static const char first[] = "users:\n- {name: u, user: {token: first}}\n",
                          second[] = CLUSTER CONTEXT USER("token: second");
        AUTO(json) all = json_object();
        AUTO(json) a = NULL;
        AUTO(json) b = NULL;
        struct kube_config c = { 0 };
        struct err e;
        (void) state;

        assert_ok(kube_config_parse("a", first, strlen(first), &a, &e), e);
        assert_ok(kube_config_parse("b", second, strlen(second), &b, &e), e);
        kube_config_merge(all, a);
        kube_config_merge(all, b);
        assert_ok(kube_config_choose(all, &(struct kube_config_options){ 0 }, &c, &e), e);
        assert_string_equal(c.token.text, "first");
        kube_config_done(&c);
}

static void bad_ones_say_what_is_wrong(void **state)
{
        static const struct {
                const char *yaml;
                enum err_kind kind;
                const char *text;
        } cases[] = {
                { "- a\n", ERR_INVALID, "no kubeconfig" },
                { CLUSTER, ERR_INVALID, "no context is named" },
                { CLUSTER "current-context: x\n", ERR_NOT_FOUND, "no context \"x\"" },
                { CONTEXT, ERR_NOT_FOUND, "no cluster \"c\"" },
                { CLUSTER CONTEXT, ERR_NOT_FOUND, "no user \"u\"" },
                { CLUSTER "contexts: [{name: x}]\ncurrent-context: x\n", ERR_INVALID, "empty" },
                { CLUSTER "contexts: [{name: x, context: {user: u}}]\ncurrent-context: x\n", ERR_INVALID, "no cluster" },
                { "clusters: [{name: c, cluster: {server: api}}]\n" CONTEXT USER(""), ERR_INVALID, "must be a URL" },
                { "clusters: [{name: c, cluster: {}}]\n" CONTEXT USER(""), ERR_INVALID, "must be a URL" },
                { "clusters: [{name: c, cluster: {server: 'https://a', insecure-skip-tls-verify: true}}]\n" CONTEXT USER(""),
                  ERR_INVALID, "refused" },
                { "clusters: [{name: c, cluster: {server: 'https://a', certificate-authority-data: '%%%'}}]\n" CONTEXT USER(""),
                  ERR_INVALID, "no base64" },
                { CLUSTER CONTEXT USER("client-certificate-data: AGE="), ERR_INVALID, "no PEM" },
                { CLUSTER CONTEXT USER("client-certificate: a"), ERR_INVALID, "go together" },
                { CLUSTER CONTEXT USER("username: a, password: b"), ERR_INVALID, "passwords" },
                { CLUSTER CONTEXT USER("exec: {command: x}"), ERR_INVALID, "apiVersion" },
                { CLUSTER CONTEXT USER("exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}"), ERR_INVALID,
                  "apiVersion" },
                { CLUSTER CONTEXT EXEC("args: [a]"), ERR_INVALID, "command is missing" },
                { CLUSTER CONTEXT EXEC("command: x, args: [[]]"), ERR_INVALID, "argument 1" },
                { CLUSTER CONTEXT EXEC("command: x, env: [{value: v}]"), ERR_INVALID, "variable 1" },
                { CLUSTER CONTEXT EXEC("command: x, interactiveMode: Always"), ERR_INVALID, "terminal" },
        };
        (void) state;

        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct kube_config c;
                struct err e = { 0 };
                assert_failed(choose(cases[i].yaml, &(struct kube_config_options){ 0 }, &c, &e), e, cases[i].kind, cases[i].text);
                kube_config_done(&c);
        }
}

static void insecure_is_possible_when_allowed(void **state)
{
        static const char yaml[] =
                "clusters: [{name: c, cluster: {server: 'https://a', insecure-skip-tls-verify: true}}]\n" CONTEXT USER("");
        struct kube_config c;
        struct err e;
        (void) state;

        assert_ok(choose(yaml, &(struct kube_config_options){ .allow_insecure = true }, &c, &e), e);
        assert_true(c.insecure);
        kube_config_done(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_current_context_is_chosen),
                cmocka_unit_test(a_named_context_beats_the_current_one),
                cmocka_unit_test(paths_are_relative_to_their_file_and_data_is_decoded),
                cmocka_unit_test(a_plugin_is_taken_apart),
                cmocka_unit_test(the_first_of_each_name_wins_when_files_are_merged),
                cmocka_unit_test(bad_ones_say_what_is_wrong),
                cmocka_unit_test(insecure_is_possible_when_allowed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
