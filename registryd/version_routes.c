/* /v1/models/{model}/versions */
#include "registryd/routes.h"

int version_create(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        AUTO(json) body = NULL;
        AUTO(manifest) m = NULL;
        json_t *version;
        bool added;

        if (name_check("model", rq->arg[0], e) || http_body_json(rq, &body, e) || manifest_new(body, &m, e) ||
            version_store_add(registry_of(rq)->db, rq->deadline_ms, rq->arg[0], m, rq->actor, &added, &version, e))
                return -1;
        http_reply_header(rp, "Location", "/v1/models/%s/versions/%lld", rq->arg[0],
                          (long long) json_integer_value(json_object_get(version, "number")));
        return http_reply_json(rp, added ? 201 : 200, version);
}

int version_list(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct page page;
        json_t *list;

        if (name_check("model", rq->arg[0], e) || page_by_number(rq, &page, e) ||
            version_store_list(registry_of(rq)->db, rq->deadline_ms, rq->arg[0], &page, &list, e))
                return -1;
        return http_reply_json(rp, 200, list);
}

int version_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct version_ref ref;
        json_t *version;

        if (name_check("model", rq->arg[0], e) || version_ref_parse(rq->arg[1], &ref, e) ||
            version_store_get(registry_of(rq)->db, rq->deadline_ms, rq->arg[0], &ref, &version, e))
                return -1;
        return http_reply_json(rp, 200, version);
}

int version_file_get(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct version_ref ref;
        struct blob blob;

        if (name_check("model", rq->arg[0], e) || version_ref_parse(rq->arg[1], &ref, e) || path_check(rq->arg[2], e) ||
            version_store_file(registry_of(rq)->db, rq->deadline_ms, rq->arg[0], &ref, rq->arg[2], &blob, e))
                return -1;
        return blob_reply(rq, rp, &blob, e);
}
