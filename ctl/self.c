/* Commands about ctl: version, help, completion. */
#include <stdio.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/completion.h"
#include "ctl/handlers.h"
#include "ctl/help.h"
#include "ctl/output.h"
#include "lib/json.h"
#include "lib/version.h"

static void put(struct strbuf *b)
{
        (void) fwrite(strbuf_str(b), 1, b->len, stdout);
}

int help_run(struct ctl *c, const struct call *call, struct err *e)
{
        AUTO_STRBUF out;
        AUTO_STRBUF topic;

        (void) c;
        strbuf_init(&out, HELP_MAX_BYTES);
        strbuf_init(&topic, 256);
        for (size_t i = 0; i < call->n_args; i++)
                strbuf_addf(&topic, "%s%s", i ? " " : "", call->args[i]);
        if (help_topic(strbuf_str(&topic), &out, e))
                return -1;
        put(&out);
        return 0;
}

int completion_run(struct ctl *c, const struct call *call, struct err *e)
{
        AUTO_STRBUF out;

        (void) c;
        (void) e;
        strbuf_init(&out, HELP_MAX_BYTES);
        completion_script(call_arg(call, 0), &out);
        put(&out);
        return 0;
}

/* What a server says about itself: its version, or why there is none. */
static void ask_version(struct ctl *c, enum server s, struct table *t, json_t *doc)
{
        struct err why = { 0 };
        AUTO_ANSWER answer = { 0 };
        const struct client_request rq = { .server = s, .path = "/healthz", .what = "ask", .once = true };

        if (client_call(c, &rq, &answer, &why)) {
                table_cell(t, STYLE_PLAIN, "%s", server_name(s));
                table_cell(t, STYLE_BAD, "away");
                table_cell(t, STYLE_DIM, "%s", why.msg);
                (void) json_object_set_new(doc, server_name(s), json_null());
                return;
        }
        const char *version = json_str(answer.doc, "version");
        table_cell(t, STYLE_PLAIN, "%s", server_name(s));
        table_cell(t, STYLE_PLAIN, "%s", version ? version : "up");
        table_cell(t, STYLE_DIM, "%s", server_url(c, s));
        (void) json_object_set_new(doc, server_name(s), json_string(version ? version : "up"));
}

int version_run(struct ctl *c, const struct call *call, struct err *e)
{
        AUTO(json) doc = json_pack("{s:s}", "ctl", SLUICE_VERSION);
        AUTO(table) t = table_new((const char *[]){ "", "", "", NULL });

        (void) call;
        (void) e;
        table_cell(t, STYLE_PLAIN, "ctl");
        table_cell(t, STYLE_PLAIN, "%s", SLUICE_VERSION);
        table_cell(t, STYLE_DIM, "this program");
        for (int s = 0; s < SERVER_COUNT; s++)
                ask_version(c, s, t, doc);
        if (c->output == OUTPUT_NAME) {
                output_line("%s", SLUICE_VERSION);
        } else if (c->output == OUTPUT_JSON) {
                AUTO(str) text = json_text(doc);
                output_json(c, text);
        } else {
                output_table(c, t);
        }
        c->hint[0] = '\0'; /* a server that is away is an answer here */
        return 0;
}
