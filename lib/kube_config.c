/* Finding the configuration, and the texts that live in files. */
#include "lib/kube_config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"

static const char SERVICE_ACCOUNT[] = "/var/run/secrets/kubernetes.io/serviceaccount";
enum { TEXT_MAX_BYTES = 1 << 20 };

static void free_file(struct kube_file *f)
{
        free(f->path);
        free(f->text);
}

static void free_list(char **list)
{
        for (char **p = list; p && *p; p++)
                free(*p);
        free(list);
}

void kube_config_done(struct kube_config *c)
{
        free(c->server);
        free(c->context);
        free(c->namespace_);
        free(c->server_name);
        free(c->proxy);
        free_file(&c->ca);
        free_file(&c->cert);
        free_file(&c->key);
        free_file(&c->token);
        free(c->exec.api_version);
        free(c->exec.install_hint);
        free_list(c->exec.argv);
        free_list(c->exec.env);
        *c = (struct kube_config){ 0 };
}

int kube_file_reload(struct kube_file *f, struct err *e)
{
        AUTO(str) text = NULL;
        size_t len;

        if (!f->path)
                return 0;
        if (fs_read(f->path, TEXT_MAX_BYTES, &text, &len, e))
                return -1;
        while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
                text[--len] = '\0';
        if (!len || strlen(text) != len)
                return err_set(e, ERR_INVALID, "%s: empty or no text", f->path);
        if (f->text && strcmp(f->text, text) == 0)
                return 0;
        free(f->text);
        f->text = TAKE(text);
        return 1;
}

static int read_files(struct kube_config *c, struct err *e)
{
        struct kube_file *files[] = { &c->ca, &c->cert, &c->key, &c->token };

        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
                if (kube_file_reload(files[i], e) < 0)
                        return err_wrap(e, "Kubernetes configuration");
        return 0;
}

/* What every pod with a service account finds. The folder is a variable for tests alone. */
static int in_cluster(struct kube_config *c, struct err *e)
{
        const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
        const char *folder = getenv("SLUICE_SERVICE_ACCOUNT");
        bool v6 = strchr(host, ':');

        if (!folder)
                folder = SERVICE_ACCOUNT;
        c->server = xasprintf("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port ? port : "443");
        c->context = xstrdup("");
        c->ca.path = xasprintf("%s/ca.crt", folder);
        c->token.path = xasprintf("%s/token", folder);
        AUTO(str) path = xasprintf("%s/namespace", folder);
        if (fs_read_line(path, &c->namespace_, NULL))
                c->namespace_ = xstrdup("default");
        return read_files(c, e);
}

static int read_document(const char *path, json_t *doc, struct err *e)
{
        AUTO(str) text = NULL;
        AUTO(json) next = NULL;
        size_t len;

        if (fs_read(path, TEXT_MAX_BYTES, &text, &len, e) || kube_config_parse(path, text, len, &next, e))
                return -1;
        kube_config_merge(doc, next);
        return 0;
}

/* KUBECONFIG is a list like PATH; files in it that do not exist are skipped, as long as there is one. */
static int read_list(const char *list, json_t *doc, struct err *e)
{
        AUTO(str) copy = xstrdup(list);
        char *rest = copy;
        int found = 0;

        for (char *path; (path = strsep(&rest, ":"));) {
                if (!*path || !fs_exists(path))
                        continue;
                if (read_document(path, doc, e))
                        return -1;
                found++;
        }
        return found ? 0 : err_set(e, ERR_NOT_FOUND, "KUBECONFIG: no file of \"%s\" exists", list);
}

static int from_files(const struct kube_config_options *o, struct kube_config *c, struct err *e)
{
        const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
        AUTO(json) doc = json_object();
        int failed;

        if (o->path) {
                failed = read_document(o->path, doc, e);
        } else if (list && *list) {
                failed = read_list(list, doc, e);
        } else {
                AUTO(str) path = xasprintf("%s/.kube/config", home ? home : "");
                failed = fs_exists(path) ? read_document(path, doc, e)
                                         : err_set(e, ERR_NOT_FOUND, "no KUBECONFIG, no service account and no %s", path);
        }
        return failed || kube_config_choose(doc, o, c, e) || read_files(c, e) ? -1 : 0;
}

int kube_config_load(const struct kube_config_options *o, struct kube_config *out, struct err *e)
{
        const char *list = getenv("KUBECONFIG"), *host = getenv("KUBERNETES_SERVICE_HOST");
        bool in_pod = !o->path && !o->context && !(list && *list) && host && *host;
        struct kube_config c = { 0 };

        if (in_pod ? in_cluster(&c, e) : from_files(o, &c, e)) {
                kube_config_done(&c);
                return -1;
        }
        *out = c;
        return 0;
}
