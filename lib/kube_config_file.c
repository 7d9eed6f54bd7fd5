/* kubeconfig documents: names looked up, data decoded, paths made absolute. Reads no file. */
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/base64.h"
#include "lib/kube_config.h"
#include "lib/mem.h"
#include "lib/yaml_json.h"

enum { ARGS_MAX = 256 };

/* The lists of named things: {"name": ..., ITEM: {...}}. */
enum list { CLUSTERS, USERS, CONTEXTS, LISTS };
static const struct {
        const char *list, *item;
} lists[LISTS] = {
        [CLUSTERS] = { "clusters", "cluster" },
        [USERS] = { "users", "user" },
        [CONTEXTS] = { "contexts", "context" },
};

static const char *const path_keys[] = { "certificate-authority", "client-certificate", "client-key", "tokenFile" };

static const char *text_of(const json_t *map, const char *key)
{
        const char *text = json_string_value(json_object_get(map, key));

        return text && *text ? text : NULL;
}

static char *copy_of(const json_t *map, const char *key)
{
        const char *text = text_of(map, key);

        return text ? xstrdup(text) : NULL;
}

static bool flag_of(const json_t *map, const char *key)
{
        const char *text = text_of(map, key);

        return text && strcmp(text, "true") == 0;
}

/* Relative paths, and commands with a slash in them, are relative to the file that names them. */
static void make_absolute(json_t *map, const char *key, const char *file, bool bare_stays)
{
        const char *path = text_of(map, key), *slash = strrchr(file, '/');

        if (!path || *path == '/' || (bare_stays && !strchr(path, '/')) || !slash)
                return;
        AUTO(str) whole = xasprintf("%.*s%s", (int) (slash - file) + 1, file, path);
        json_object_set_new(map, key, json_string(whole));
}

int kube_config_parse(const char *path, const char *text, size_t len, json_t **out, struct err *e)
{
        AUTO(json) doc = NULL;
        json_t *entry;
        size_t i;

        if (yaml_json_parse(path, text, len, &doc, e))
                return -1;
        if (!json_is_object(doc))
                return err_set(e, ERR_INVALID, "%s: no kubeconfig", path);
        for (size_t l = 0; l < LISTS; l++) {
                json_array_foreach (json_object_get(doc, lists[l].list), i, entry) {
                        json_t *item = json_object_get(entry, lists[l].item);
                        for (size_t k = 0; k < sizeof path_keys / sizeof *path_keys; k++)
                                make_absolute(item, path_keys[k], path, false);
                        make_absolute(json_object_get(item, "exec"), "command", path, true);
                }
        }
        *out = TAKE(doc);
        return 0;
}

void kube_config_merge(json_t *into, json_t *next)
{
        for (size_t l = 0; l < LISTS; l++) {
                json_t *all = json_object_get(into, lists[l].list), *more = json_object_get(next, lists[l].list);
                if (!json_is_array(all))
                        json_object_set_new(into, lists[l].list, all = json_array());
                if (json_is_array(more))
                        json_array_extend(all, more);
        }
        if (!text_of(into, "current-context") && text_of(next, "current-context"))
                json_object_set(into, "current-context", json_object_get(next, "current-context"));
}

/* The item of this name, borrowed; NOT_FOUND if there is none. */
static int find(json_t *doc, enum list l, const char *name, json_t **out, struct err *e)
{
        json_t *entry;
        size_t i;

        json_array_foreach (json_object_get(doc, lists[l].list), i, entry) {
                const char *its = text_of(entry, "name");
                json_t *item = json_object_get(entry, lists[l].item);
                if (!its || strcmp(its, name) != 0)
                        continue;
                if (!json_is_object(item))
                        return err_set(e, ERR_INVALID, "kubeconfig: %s \"%s\" is empty", lists[l].item, name);
                *out = item;
                return 0;
        }
        return err_set(e, ERR_NOT_FOUND, "kubeconfig: there is no %s \"%s\"", lists[l].item, name);
}

/* Inline data wins over a path, as in kubectl. */
static int take_file(const json_t *map, const char *data_key, const char *path_key, struct kube_file *out, struct err *e)
{
        const char *data = text_of(map, data_key);
        size_t len;

        if (!data) {
                out->path = copy_of(map, path_key);
                return 0;
        }
        if (base64_decode(data_key, data, &out->text, &len, e))
                return err_wrap(e, "kubeconfig");
        return strlen(out->text) == len ? 0 : err_set(e, ERR_INVALID, "kubeconfig: %s: no PEM text", data_key);
}

static int take_cluster(const json_t *cluster, const struct kube_config_options *o, struct kube_config *c, struct err *e)
{
        c->server = copy_of(cluster, "server");
        c->server_name = copy_of(cluster, "tls-server-name");
        c->proxy = copy_of(cluster, "proxy-url");
        c->insecure = flag_of(cluster, "insecure-skip-tls-verify");
        if (!c->server || (strncmp(c->server, "https://", 8) != 0 && strncmp(c->server, "http://", 7) != 0))
                return err_set(e, ERR_INVALID, "kubeconfig: the cluster's server must be a URL");
        for (size_t n = strlen(c->server); n && c->server[n - 1] == '/'; n--)
                c->server[n - 1] = '\0';
        if (c->insecure && !o->allow_insecure)
                return err_set(e, ERR_INVALID, "kubeconfig: insecure-skip-tls-verify lets anyone be your API server; refused");
        return take_file(cluster, "certificate-authority-data", "certificate-authority", &c->ca, e);
}

