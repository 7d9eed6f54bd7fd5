/* Keeping credentials fresh. */
#include "lib/kube_auth.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/kube_exec.h"
#include "lib/mem.h"

enum {
        TOKEN_REREAD_MS = 60000, /* as client-go; projected tokens rotate at 80 % of an hour */
        CERTS_REREAD_MS = 300000,
        EXPIRY_MARGIN_MS = 60000, /* a plugin's credential is replaced this long before it ends */
        PLUGIN_PAUSE_MS = 5000,   /* after a failure, and before what it gave can be doubted */
};

struct kube_auth {
        const struct kube_config *config;
        struct kube_file token, ca, cert, key; /* working copies */
        int64_t token_due_ms, certs_due_ms;
        struct kube_exec *exec; /* running now */
        struct kube_credential credential;
        int64_t expires_ms; /* of the credential; 0: unknown, until it is refused */
        int64_t fetched_ms;
        struct err failure; /* of the last run */
        int64_t failed_until_ms;
};

static struct kube_file copy(const struct kube_file *f)
{
        return (struct kube_file){ .path = f->path ? xstrdup(f->path) : NULL, .text = f->text ? xstrdup(f->text) : NULL };
}

struct kube_auth *kube_auth_new(const struct kube_config *c)
{
        struct kube_auth *a = xcalloc(1, sizeof *a);
        int64_t now = clock_ms();

        a->config = c;
        a->token = copy(&c->token);
        a->ca = copy(&c->ca);
        a->cert = copy(&c->cert);
        a->key = copy(&c->key);
        a->token_due_ms = now + TOKEN_REREAD_MS;
        a->certs_due_ms = now + CERTS_REREAD_MS;
        return a;
}

void kube_auth_free(struct kube_auth *a)
{
        if (!a)
                return;
        struct kube_file *files[] = { &a->token, &a->ca, &a->cert, &a->key };
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
                free(files[i]->path);
                free(files[i]->text);
        }
        kube_exec_free(a->exec);
        kube_credential_done(&a->credential);
        free(a);
}

static bool has_credential(const struct kube_auth *a, int64_t now_ms)
{
        bool any = a->credential.token || a->credential.cert;

        return any && (!a->expires_ms || now_ms < a->expires_ms - EXPIRY_MARGIN_MS);
}

static void plugin_failed(struct kube_auth *a, const struct err *why, int64_t now_ms)
{
        a->failure = *why;
        a->failed_until_ms = now_ms + PLUGIN_PAUSE_MS;
}

/* The expiry is a wall-clock stamp of another machine; from here on only our monotonic clock counts. */
static void take_credential(struct kube_auth *a, struct kube_credential *c, int64_t now_ms)
{
        kube_credential_done(&a->credential);
        a->credential = *c;
        a->expires_ms = c->expires_wall_ms ? now_ms + c->expires_wall_ms - clock_wall_ms() : 0;
        a->fetched_ms = now_ms;
        a->failed_until_ms = 0;
}

static void step_plugin(struct kube_auth *a, int64_t now_ms)
{
        struct kube_credential c;
        struct err why = { 0 };
        int r = kube_exec_step(a->exec, now_ms, &c, &why);

        if (r == 0)
                return;
        kube_exec_free(a->exec);
        a->exec = NULL;
        if (r > 0)
                take_credential(a, &c, now_ms);
        else
                plugin_failed(a, &why, now_ms);
}

int64_t kube_auth_run(struct kube_auth *a, int64_t now_ms)
{
        if (now_ms >= a->token_due_ms) { /* on error the old one stays: it may still be good */
                (void) kube_file_reload(&a->token, NULL);
                a->token_due_ms = now_ms + TOKEN_REREAD_MS;
        }
        if (now_ms >= a->certs_due_ms) {
                (void) kube_file_reload(&a->ca, NULL);
                (void) kube_file_reload(&a->cert, NULL);
                (void) kube_file_reload(&a->key, NULL);
                a->certs_due_ms = now_ms + CERTS_REREAD_MS;
        }
        if (a->exec)
                step_plugin(a, now_ms);
        int64_t due = a->token_due_ms < a->certs_due_ms ? a->token_due_ms : a->certs_due_ms;
        if (a->exec && kube_exec_deadline(a->exec) < due)
                due = kube_exec_deadline(a->exec);
        return due > now_ms ? due - now_ms : 0;
}

unsigned kube_auth_poll_fds(const struct kube_auth *a, struct pollfd *out)
{
        if (!a->exec)
                return 0;
        *out = (struct pollfd){ .fd = kube_exec_fd(a->exec), .events = POLLIN };
        return 1;
}

int kube_auth_ready(struct kube_auth *a, int64_t now_ms, struct err *e)
{
        struct err why = { 0 };

        if (!a->config->exec.argv || has_credential(a, now_ms))
                return 1;
        if (now_ms < a->failed_until_ms) {
                if (e)
                        *e = a->failure;
                return -1;
        }
        if (!a->exec && kube_exec_start(a->config, now_ms, &a->exec, &why)) {
                plugin_failed(a, &why, now_ms);
                if (e)
                        *e = why;
                return -1;
        }
        return 0;
}

const char *kube_auth_token(const struct kube_auth *a)
{
        return a->credential.token ? a->credential.token : a->token.text;
}

void kube_auth_tls(const struct kube_auth *a, struct http_tls *out)
{
        *out = (struct http_tls){ .ca = a->ca.text,
                                  .cert = a->credential.cert ? a->credential.cert : a->cert.text,
                                  .key = a->credential.cert ? a->credential.key : a->key.text,
                                  .server_name = a->config->server_name,
                                  .insecure = a->config->insecure };
}

bool kube_auth_rejected(struct kube_auth *a, const char *token, int64_t now_ms)
{
        const char *now = kube_auth_token(a);
        bool changed = now && token && strcmp(now, token) != 0;

        if (changed) /* another call has noticed before */
                return true;
        if (a->config->exec.argv) {
                if (now_ms < a->failed_until_ms || now_ms < a->fetched_ms + PLUGIN_PAUSE_MS)
                        return false;
                kube_credential_done(&a->credential);
                return true;
        }
        return kube_file_reload(&a->token, NULL) > 0;
}
