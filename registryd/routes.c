/* The route table, and the few things all handlers share. */
#include "registryd/routes.h"

enum { SMALL_BODY = 16384, VERSION_BODY = 2 << 20, DECISIONS_BODY = 2 << 20 };
static const int64_t BLOB_BODY = (int64_t) 1 << 50; /* max_blob_size is the real limit */

const struct http_route registry_routes[] = {
        /* method   pattern                                          role           body          handler           doc */
        { "GET", "/healthz", ROLE_ANYONE, 0, health_get, "the process lives", NULL },
        { "GET", "/readyz", ROLE_ANYONE, 0, ready_get, "the database answers and is migrated", NULL },
        { "GET", "/metrics", ROLE_READER, 0, metrics_get, "Prometheus metrics", NULL },
        { "GET", "/v1/whoami", ROLE_READER, 0, whoami_get, "name and role of the token", NULL },
        { "POST", "/v1/models", ROLE_WRITER, SMALL_BODY, model_create, "create a model", NULL },
        { "GET", "/v1/models", ROLE_READER, 0, model_list, "list models", NULL },
        { "GET", "/v1/models/{model}", ROLE_READER, 0, model_get, "one model", NULL },
        { "GET", "/v1/blobs/{digest}", ROLE_READER, 0, blob_get, "an artifact's bytes", NULL },
        { "PUT", "/v1/blobs/{digest}", ROLE_WRITER, BLOB_BODY, blob_put, "push an artifact", &blob_upload },
        { "POST", "/v1/models/{model}/versions", ROLE_WRITER, VERSION_BODY, version_create, "register a version", NULL },
        { "GET", "/v1/models/{model}/versions", ROLE_READER, 0, version_list, "list versions, newest first", NULL },
        { "GET", "/v1/models/{model}/versions/{ref}", ROLE_READER, 0, version_get, "one version", NULL },
        { "GET", "/v1/models/{model}/versions/{ref}/files/{path...}", ROLE_READER, 0, version_file_get, "a version's file",
          NULL },
        { "GET", "/v1/models/{model}/aliases", ROLE_READER, 0, alias_list, "list aliases", NULL },
        { "GET", "/v1/models/{model}/aliases/{alias}", ROLE_READER, 0, alias_get, "one alias", NULL },
        { "PUT", "/v1/models/{model}/aliases/{alias}", ROLE_DEPLOYER, SMALL_BODY, alias_put, "move an alias", NULL },
        { "DELETE", "/v1/models/{model}/aliases/{alias}", ROLE_DEPLOYER, 0, alias_delete, "delete an alias", NULL },
        { "GET", "/v1/models/{model}/aliases/{alias}/history", ROLE_READER, 0, alias_history, "where an alias has been", NULL },
        { "POST", "/v1/decisions", ROLE_ADMIN, DECISIONS_BODY, decision_add, "keep what a rolloutd did", NULL },
        { "GET", "/v1/decisions", ROLE_READER, 0, decision_list, "list decisions, newest first", NULL },
        { "POST", "/v1/tokens", ROLE_ADMIN, SMALL_BODY, token_create, "make a token", NULL },
        { "GET", "/v1/tokens", ROLE_ADMIN, 0, token_list, "list tokens", NULL },
        { "DELETE", "/v1/tokens/{name}", ROLE_ADMIN, 0, token_delete, "revoke a token", NULL },
};
const size_t registry_route_count = sizeof registry_routes / sizeof *registry_routes;

bool transfers_have_spare(struct registry *reg, int more)
{
        struct pg_stats s;

        pg_get_stats(reg->transfers, &s);
        return 2 * (s.in_use + more) <= s.max;
}

int page_by_name(const struct http_request *rq, struct page *out, struct err *e)
{
        const char *after = http_query(rq, "after");

        *out = (struct page){ .after = after ? after : "" };
        if (after && name_check("after", after, e))
                return -1;
        return http_query_int(rq, "limit", 1, 1000, 100, &out->limit, e);
}

int page_by_number(const struct http_request *rq, struct page *out, struct err *e)
{
        *out = (struct page){ .after = "" };
        if (http_query_int(rq, "after", 1, INT32_MAX, INT64_MAX, &out->before, e))
                return -1;
        return http_query_int(rq, "limit", 1, 1000, 100, &out->limit, e);
}
