/*
 * Credential plugins (client.authentication.k8s.io/v1 and v1beta1,
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins): a program of the user's
 * prints a token or a client certificate. It is run without a shell, never longer than 30 s, never reads more than 1 MiB.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/kube_config.h"

enum { KUBE_EXEC_TIMEOUT_MS = 30000, KUBE_EXEC_MAX_BYTES = 1 << 20 };

struct kube_credential {
        char *token; /* or */
        char *cert, *key;
        int64_t expires_wall_ms; /* 0: not said */
};

void kube_credential_done(struct kube_credential *c);

/* What a plugin printed. `version` is the apiVersion that it was asked for. */
int kube_credential_parse(const char *text, size_t len, const char *version, struct kube_credential *out, struct err *e);

struct kube_exec; /* one run of a plugin */

/* Start the configuration's plugin. */
int kube_exec_start(const struct kube_config *c, int64_t now_ms, struct kube_exec **out, struct err *e);
/* Readable when there is something to do. */
int kube_exec_fd(const struct kube_exec *x);
/* 0: still running, ask again at kube_exec_deadline() at the latest; 1: *out is filled; -1: it failed. After 1 and -1, free it. */
int kube_exec_step(struct kube_exec *x, int64_t now_ms, struct kube_credential *out, struct err *e);
int64_t kube_exec_deadline(const struct kube_exec *x);
void kube_exec_free(struct kube_exec *x); /* ends a plugin that is still running */
