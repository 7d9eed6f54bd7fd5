/*
 * Who we are to the API server at this moment: tokens that rotate in files, plugins that hand out credentials for minutes,
 * certificates that are replaced. Texts stay valid until the next call of kube_auth_run() or kube_auth_rejected().
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/http_client.h"
#include "lib/kube_config.h"

struct kube_auth;

struct kube_auth *kube_auth_new(const struct kube_config *c); /* borrowed for the lifetime, and its texts are kept fresh */
void kube_auth_free(struct kube_auth *a);

/* Do what is due. Returns the milliseconds after which to be called again. */
int64_t kube_auth_run(struct kube_auth *a, int64_t now_ms);
/* What to wait for beside the time: 0 or 1 descriptors. */
unsigned kube_auth_poll_fds(const struct kube_auth *a, struct pollfd *out);

/* 1: there is a credential; 0: a plugin is being asked; -1: it failed just now. Asks the plugin if it has to. */
int kube_auth_ready(struct kube_auth *a, int64_t now_ms, struct err *e);
const char *kube_auth_token(const struct kube_auth *a); /* NULL: none */
void kube_auth_tls(const struct kube_auth *a, struct http_tls *out);

/* The server said 401 to this token. True: there is or will be another one, so it is worth trying again. */
bool kube_auth_rejected(struct kube_auth *a, const char *token, int64_t now_ms);
