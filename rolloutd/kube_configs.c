/* References to ConfigMaps and Secrets: found, renamed, copied. */
#include "rolloutd/kube_configs.h"

#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"

/* `where` holds the name of what is named in its member `member`; -1 ends the walk. */
typedef int (*visit_fn)(void *arg, json_t *where, const char *member, bool secret);

static const struct {
        const char *holder, *member;
        bool secret;
} forms[] = {
        { "configMapKeyRef", "name", false },                                    /* env[].valueFrom */
        { "secretKeyRef", "name", true },     { "configMapRef", "name", false }, /* envFrom[] */
        { "secretRef", "name", true },        { "configMap", "name", false },    /* volumes[], projected.sources[] */
        { "secret", "secretName", true },                                        /* volumes[] */
        { "secret", "name", true },                                              /* projected.sources[] */
};

static int visit_forms(const json_t *at, visit_fn visit, void *arg)
{
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
                json_t *where = json_object_get(at, forms[i].holder);
                if (json_is_string(json_object_get(where, forms[i].member)) &&
                    visit(arg, where, forms[i].member, forms[i].secret))
                        return -1;
        }
        return 0;
}

static int visit_each(const json_t *list, const char *inside, visit_fn visit, void *arg)
{
        const json_t *item;
        size_t i;

        json_array_foreach (list, i, item)
                if (visit_forms(inside ? json_object_get(item, inside) : item, visit, arg))
                        return -1;
        return 0;
}

static int visit_containers(const json_t *containers, visit_fn visit, void *arg)
{
        const json_t *c;
        size_t i;

        json_array_foreach (containers, i, c)
                if (visit_each(json_object_get(c, "env"), "valueFrom", visit, arg) ||
                    visit_each(json_object_get(c, "envFrom"), NULL, visit, arg))
                        return -1;
        return 0;
}

static int visit_all(const json_t *template, visit_fn visit, void *arg)
{
        const json_t *spec = json_object_get(template, "spec"), *volumes = json_object_get(spec, "volumes"), *v;
        size_t i;

        if (visit_containers(json_object_get(spec, "initContainers"), visit, arg) ||
            visit_containers(json_object_get(spec, "containers"), visit, arg) || visit_each(volumes, NULL, visit, arg))
                return -1;
        json_array_foreach (volumes, i, v)
                if (visit_each(json_object_get(json_object_get(v, "projected"), "sources"), NULL, visit, arg))
                        return -1;
        return 0;
}

static int find_one(void *arg, json_t *where, const char *member, bool secret)
{
        struct kube_configs *found = arg;
        const char *name = json_string_value(json_object_get(where, member));
        bool optional = json_is_true(json_object_get(where, "optional"));

        for (int i = 0; i < found->n; i++) {
                struct kube_config_ref *ref = &found->refs[i];
                if (ref->secret != secret || strcmp(ref->name, name) != 0)
                        continue;
                ref->optional = ref->optional && optional;
                return 0;
        }
        if (found->n == KUBE_CONFIGS_MAX)
                return -1;
        found->refs[found->n++] = (struct kube_config_ref){ name, secret, optional };
        return 0;
}

int kube_configs_find(const json_t *template, struct kube_configs *out, struct err *e)
{
        *out = (struct kube_configs){ 0 };
        if (visit_all(template, find_one, out))
                return err_set(e, ERR_INVALID, "the template names more than %d ConfigMaps and Secrets", KUBE_CONFIGS_MAX);
        return 0;
}

static int rename_one(void *arg, json_t *where, const char *member, bool secret)
{
        AUTO(str) name = xasprintf("%s-%s", (const char *) arg, json_string_value(json_object_get(where, member)));

        (void) secret;
        (void) json_object_set_new(where, member, json_string(name));
        return 0;
}

void kube_configs_rename(json_t *template, const char *prefix)
{
        (void) visit_all(template, rename_one, (void *) prefix);
}

int kube_configs_copy(const json_t *source, bool secret, json_t *metadata, json_t **out, struct err *e)
{
        static const char *const members[] = { "type", "data", "binaryData" };
        const char *type = json_string_value(json_object_get(source, "type"));
        AUTO(json)
        copy = json_pack("{s:s, s:s, s:o, s:b}", "apiVersion", "v1", "kind", secret ? "Secret" : "ConfigMap", "metadata",
                         metadata, "immutable", 1);

        if (secret && type && strcmp(type, "kubernetes.io/service-account-token") == 0)
                return err_set(e, ERR_INVALID,
                               "Secret \"%.100s\" is a service account's token, which cannot be copied; use a projected "
                               "serviceAccountToken volume",
                               json_string_value(json_object_get(json_object_get(source, "metadata"), "name")));
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
                if (json_object_get(source, members[i]))
                        (void) json_object_set(copy, members[i], json_object_get(source, members[i]));
        *out = TAKE(copy);
        return 0;
}
