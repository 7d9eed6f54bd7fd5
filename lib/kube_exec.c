/* One run of a credential plugin, driven by its output pipe. */
#include "lib/kube_exec.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/base64.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/proc.h"
#include "lib/strbuf.h"

enum { GRACE_MS = 1000 }; /* between the end of the output and the end of the process */

struct kube_exec {
        pid_t pid;
        int fd;
        int64_t deadline_ms;
        char *command, *version;
        struct strbuf output;
};

void kube_credential_done(struct kube_credential *c)
{
        free(c->token);
        free(c->cert);
        free(c->key);
        *c = (struct kube_credential){ 0 };
}

static int check(const char *kind, const char *said, const char *wanted, const struct kube_credential *c, struct err *e)
{
        if (strcmp(kind, "ExecCredential") != 0 || strcmp(said, wanted) != 0)
                return err_set(e, ERR_INVALID, "credential plugin: printed a %s of %s, not an ExecCredential of %s", kind, said,
                               wanted);
        if (!c->cert != !c->key)
                return err_set(e, ERR_INVALID, "credential plugin: a client certificate and its key go together");
        if (!c->token && !c->cert)
                return err_set(e, ERR_INVALID, "credential plugin: neither a token nor a client certificate");
        return 0;
}

int kube_credential_parse(const char *text, size_t len, const char *version, struct kube_credential *out, struct err *e)
{
        const char *kind, *said, *token = NULL, *cert = NULL, *key = NULL, *expires = NULL;
        AUTO(json) doc = NULL;

        if (json_parse("credential plugin", text, len, &doc, e) ||
            json_peek("credential plugin", doc, e, "{s:s, s:s, s:{s?s, s?s, s?s, s?s}}", "kind", &kind, "apiVersion", &said,
                      "status", "token", &token, "clientCertificateData", &cert, "clientKeyData", &key, "expirationTimestamp",
                      &expires))
                return -1;
        struct kube_credential c = { .token = token && *token ? xstrdup(token) : NULL,
                                     .cert = cert && *cert ? xstrdup(cert) : NULL,
                                     .key = key && *key ? xstrdup(key) : NULL };
        int failed = check(kind, said, version, &c, e);
        if (!failed && expires && clock_rfc3339_any(expires, &c.expires_wall_ms))
                failed = err_set(e, ERR_INVALID, "credential plugin: expirationTimestamp \"%.64s\" is no RFC 3339 time", expires);
        if (failed) {
                kube_credential_done(&c);
                return -1;
        }
        *out = c;
        return 0;
}

static json_t *cluster_info(const struct kube_config *c)
{
        AUTO(str) ca = c->ca.text ? base64_encode(c->ca.text, strlen(c->ca.text)) : NULL;

        return json_pack("{s:s, s:s*, s:s*, s:s*, s:b}", "server", c->server, "tls-server-name", c->server_name, "proxy-url",
                         c->proxy, "certificate-authority-data", ca, "insecure-skip-tls-verify", c->insecure);
}

/* KUBERNETES_EXEC_INFO tells the plugin which version to print, and about the cluster if it wants to know. */
static char *exec_info(const struct kube_config *c)
{
        json_t *cluster = c->exec.cluster_info ? cluster_info(c) : NULL;
        AUTO(json)
        info = json_pack("{s:s, s:s, s:{s:b, s:o*}}", "apiVersion", c->exec.api_version, "kind", "ExecCredential", "spec",
                         "interactive", 0, "cluster", cluster);
        AUTO(str) text = json_text(info);

        return xasprintf("KUBERNETES_EXEC_INFO=%s", text);
}

int kube_exec_start(const struct kube_config *c, int64_t now_ms, struct kube_exec **out, struct err *e)
{
        AUTO(str) info = exec_info(c);
        size_t n = 0;

        while (c->exec.env[n])
                n++;
        const char **env = xcalloc(n + 2, sizeof *env);
        for (size_t i = 0; i < n; i++)
                env[i] = c->exec.env[i];
        env[n] = info;
        struct kube_exec *x = xcalloc(1, sizeof *x);
        struct proc_spec spec = { .argv = (const char *const *) c->exec.argv,
                                  .env = env,
                                  .stdout_fd = &x->fd,
                                  .death_signal = SIGKILL,
                                  .own_group = true };
        int failed = proc_start(&spec, &x->pid, e);
        free(env);
        if (failed) {
                free(x);
                if (e && e->kind == ERR_NOT_FOUND && c->exec.install_hint)
                        return err_set(e, ERR_NOT_FOUND, "credential plugin %s is not there: %s", c->exec.argv[0],
                                       c->exec.install_hint);
                return err_wrap(e, "credential plugin");
        }
        x->deadline_ms = now_ms + KUBE_EXEC_TIMEOUT_MS;
        x->command = xstrdup(c->exec.argv[0]);
        x->version = xstrdup(c->exec.api_version);
        strbuf_init(&x->output, KUBE_EXEC_MAX_BYTES);
        *out = x;
        return 0;
}

int kube_exec_fd(const struct kube_exec *x)
{
        return x->fd;
}

int64_t kube_exec_deadline(const struct kube_exec *x)
{
        return x->deadline_ms;
}

/* 1 at the end of the output, 0 if there may be more. */
static int read_output(struct kube_exec *x)
{
        char piece[4096];
        ssize_t n;

        while ((n = read(x->fd, piece, sizeof piece)) > 0 && strbuf_add(&x->output, piece, (size_t) n))
                ;
        return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static int finish(struct kube_exec *x, struct kube_credential *out, struct err *e)
{
        char text[64];
        int status;
        int ended = proc_wait(x->pid, GRACE_MS, &status, e);

        if (ended <= 0)
                return err_set(e, ERR_TIMEOUT, "credential plugin %s: closed its output and went on", x->command);
        x->pid = 0;
        if (status) {
                proc_status_text(status, text, sizeof text);
                return err_set(e, ERR_UNAVAILABLE, "credential plugin %s: %s", x->command, text);
        }
        return kube_credential_parse(strbuf_str(&x->output), x->output.len, x->version, out, e) ? -1 : 1;
}

int kube_exec_step(struct kube_exec *x, int64_t now_ms, struct kube_credential *out, struct err *e)
{
        int end = read_output(x);

        if (!strbuf_ok(&x->output))
                return err_set(e, ERR_TOO_LARGE, "credential plugin %s: printed over %d bytes", x->command, KUBE_EXEC_MAX_BYTES);
        if (end)
                return finish(x, out, e);
        if (now_ms >= x->deadline_ms)
                return err_set(e, ERR_TIMEOUT, "credential plugin %s: no answer within %d s", x->command,
                               KUBE_EXEC_TIMEOUT_MS / 1000);
        return 0;
}

void kube_exec_free(struct kube_exec *x)
{
        if (!x)
                return;
        if (x->pid > 0) /* and what it has started itself: plugins are often scripts */
                (void) kill(-x->pid, SIGKILL);
        proc_stop(x->pid, SIGKILL, GRACE_MS);
        (void) close(x->fd);
        strbuf_done(&x->output);
        free(x->command);
        free(x->version);
        free(x);
}
