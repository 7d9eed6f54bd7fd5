/* /v1/models/{model}/aliases */
#include "registryd/routes.h"

#include "lib/json.h"

static int check_names(const struct http_request *rq, struct err *e)
{
        return name_check("model", rq->arg[0], e) ? -1 : name_check("alias", rq->arg[1], e);
}

static int reply_alias(struct http_reply *rp, int status, json_t *alias)
{
        http_reply_header(rp, "ETag", "\"%lld\"", (long long) json_integer_value(json_object_get(alias, "revision")));
        return http_reply_json(rp, status, alias);
}

int alias_list(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        json_t *list;

        if (name_check("model", rq->arg[0], e) || alias_store_list(registry_of(rq)->db, rq->deadline_ms, rq->arg[0], &list, e))
                return -1;
        return http_reply_json(rp, 200, list);
}

int alias_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        json_t *alias;

        if (check_names(rq, e) || alias_store_get(registry_of(rq)->db, rq->deadline_ms, rq->arg[0], rq->arg[1], &alias, e))
                return -1;
        return reply_alias(rp, 200, alias);
}

static int start_change(const struct http_request *rq, struct alias_change *change, struct err *e)
{
        *change = (struct alias_change){ .model = rq->arg[0], .alias = rq->arg[1], .actor = rq->actor, .reason = "" };
        if (check_names(rq, e))
                return -1;
        return precondition_parse(http_header(rq, "If-Match"), http_header(rq, "If-None-Match"), &change->when, e);
}

int alias_put(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct alias_change change;
        AUTO(json) body = NULL;
        json_int_t version;
        json_t *alias;
        bool added;

        if (start_change(rq, &change, e) || http_body_json(rq, &body, e) ||
            json_take("alias", body, e, "{s:I, s?s}", "version", &version, "reason", &change.reason) ||
            text_check("reason", change.reason, REASON_MAX, e))
                return -1;
        if (version < 1 || version > INT32_MAX)
                return err_set(e, ERR_INVALID, "version %lld is not a number from 1 up", (long long) version);
        change.version = version;
        if (alias_store_change(registry_of(rq)->db, rq->deadline_ms, &change, &added, &alias, e))
                return -1;
        return reply_alias(rp, added ? 201 : 200, alias);
}

int alias_delete(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct alias_change change;
        json_t *none;
        bool added;

        if (start_change(rq, &change, e))
                return -1;
        change.reason = http_query(rq, "reason") ? http_query(rq, "reason") : "";
        if (text_check("reason", change.reason, REASON_MAX, e) ||
            alias_store_change(registry_of(rq)->db, rq->deadline_ms, &change, &added, &none, e))
                return -1;
        rp->status = 204;
        return 0;
}

int alias_history(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct page page;
        json_t *list;

        if (check_names(rq, e) || page_by_number(rq, &page, e) ||
            alias_store_history(registry_of(rq)->db, rq->deadline_ms, rq->arg[0], rq->arg[1], &page, &list, e))
                return -1;
        return http_reply_json(rp, 200, list);
}
