/* /v1/tokens */
#include "registryd/routes.h"

#include <string.h>

#include "lib/json.h"
#include "registryd/auth.h"

int token_create(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        char token[TOKEN_TEXT_LEN + 1], hash[TOKEN_HASH_LEN + 1];
        const char *name, *role_text;
        AUTO(json) body = NULL;
        enum role role;

        if (http_body_json(rq, &body, e) || json_take("token", body, e, "{s:s, s:s}", "name", &name, "role", &role_text) ||
            name_check("token", name, e))
                return -1;
        if (!role_parse(role_text, &role))
                return err_set(e, ERR_INVALID, "role must be reader, writer, deployer or admin, not \"%.64s\"", role_text);
        if (strcmp(name, AUTH_ADMIN_NAME) == 0)
                return err_set(e, ERR_CONFLICT, "\"%s\" is the name of the token in the admin token file", name);
        token_make(token);
        token_hash(token, hash);
        if (token_store_add(registry_of(rq)->db, rq->deadline_ms, name, role, hash, rq->actor, e))
                return -1;
        return http_reply_json(rp, 201, json_pack("{s:s, s:s, s:s}", "name", name, "role", role_text, "token", token));
}

int token_list(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        json_t *list;

        if (token_store_list(registry_of(rq)->db, rq->deadline_ms, &list, e))
                return -1;
        return http_reply_json(rp, 200, list);
}

int token_delete(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        if (name_check("token", rq->arg[0], e) || token_store_delete(registry_of(rq)->db, rq->deadline_ms, rq->arg[0], e))
                return -1;
        auth_forget(registry_of(rq)->auth);
        rp->status = 204;
        return 0;
}
