/* /v1/models */
#include "registryd/routes.h"

#include "lib/json.h"

int model_create(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        const char *name, *description = "";
        AUTO(json) body = NULL;
        json_t *model;

        if (http_body_json(rq, &body, e) ||
            json_take("model", body, e, "{s:s, s?s}", "name", &name, "description", &description) ||
            name_check("model", name, e) || text_check("description", description, DESCRIPTION_MAX, e) ||
            model_store_add(registry_of(rq)->db, rq->deadline_ms, name, description, rq->actor, &model, e))
                return -1;
        http_reply_header(rp, "Location", "/v1/models/%s", name);
        return http_reply_json(rp, 201, model);
}

int model_list(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct page page;
        json_t *list;

        if (page_by_name(rq, &page, e) || model_store_list(registry_of(rq)->db, rq->deadline_ms, &page, &list, e))
                return -1;
        return http_reply_json(rp, 200, list);
}

int model_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        json_t *model;

        if (name_check("model", rq->arg[0], e) || model_store_get(registry_of(rq)->db, rq->deadline_ms, rq->arg[0], &model, e))
                return -1;
        return http_reply_json(rp, 200, model);
}
