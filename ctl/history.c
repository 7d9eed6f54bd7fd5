/* What happened to traffic: `ctl history` from rolloutd, `ctl log` from the registry. */
#include <string.h>

#include "ctl/cells.h"
#include "ctl/handlers.h"
#include "ctl/rollout_view.h"
#include "ctl/text.h"
#include "lib/mem.h"

#define EVENT_COLUMNS "KIND", "PHASE", ">STABLE", ">CANDIDATE", ">WEIGHT", "BY", "WHY", NULL

static void event_cells(struct table *t, const json_t *event)
{
        const char *from = json_str(event, "from"), *to = json_str(event, "to");
        bool moved = from && to && strcmp(from, to) != 0;
        char pct[TEXT_MAX];

        cell_text(t, event, "kind");
        if (moved)
                table_cell(t, STYLE_PLAIN, "%s -> %s", from, to);
        else
                table_cell(t, STYLE_PLAIN, "%s", to ? to : "");
        table_cell(t, STYLE_PLAIN, "%s", view_stable(event));
        table_cell(t, STYLE_PLAIN, "%s", view_candidate(event));
        text_percent(json_dbl(event, "weight", -1), pct);
        table_cell(t, STYLE_PLAIN, "%s", pct);
        cell_text(t, event, "actor");
        cell_text(t, event, "why");
}

static int64_t limit_of(const struct call *call)
{
        const char *limit = call_flag(call, "limit");

        return limit ? atoll(limit) : 20;
}

int history_run(struct ctl *c, const struct call *call, struct err *e)
{
        const char *target = call->args[0];
        AUTO(str) path = xasprintf("/v1/rollouts/%s/history", target);
        AUTO(str) nothing = xasprintf("nothing happened to %s yet", target);
        AUTO(table) t = table_new((const char *[]){ ">EVENT", "AT", ">ROLLOUT", EVENT_COLUMNS });
        AUTO_ANSWER answer = { 0 };
        size_t i;
        json_t *event;

        if (client_list(c, SERVER_ROLLOUT, path, "events", limit_of(call), &answer, e))
                return -1;
        json_array_foreach (json_object_get(answer.doc, "events"), i, event) {
                cell_number(t, event, "number");
                cell_age(t, event, "at");
                cell_number(t, event, "rollout_id");
                event_cells(t, event);
        }
        print_list(c, &answer, t, "events", "number", nothing);
        return 0;
}

/* "/v1/decisions?target=...": what the flags select. The caller frees it. */
static char *decisions_path(const struct call *call)
{
        const struct {
                const char *key, *value;
        } selected[] = { { "target", call_arg(call, 0) },
                         { "model", call_flag(call, "model") },
                         { "region", call_flag(call, "region") } };
        struct strbuf b;
        char join = '?';

        strbuf_init(&b, 4096);
        strbuf_adds(&b, "/v1/decisions");
        for (size_t i = 0; i < sizeof selected / sizeof *selected; i++)
                if (selected[i].value) {
                        strbuf_addf(&b, "%c%s=%s", join, selected[i].key, selected[i].value);
                        join = '&';
                }
        return strbuf_take(&b);
}

int log_run(struct ctl *c, const struct call *call, struct err *e)
{
        AUTO(str) path = decisions_path(call);
        AUTO(table) t = table_new((const char *[]){ ">ID", "AT", "REGION", "TARGET", EVENT_COLUMNS });
        AUTO_ANSWER answer = { 0 };
        size_t i;
        json_t *row;

        if (client_list(c, SERVER_REGISTRY, path, "decisions", limit_of(call), &answer, e))
                return -1;
        json_array_foreach (json_object_get(answer.doc, "decisions"), i, row) {
                const json_t *event = json_object_get(row, "event");
                cell_number(t, row, "id");
                cell_age(t, event, "at");
                cell_text(t, row, "region");
                cell_text(t, row, "target");
                event_cells(t, event);
        }
        print_list(c, &answer, t, "decisions", "id",
                   "nothing of that is in the log; on Kubernetes a target is called NAMESPACE.NAME here");
        return 0;
}
