/* /v1/decisions */
#include "registryd/routes.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"

static int take_event(json_t *event, struct decision *d, struct err *e)
{
        AUTO(str) text = json_text(event);
        json_int_t number;
        const char *at;

        /* Only what the log is searched by: a newer rolloutd may say more. */
        if (json_peek("decision: event", event, e, "{s:I, s:s, s:s}", "number", &number, "at", &at, "kind", &d->kind))
                return -1;
        if (clock_rfc3339_parse(at, &d->at_ms))
                return err_set(e, ERR_INVALID, "decision: event: at \"%.40s\" is not like 2026-01-02T03:04:05.678Z", at);
        d->number = number;
        d->event_bytes = strlen(text);
        return 0;
}

/* Check one and append it to `list`, as the store takes it. */
static int take_decision(json_t *doc, json_t *list, struct err *e)
{
        struct decision d = { .reason = "" };
        json_int_t epoch = 0;
        json_t *event;

        if (json_take("decision", doc, e, "{s:s, s:s, s?I, s?s, s:o}", "target", &d.target, "model", &d.model, "epoch", &epoch,
                      "reason", &d.reason, "event", &event) ||
            take_event(event, &d, e))
                return -1;
        d.epoch = epoch;
        if (decision_check(&d, e))
                return err_wrap(e, "decision about %.*s", TARGET_MAX_LEN, d.target);
        return json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s, s:I, s:s, s:O}", "target", d.target, "model", d.model,
                                                     "number", (json_int_t) d.number, "at",
                                                     json_string_value(json_object_get(event, "at")), "epoch",
                                                     (json_int_t) d.epoch, "reason", d.reason, "event", event));
}

int decision_add(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        AUTO(json) checked = json_array();
        AUTO(json) body = NULL;
        json_t *list, *item;
        const char *region;
        int64_t added;
        size_t i;

        if (http_body_json(rq, &body, e) ||
            json_take("decisions", body, e, "{s:s, s:o}", "region", &region, "decisions", &list) ||
            name_check("region", region, e))
                return -1;
        if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > DECISIONS_MAX)
                return err_set(e, ERR_INVALID, "decisions must be a list of 1 to %d", DECISIONS_MAX);
        json_array_foreach (list, i, item)
                if (take_decision(item, checked, e))
                        return -1;
        AUTO(str) text = json_text(checked);
        if (decision_store_add(registry_of(rq)->db, rq->deadline_ms, region, text, rq->actor, &added, e))
                return -1;
        return http_reply_json(rp, 200,
                               json_pack("{s:I, s:I}", "added", (json_int_t) added, "known",
                                         (json_int_t) ((int64_t) json_array_size(list) - added)));
}

/* ?NAME=, "" when absent. */
static const char *query(const struct http_request *rq, const char *name)
{
        const char *value = http_query(rq, name);

        return value ? value : "";
}

int decision_list(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        const struct decision_filter which = { query(rq, "region"), query(rq, "target"), query(rq, "model") };
        struct page page = { .after = "" };
        json_t *list;

        if ((*which.region && name_check("region", which.region, e)) || (*which.target && target_check(which.target, e)) ||
            (*which.model && name_check("model", which.model, e)) ||
            http_query_int(rq, "after", 1, INT64_MAX, INT64_MAX, &page.before, e) ||
            http_query_int(rq, "limit", 1, 1000, 100, &page.limit, e) ||
            decision_store_list(registry_of(rq)->db, rq->deadline_ms, &which, &page, &list, e))
                return -1;
        return http_reply_json(rp, 200, list);
}
