/* Command lines of kubectl. */
#include "ctl/kubectl.h"

#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"

static const char PLAIN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%+=:,./_-";

void kubectl_word(struct strbuf *b, const char *word)
{
        strbuf_addc(b, ' ');
        if (*word && strspn(word, PLAIN) == strlen(word)) {
                strbuf_adds(b, word);
                return;
        }
        strbuf_addc(b, '\'');
        for (; *word; word++) {
                if (*word == '\'')
                        strbuf_adds(b, "'\\''");
                else
                        strbuf_addc(b, *word);
        }
        strbuf_addc(b, '\'');
}

static void flag(struct strbuf *b, const char *name, const char *value)
{
        AUTO(str) word = value ? xasprintf("--%s=%s", name, value) : NULL;

        if (word)
                kubectl_word(b, word);
}

void kubectl_begin(struct strbuf *b, const struct kubectl *k, const char *verb)
{
        strbuf_adds(b, "kubectl");
        flag(b, "kubeconfig", k->kubeconfig);
        flag(b, "context", k->context);
        flag(b, "namespace", k->namespace_);
        kubectl_word(b, verb);
}

void kubectl_patch(struct strbuf *b, const struct kubectl *k, const char *kind, const char *name, const char *type,
                   const json_t *body)
{
        AUTO(str) text = json_text(body);

        kubectl_begin(b, k, "patch");
        kubectl_word(b, kind);
        kubectl_word(b, name);
        flag(b, "type", type);
        kubectl_word(b, "-p");
        kubectl_word(b, text);
}
