/* The rollback as commands for kubectl: for whoever wants to see it first, or has to try until the API server is back. */
#include <string.h>

#include "ctl/direct.h"
#include "ctl/output.h"
#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/release.h"

enum { MOVES_MAX = 4, PORT_DEFAULT = 8000 };

static void end_line(struct strbuf *out)
{
        strbuf_addc(out, '\n');
}

static void mark_by_hand(struct direct *d, struct strbuf *out)
{
        const char *key;
        json_t *value;

        kubectl_begin(out, &d->hand, "annotate");
        kubectl_word(out, "modelrollout");
        kubectl_word(out, d->name);
        kubectl_word(out, "--overwrite");
        json_object_foreach (d->mark, key, value) {
                AUTO(str) word = xasprintf("%s=%s", key, json_string_value(value));
                kubectl_word(out, word);
        }
        end_line(out);
}

static void scale_by_hand(struct direct *d, struct strbuf *out)
{
        char name[RELEASE_OBJECT_MAX + 1];
        AUTO(str) replicas = xasprintf("--replicas=%d", d->aim.replicas);

        release_object_name(d->name, d->aim.release, name);
        kubectl_begin(out, &d->hand, "scale");
        kubectl_word(out, "deployment");
        kubectl_word(out, name);
        kubectl_word(out, replicas);
        end_line(out);
}

/* A new object by kubectl: from its text on standard input. */
static void create_by_hand(struct direct *d, const struct direct_move *m, struct strbuf *out)
{
        AUTO(str) text = json_text(m->body);

        strbuf_adds(out, "echo");
        kubectl_word(out, text);
        strbuf_adds(out, " | ");
        kubectl_begin(out, &d->hand, "create");
        strbuf_adds(out, " -f -");
        end_line(out);
}

/* Each move in turn, as if the one before had been made. */
static int moves_by_hand(struct direct *d, struct strbuf *out)
{
        const struct kube_resource *routes = direct_routes(d, NULL);
        AUTO_SEEN seen = { .route = NULL };

        if (!routes || direct_look(d, routes, &seen, NULL))
                return -1;
        for (int i = 0; i < MOVES_MAX; i++) {
                struct direct_move m;
                if (direct_next(d, &seen, &m, NULL))
                        return -1;
                AUTO(json) body = m.body;
                if (!body)
                        break;
                if (m.verb == KUBE_CREATE) {
                        direct_name_kind(body, routes);
                        create_by_hand(d, &m, out);
                } else {
                        kubectl_patch(out, &d->hand, m.kind, m.name, "json", body);
                        end_line(out);
                }
        }
        return 0;
}

/* Nothing could be read, so the shell reads it when it comes to that; for a route that is Owned. */
static void blindly(struct direct *d, struct strbuf *out)
{
        struct release_text aimed = release_text(d->aim.release);
        const char *to = d->aim.release ? aimed.text : d->rq->to;
        AUTO(str) name = xasprintf("%s", d->aim.route ? d->aim.route : d->name);
        int port = d->aim.port ? d->aim.port : PORT_DEFAULT;

        strbuf_addf(out,
                    "# for a route of mode Owned called %s, port %d; Adopted: set the weights of spec.route.backends in it\n",
                    name, port);
        if (to) {
                strbuf_adds(out, "to=");
                strbuf_adds(out, to);
        } else {
                strbuf_adds(out, "to=$(");
                kubectl_begin(out, &d->hand, "get");
                kubectl_word(out, "modelrollout");
                kubectl_word(out, d->name);
                kubectl_word(out, "-o");
                kubectl_word(out, "jsonpath={.status.stable.release}");
                strbuf_adds(out, ")   # during a rollout; else a release of .status.window");
        }
        end_line(out);
        kubectl_begin(out, &d->hand, "annotate");
        strbuf_addf(out,
                    " modelrollout %s --overwrite sluice.dev/rollback-to=$to sluice.dev/rollback-by=%s sluice.dev/rollback-at=%s",
                    d->name, json_str(d->mark, "sluice.dev/rollback-by"), json_str(d->mark, "sluice.dev/rollback-at"));
        AUTO(str) reason = d->rq->reason ? xasprintf("sluice.dev/rollback-reason=%s", d->rq->reason) : NULL;
        if (reason)
                kubectl_word(out, reason);
        end_line(out);
        kubectl_begin(out, &d->hand, "patch");
        strbuf_addf(out,
                    " httproute %s --type=json -p "
                    "'[{\"op\":\"replace\",\"path\":\"/spec/rules/0/backendRefs\",\"value\":[{\"name\":\"%s-v'$(echo $to | tr . "
                    "-)'\","
                    "\"port\":%d,\"weight\":10000}]}]'\n",
                    name, d->name, port);
}

void direct_by_hand(struct direct *d, struct strbuf *out)
{
        AUTO_STRBUF moves;

        strbuf_init(&moves, KUBECTL_MAX_BYTES);
        if (!d->aim.release || moves_by_hand(d, &moves)) {
                blindly(d, out);
                return;
        }
        if (!d->marked)
                mark_by_hand(d, out);
        strbuf_adds(out, strbuf_str(&moves));
        if (d->replicas >= 0)
                scale_by_hand(d, out);
}
