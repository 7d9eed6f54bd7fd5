/* What `ctl __complete` answers. */
#include <inttypes.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/completion.h"
#include "ctl/output.h"
#include "ctl/text.h"
#include "lib/mem.h"

enum { PATIENCE_MS = 800 }; /* a key press waits no longer for a server */

/* One completion under way. */
struct wish {
        const struct call *call;
        const char *typed;  /* the word so far */
        const char *before; /* goes in front of each candidate: "--policy=" */
        struct strbuf *out;
};

static void offer(const struct wish *w, const char *prefix, const char *word, const char *help)
{
        AUTO(str) whole = xasprintf("%s%s", prefix, word);

        if (strncmp(whole, w->typed, strlen(w->typed)))
                return;
        strbuf_addf(w->out, "%s%s\t", w->before, whole);
        text_clean(w->out, help ? help : "", 79);
        strbuf_addc(w->out, '\n');
}

/* Names that a server knows: a list at `path`, or at `path` + the first argument + `below`. */
struct source {
        enum server server;
        const char *path, *below; /* below NULL: without an argument */
        const char *list, *name, *help, *prefix;
};

#define OF_MODEL SERVER_REGISTRY, "/v1/models/"
static const struct source models = { SERVER_REGISTRY, "/v1/models?limit=1000", NULL, "models", "name", "description", "" };
static const struct source versions = { OF_MODEL, "/versions?limit=100", "versions", "number", "description", "" };
static const struct source aliases = { OF_MODEL, "/aliases", "aliases", "alias", NULL, "" };
static const struct source at_aliases = { OF_MODEL, "/aliases", "aliases", "alias", NULL, "@" };
static const struct source targets = { SERVER_ROLLOUT, "/v1/rollouts", NULL, "rollouts", "target", "message", "" };
static const struct source window = { SERVER_ROLLOUT, "/v1/rollouts/", "", "window", "release", NULL, "" };
static const struct source policies = { SERVER_ROLLOUT, "/v1/policies", NULL, "policies", "name", "summary", "" };
static const struct source tokens = { SERVER_REGISTRY, "/v1/tokens", NULL, "tokens", "name", "role", "" };

static void offer_list(const struct wish *w, const struct source *s, const json_t *list)
{
        size_t i;
        json_t *row;

        json_array_foreach (list, i, row) {
                int64_t number = json_num(row, s->name, 0);
                const char *name = json_str(row, s->name);
                AUTO(str) text = name ? xstrdup(name) : xasprintf("%" PRId64, number);
                offer(w, s->prefix, text, s->help ? json_str(row, s->help) : NULL);
        }
}

/* Ask, briefly; a server that does not answer knows no names. */
static void offer_from(const struct wish *w, const struct source *s)
{
        const char *first = call_arg(w->call, 0);
        struct ctl c = { .quiet = true };
        AUTO_ANSWER answer = { 0 };

        if (s->below && !first)
                return;
        AUTO(str) path = s->below ? xasprintf("%s%s%s", s->path, first, s->below) : xstrdup(s->path);
        const struct client_request rq = { .server = s->server, .path = path, .what = "complete", .once = true };
        if (config_load(w->call, &c.set, NULL) == 0) {
                c.set.timeout = PATIENCE_MS;
                if (client_call(&c, &rq, &answer, NULL) == 0)
                        offer_list(w, s, json_object_get(answer.doc, s->list));
        }
        config_done(&c.set);
}

/* The next word of each command that begins with the words in `topic`. */
static void offer_commands(const struct wish *w, const char *topic)
{
        size_t len = strlen(topic);

        for (const struct command *c = commands; c < commands + n_commands; c++) {
                if (strncmp(c->words, topic, len) || (len && c->words[len] != ' '))
                        continue;
                const char *rest = c->words + len + (len > 0);
                AUTO(str) word = xstrndup(rest, strcspn(rest, " "));
                AUTO(str) line = xasprintf("%s\t", word);
                bool more_words = strchr(rest, ' ') != NULL;
                if (!more_words || !strstr(strbuf_str(w->out), line)) /* "rollout" once, not for each of its commands */
                        offer(w, "", word, more_words ? group_titles[c->group] : c->summary);
        }
}