static int take_args(const json_t *exec, struct kube_exec_spec *out, struct err *e)
{
        json_t *args = json_object_get(exec, "args"), *arg;
        size_t i, n = json_array_size(args);

        if (!text_of(exec, "command"))
                return err_set(e, ERR_INVALID, "kubeconfig: exec: the command is missing");
        if (n > ARGS_MAX)
                return err_set(e, ERR_TOO_LARGE, "kubeconfig: exec: over %d arguments", ARGS_MAX);
        out->argv = xcalloc(n + 2, sizeof *out->argv);
        out->argv[0] = copy_of(exec, "command");
        json_array_foreach (args, i, arg) {
                if (!json_is_string(arg))
                        return err_set(e, ERR_INVALID, "kubeconfig: exec: argument %zu is no text", i + 1);
                out->argv[i + 1] = xstrdup(json_string_value(arg));
        }
        return 0;
}

static int take_env(const json_t *exec, struct kube_exec_spec *out, struct err *e)
{
        json_t *env = json_object_get(exec, "env"), *pair;
        size_t i, n = json_array_size(env);

        if (n > ARGS_MAX)
                return err_set(e, ERR_TOO_LARGE, "kubeconfig: exec: over %d environment variables", ARGS_MAX);
        out->env = xcalloc(n + 1, sizeof *out->env);
        json_array_foreach (env, i, pair) {
                const char *name = text_of(pair, "name"), *value = json_string_value(json_object_get(pair, "value"));
                if (!name || strchr(name, '='))
                        return err_set(e, ERR_INVALID, "kubeconfig: exec: environment variable %zu has no name", i + 1);
                out->env[i] = xasprintf("%s=%s", name, value ? value : "");
        }
        return 0;
}

static int take_exec(const json_t *exec, struct kube_exec_spec *out, struct err *e)
{
        static const char group[] = "client.authentication.k8s.io/";
        const char *version = text_of(exec, "apiVersion"), *interactive = text_of(exec, "interactiveMode");

        if (!version || strncmp(version, group, strlen(group)) != 0 ||
            (strcmp(version + strlen(group), "v1") != 0 && strcmp(version + strlen(group), "v1beta1") != 0))
                return err_set(e, ERR_INVALID, "kubeconfig: exec: apiVersion must be %sv1 or v1beta1", group);
        if (interactive && strcmp(interactive, "Always") == 0)
                return err_set(e, ERR_INVALID, "kubeconfig: exec: the plugin wants a terminal, and there is none");
        out->api_version = xstrdup(version);
        out->install_hint = copy_of(exec, "installHint");
        out->cluster_info = flag_of(exec, "provideClusterInfo");
        return take_args(exec, out, e) || take_env(exec, out, e) ? -1 : 0;
}

/* A token beats its file, and both beat a plugin, as in kubectl. */
static int take_user(const json_t *user, struct kube_config *c, struct err *e)
{
        json_t *exec = json_object_get(user, "exec");

        if (text_of(user, "username") || text_of(user, "auth-provider"))
                return err_set(e, ERR_INVALID, "kubeconfig: passwords and auth-provider have left Kubernetes; use exec");
        if (take_file(user, "client-certificate-data", "client-certificate", &c->cert, e) ||
            take_file(user, "client-key-data", "client-key", &c->key, e))
                return -1;
        if (!(c->cert.path || c->cert.text) != !(c->key.path || c->key.text))
                return err_set(e, ERR_INVALID, "kubeconfig: a client certificate and its key go together");
        c->token.text = copy_of(user, "token");
        if (!c->token.text)
                c->token.path = copy_of(user, "tokenFile");
        if (!json_is_object(exec) || c->token.text || c->token.path)
                return 0;
        return take_exec(exec, &c->exec, e);
}

int kube_config_choose(json_t *doc, const struct kube_config_options *o, struct kube_config *out, struct err *e)
{
        const char *name = o->context ? o->context : text_of(doc, "current-context");
        json_t *context, *cluster, *user = NULL;

        if (!name)
                return err_set(e, ERR_INVALID, "kubeconfig: no context is named and there is no current one");
        if (find(doc, CONTEXTS, name, &context, e))
                return -1;
        const char *cluster_name = text_of(context, "cluster"), *user_name = text_of(context, "user");
        if (!cluster_name)
                return err_set(e, ERR_INVALID, "kubeconfig: context \"%s\" names no cluster", name);
        if (find(doc, CLUSTERS, cluster_name, &cluster, e) || (user_name && find(doc, USERS, user_name, &user, e)))
                return -1;
        out->context = xstrdup(name);
        out->namespace_ = copy_of(context, "namespace");
        if (!out->namespace_)
                out->namespace_ = xstrdup("default");
        return take_cluster(cluster, o, out, e) || (user && take_user(user, out, e)) ? -1 : 0;
}
