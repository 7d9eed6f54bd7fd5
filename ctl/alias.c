/* `ctl alias`: list, show, set, delete, history. */
#include "ctl/alias.h"

#include <inttypes.h>

#include "ctl/cells.h"
#include "ctl/handlers.h"
#include "lib/http_client.h"
#include "lib/mem.h"

static void alias_row(struct table *t, const json_t *alias)
{
        cell_text(t, alias, "alias");
        cell_number(t, alias, "version");
        cell_number(t, alias, "revision");
        cell_age(t, alias, "updated_at");
        cell_text(t, alias, "updated_by");
}

static struct table *alias_table(void)
{
        return table_new((const char *[]){ "ALIAS", ">VERSION", ">REVISION", "UPDATED", "BY", NULL });
}

static int list(struct ctl *c, const char *model, struct err *e)
{
        AUTO(str) nothing = xasprintf("%s has no aliases yet; ctl alias %s NAME VERSION sets one", model, model);
        AUTO_ANSWER answer = { 0 };
        AUTO(table) t = alias_table();
        size_t i;
        json_t *alias;

        if (client_get(c, SERVER_REGISTRY, "list aliases", &answer, e, "/v1/models/%s/aliases", model))
                return -1;
        json_array_foreach (json_object_get(answer.doc, "aliases"), i, alias)
                alias_row(t, alias);
        print_list(c, &answer, t, "aliases", "alias", nothing);
        return 0;
}

static int show(struct ctl *c, const char *model, const char *name, struct err *e)
{
        AUTO_ANSWER answer = { 0 };
        AUTO(table) t = alias_table();

        if (client_get(c, SERVER_REGISTRY, "show the alias", &answer, e, "/v1/models/%s/aliases/%s", model, name))
                return -1;
        alias_row(t, answer.doc);
        print_one(c, &answer, t, name);
        return 0;
}

static int history(struct ctl *c, const char *model, const char *name, const char *limit, struct err *e)
{
        AUTO(str) path = xasprintf("/v1/models/%s/aliases/%s/history", model, name);
        AUTO(table) t = table_new((const char *[]){ ">REVISION", ">FROM", ">TO", "AT", "BY", "REASON", NULL });
        AUTO_ANSWER answer = { 0 };
        size_t i;
        json_t *event;

        if (client_list(c, SERVER_REGISTRY, path, "events", limit ? atoll(limit) : 20, &answer, e))
                return -1;
        json_array_foreach (json_object_get(answer.doc, "events"), i, event) {
                cell_number(t, event, "revision");
                cell_number(t, event, "previous");
                cell_number(t, event, "version");
                cell_age(t, event, "at");
                cell_text(t, event, "actor");
                cell_text(t, event, "reason");
        }
        print_list(c, &answer, t, "events", "revision", "nothing happened to it yet");
        return 0;
}

/* The header that makes a change conditional; the caller frees it. NULL without --if-revision. */
static char *condition(const struct call *call)
{
        const char *revision = call_flag(call, "if-revision");

        if (!revision)
                return NULL;
        return atoll(revision) ? xasprintf("If-Match: \"%lld\"", atoll(revision)) : xstrdup("If-None-Match: *");
}

static int delete (struct ctl *c, const struct call *call, struct err *e)
{
        const char *reason = call_flag(call, "reason");
        AUTO(str) escaped = http_escape(reason ? reason : "");
        AUTO(str)
        path = xasprintf("/v1/models/%s/aliases/%s%s%s", call->args[0], call->args[1], reason ? "?reason=" : "", escaped);
        AUTO(str) header = condition(call);
        AUTO_ANSWER answer = { 0 };
        const struct client_request rq = { .method = "DELETE", .path = path, .header = header, .what = "delete the alias" };

        if (client_call(c, &rq, &answer, e))
                return -1;
        ctl_note(c, "alias %s of %s is deleted", call->args[1], call->args[0]);
        return 0;
}

int alias_set(struct ctl *c, const char *model, const char *name, int64_t version, const char *header, const char *reason,
              struct answer *out, struct err *e)
{
        AUTO(str) path = xasprintf("/v1/models/%s/aliases/%s", model, name);
        AUTO(json) body = json_pack("{s:I, s:s*}", "version", (json_int_t) version, "reason", reason);
        const struct client_request rq = {
                .method = "PUT",
                .path = path,
                .body = body,
                .header = header,
                .what = "set the alias",
                .repeatable = !header, /* after a lost answer a second try would meet the new revision */
        };

        return client_call(c, &rq, out, e);
}

/* A version's number, or the number that an alias stands for now. */
int version_resolve(struct ctl *c, const char *model, const char *ref, int64_t *number, struct err *e)
{
        AUTO_ANSWER answer = { 0 };

        if (*ref != '@') {
                *number = atoll(ref);
                return 0;
        }
        if (client_get(c, SERVER_REGISTRY, "look up the version", &answer, e, "/v1/models/%s/versions/%s", model, ref))
                return -1;
        *number = json_num(answer.doc, "number", 0);
        return 0;
}

static int set(struct ctl *c, const struct call *call, struct err *e)
{
        const char *model = call->args[0], *name = call->args[1];
        AUTO(str) header = condition(call);
        AUTO_ANSWER answer = { 0 };
        int64_t version;

        if (version_resolve(c, model, call->args[2], &version, e) ||
            alias_set(c, model, name, version, header, call_flag(call, "reason"), &answer, e))
                return -1;
        if (c->output == OUTPUT_JSON)
                output_json(c, answer.text);
        else if (c->output == OUTPUT_NAME)
                output_line("%" PRId64, json_num(answer.doc, "version", 0));
        else
                output_line("%s: %s is version %" PRId64 " (revision %" PRId64 ")", model, name,
                            json_num(answer.doc, "version", 0), json_num(answer.doc, "revision", 0));
        return 0;
}

int alias_run(struct ctl *c, const struct call *call, struct err *e)
{
        const char *name = call_arg(call, 1), *version = call_arg(call, 2);
        bool deletes = call_has(call, "delete"), tells = call_has(call, "history");

        if (deletes + tells + (version != NULL) > 1)
                return err_set(e, ERR_INVALID, "one thing at a time: a VERSION to set, --delete or --history");
        if ((deletes || tells) && !name)
                return err_set(e, ERR_INVALID, "%s needs the alias's NAME", deletes ? "--delete" : "--history");
        if (call_has(call, "if-revision") && !deletes && !version)
                return err_set(e, ERR_INVALID, "--if-revision goes with a VERSION to set or with --delete");
        if (deletes)
                return delete (c, call, e);
        if (tells)
                return history(c, call->args[0], name, call_flag(call, "limit"), e);
        if (version)
                return set(c, call, e);
        return name ? show(c, call->args[0], name, e) : list(c, call->args[0], e);
}
