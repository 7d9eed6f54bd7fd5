/* Tokens in the database: names, roles and hashes. */
#include "registryd/store.h"

#include <stdio.h>

static const char TOKEN_ADD[] = "INSERT INTO registry.token (name, role, sha256, created_by) VALUES ($1, $2, $3, $4)"
                                " ON CONFLICT (name) DO NOTHING";

int token_store_add(struct pg *db, int64_t deadline_ms, const char *name, enum role role, const char *hash, const char *actor,
                    struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, TOKEN_ADD,
                        PG_ARGS(PG_TEXT(name), PG_TEXT(role_name(role)), PG_TEXT(hash), PG_TEXT(actor)), &rows, e))
                return -1;
        return pg_affected(rows) ? 0 : err_set(e, ERR_CONFLICT, "token \"%s\" exists already", name);
}

static const char TOKEN_LIST[] = "SELECT name, role, sha256, created_at, created_by FROM registry.token ORDER BY name";

int token_store_list(struct pg *db, int64_t deadline_ms, json_t **out, struct err *e)
{
        AUTO(pg_rows) rows = NULL;
        AUTO(json) list = json_array();

        if (store_query(db, deadline_ms, TOKEN_LIST, PG_NO_ARGS, &rows, e))
                return -1;
        for (int r = 0; r < pg_count(rows); r++)
                (void) json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:s}", "name", pg_text(rows, r, 0), "role",
                                                             pg_text(rows, r, 1), "sha256", pg_text(rows, r, 2), "created_at",
                                                             store_time(rows, r, 3), "created_by", pg_text(rows, r, 4)));
        *out = json_pack("{s:O}", "tokens", list);
        return 0;
}

static const char TOKEN_DELETE[] = "DELETE FROM registry.token WHERE name = $1";

int token_store_delete(struct pg *db, int64_t deadline_ms, const char *name, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, TOKEN_DELETE, PG_ARGS(PG_TEXT(name)), &rows, e))
                return -1;
        return pg_affected(rows) ? 0 : err_set(e, ERR_NOT_FOUND, "there is no token \"%s\"", name);
}

static const char TOKEN_FIND[] = "SELECT name, role FROM registry.token WHERE sha256 = $1";

int token_store_find(struct pg *db, int64_t deadline_ms, const char *hash, enum role *role, char name[static NAME_MAX_LEN + 1],
                     struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, TOKEN_FIND, PG_ARGS(PG_TEXT(hash)), &rows, e))
                return -1;
        if (pg_count(rows) == 0 || !role_parse(pg_text(rows, 0, 1), role))
                return err_set(e, ERR_UNAUTHORIZED, "this token is not known");
        (void) snprintf(name, NAME_MAX_LEN + 1, "%s", pg_text(rows, 0, 0));
        return 0;
}