static void offer_flags(const struct wish *w, const struct flag *list)
{
        for (; list->name; list++)
                offer(w, "--", list->name, list->help);
}

/* What has been rolled out; else models that may be. */
static void offer_targets(const struct wish *w)
{
        size_t before = w->out->len;

        offer_from(w, &targets);
        if (w->out->len == before)
                offer_from(w, &models);
}

static void offer_value(const struct wish *w, enum value kind)
{
        for (const char *const *choice = value_kinds[kind].choices; choice && *choice; choice++)
                offer(w, "", *choice, NULL);
        if (kind == VALUE_MODEL || kind == VALUE_NEW_MODEL)
                offer_from(w, &models);
        if (kind == VALUE_TARGET)
                offer_targets(w);
        if (kind == VALUE_RELEASE)
                offer_from(w, &window);
        if (kind == VALUE_VERSION || kind == VALUE_REF)
                offer_from(w, &versions);
        if (kind == VALUE_REF)
                offer_from(w, &at_aliases);
        if (kind == VALUE_ALIAS)
                offer_from(w, &aliases);
        if (kind == VALUE_POLICY)
                offer_from(w, &policies);
        if (kind == VALUE_TOKEN)
                offer_from(w, &tokens);
        if (kind == VALUE_FILE)
                strbuf_adds(w->out, ":files\n");
        if (kind == VALUE_FOLDER)
                strbuf_adds(w->out, ":folders\n");
}

static void offer_argument(const struct wish *w)
{
        const struct arg *a = w->call->cmd->args;
        AUTO_STRBUF topic = { 0 };

        for (size_t i = 0; i < w->call->n_args && a->name && !a->many; i++)
                a++;
        if (!a->name)
                return;
        if (a->kind != VALUE_COMMAND) {
                offer_value(w, a->kind);
                return;
        }
        strbuf_init(&topic, 256);
        for (size_t i = 0; i < w->call->n_args; i++)
                strbuf_addf(&topic, "%s%s", i ? " " : "", w->call->args[i]);
        offer_commands(w, strbuf_str(&topic));
}

/* --flag=VALUE with the cursor in VALUE. */
static void offer_joined(struct wish *w)
{
        const char *equals = strchr(w->typed, '=');
        AUTO(str) name = xstrndup(w->typed, (size_t) (equals - w->typed));
        AUTO(str) before = xasprintf("%s=", name);
        char *words[] = { name, NULL };
        AUTO_CALL flag = { 0 };

        flag.cmd = w->call->cmd;
        if (call_parse_more(words, &flag) || !flag.pending)
                return;
        w->typed = equals + 1;
        w->before = before;
        offer_value(w, flag.pending->kind);
}

void complete_words(char **words, struct strbuf *out)
{
        size_t n = 0;
        AUTO_CALL call = { 0 };

        while (words[n])
                n++;
        if (n == 0)
                return;
        struct wish w = { .call = &call, .typed = words[n - 1], .before = "", .out = out };
        char *last = words[n - 1];
        words[n - 1] = NULL;
        bool sense = call_parse_more(words, &call) == 0;
        words[n - 1] = last;
        if (!sense)
                return;
        if (call.pending)
                offer_value(&w, call.pending->kind);
        else if (strncmp(w.typed, "--", 2) == 0 && strchr(w.typed, '='))
                offer_joined(&w);
        else if (*w.typed == '-') {
                if (call.cmd)
                        offer_flags(&w, call.cmd->flags);
                offer_flags(&w, global_flags);
        } else if (!call.cmd)
                offer_commands(&w, call.topic);
        else
                offer_argument(&w);
}
