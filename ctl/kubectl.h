/* What kubectl would have to be told: command lines for a person's shell. Pure. */
#pragma once

#include <jansson.h>

#include "lib/strbuf.h"

struct kubectl { /* where; texts are borrowed, NULL: not said */
        const char *kubeconfig, *context, *namespace_;
};

enum { KUBECTL_MAX_BYTES = 1 << 20 };

/* Append one argument with a blank before it, quoted if the shell would see anything in it. */
void kubectl_word(struct strbuf *b, const char *word);
/* "kubectl --context=prod -n fraud VERB" and so on; go on with kubectl_word(). */
void kubectl_begin(struct strbuf *b, const struct kubectl *k, const char *verb);
/* One whole command: patch of an object, of type "json" or "merge". */
void kubectl_patch(struct strbuf *b, const struct kubectl *k, const char *kind, const char *name, const char *type,
                   const json_t *body);
