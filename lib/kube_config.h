/*
 * Where a Kubernetes API server is and who we are to it: from the service account inside a pod, or from kubeconfig files as
 * kubectl reads them (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "lib/err.h"

struct kube_file {  /* a text that may live in a file that others replace */
        char *path; /* NULL: given inline */
        char *text; /* NULL: none */
};

struct kube_exec_spec { /* a credential plugin: client.authentication.k8s.io */
        char *api_version;
        char **argv; /* ended by NULL; NULL: no plugin */
        char **env;  /* "NAME=value", ended by NULL */
        char *install_hint;
        bool cluster_info; /* it wants to know which cluster it is for */
};

struct kube_config {
        char *server;  /* https://host:port, no slash at the end */
        char *context; /* "" inside a cluster */
        char *namespace_;
        char *server_name; /* NULL: the URL's host */
        char *proxy;       /* NULL: what the environment says */
        bool insecure;
        struct kube_file ca, cert, key, token;
        struct kube_exec_spec exec;
};

struct kube_config_options {
        const char *path;    /* this kubeconfig file; NULL: KUBECONFIG, else the service account, else ~/.kube/config */
        const char *context; /* NULL: the current one */
        bool allow_insecure; /* insecure-skip-tls-verify is an error without it */
};

/* INVALID: the files contradict themselves or ask for what is refused; NOT_FOUND: there is no configuration at all. */
int kube_config_load(const struct kube_config_options *o, struct kube_config *out, struct err *e);
void kube_config_done(struct kube_config *c);

/* Read a text again from its file, if it has one; on error the old one stays. 1: it has changed. */
int kube_file_reload(struct kube_file *f, struct err *e);

/*
 * The parts, for tests. A document: kubeconfig YAML with relative paths made absolute against the folder of `path`. Documents are merged
 * in order, the first of each name wins. The choice: one context of the merged document; nothing is read from disk, and *out is to be
 * released after a failure too.
 */
int kube_config_parse(const char *path, const char *text, size_t len, json_t **out, struct err *e);
void kube_config_merge(json_t *into, json_t *next);
int kube_config_choose(json_t *doc, const struct kube_config_options *o, struct kube_config *out, struct err *e);
