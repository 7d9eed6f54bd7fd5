/* Versions in the database. */
#include "registryd/store.h"

#include <string.h>

#include "lib/json.h"

#define VERSION_COLUMNS                                                                                                          \
        "SELECT m.name, v.number, v.digest,"                                                                                     \
        " (SELECT json_agg(json_build_object('path', f.path, 'digest', b.digest, 'size', b.size) ORDER BY f.path)"               \
        "  FROM registry.version_file f JOIN registry.blob b ON b.id = f.blob_id"                                                \
        "  WHERE f.model_id = v.model_id AND f.number = v.number),"                                                              \
        " v.metadata, v.description, v.size, v.created_at, v.created_by,"                                                        \
        " (SELECT coalesce(json_agg(a.name ORDER BY a.name), '[]') FROM registry.alias a"                                        \
        "  WHERE a.model_id = v.model_id AND a.number = v.number)"                                                               \
        " FROM registry.model m "

/* The version that $2 (a number, or 0) and $3 (an alias or a digest) name. */
#define VERSION_BY_REF                                                                                                           \
        "registry.version v ON v.model_id = m.id AND v.number = CASE WHEN $2 > 0 THEN $2"                                        \
        " WHEN $3 LIKE 'sha256:%'"                                                                                               \
        " THEN (SELECT d.number FROM registry.version d WHERE d.model_id = m.id AND d.digest = $3)"                              \
        " ELSE (SELECT a.number FROM registry.alias a WHERE a.model_id = m.id AND a.name = $3) END "

static json_t *version_of(const struct pg_rows *rows, int r)
{
        return json_pack("{s:s, s:I, s:s, s:o, s:o, s:s, s:I, s:o, s:s, s:o}", "model", pg_text(rows, r, 0), "number",
                         (json_int_t) pg_int(rows, r, 1), "digest", pg_text(rows, r, 2), "files", store_json(rows, r, 3),
                         "metadata", store_json(rows, r, 4), "description", pg_text(rows, r, 5), "size",
                         (json_int_t) pg_int(rows, r, 6), "created_at", store_time(rows, r, 7), "created_by", pg_text(rows, r, 8),
                         "aliases", store_json(rows, r, 9));
}

/* `rows` came from a left join: none means no model, NULL in `column` no version. */
static int need_version(const struct pg_rows *rows, int column, const char *model, const struct version_ref *ref, struct err *e)
{
        if (pg_count(rows) == 0)
                return err_set(e, ERR_NOT_FOUND, "there is no model \"%s\"", model);
        if (!pg_is_null(rows, 0, column))
                return 0;
        if (ref->number)
                return err_set(e, ERR_NOT_FOUND, "model \"%s\" has no version %lld", model, (long long) ref->number);
        return err_set(e, ERR_NOT_FOUND, "model \"%s\" has no %s \"%s\"", model,
                       strncmp(ref->name, "sha256:", 7) == 0 ? "version with digest" : "alias", ref->name);
}

static const char VERSION_GET[] = VERSION_COLUMNS "LEFT JOIN " VERSION_BY_REF "WHERE m.name = $1";

int version_store_get(struct pg *db, int64_t deadline_ms, const char *model, const struct version_ref *ref, json_t **out,
                      struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, VERSION_GET, PG_ARGS(PG_TEXT(model), PG_INT(ref->number), PG_TEXT(ref->name)), &rows,
                        e) ||
            need_version(rows, 1, model, ref, e))
                return -1;
        *out = version_of(rows, 0);
        return 0;
}

/* A page ends early when its versions have many files, so that it stays a few megabytes; it has at least one version. */
static const char VERSION_LIST[] =
        "WITH page AS (SELECT v.model_id, v.number, sum(v.n_files) OVER w AS n_files, row_number() OVER w AS n"
        "  FROM registry.version v JOIN registry.model m ON m.id = v.model_id WHERE m.name = $1 AND v.number < $2"
        "  WINDOW w AS (ORDER BY v.number DESC) ORDER BY v.number DESC LIMIT $3) " VERSION_COLUMNS
        "JOIN page p ON p.model_id = m.id JOIN registry.version v ON v.model_id = m.id AND v.number = p.number"
        " WHERE p.n = 1 OR p.n_files <= 10000 ORDER BY v.number DESC";

int version_store_list(struct pg *db, int64_t deadline_ms, const char *model, const struct page *page, json_t **out,
                       struct err *e)
{
        AUTO(pg_rows) rows = NULL;
        AUTO(json) list = json_array();

        if (store_need_model(db, deadline_ms, model, e) ||
            store_query(db, deadline_ms, VERSION_LIST, PG_ARGS(PG_TEXT(model), PG_INT(page->before), PG_INT(page->limit)), &rows,
                        e))
                return -1;
        int n = pg_count(rows);
        for (int r = 0; r < n; r++)
                (void) json_array_append_new(list, version_of(rows, r));
        int64_t last = n ? pg_int(rows, n - 1, 1) : 1;
        *out = json_pack("{s:O, s:o}", "versions", list, "next", last > 1 ? json_integer(last) : json_null());
        return 0;
}

static const char FILE_FIND[] =
        "SELECT v.number, b.id, b.size, b.digest FROM registry.model m LEFT JOIN " VERSION_BY_REF
        "LEFT JOIN registry.version_file f ON f.model_id = v.model_id AND f.number = v.number AND f.path = $4"
        " LEFT JOIN registry.blob b ON b.id = f.blob_id WHERE m.name = $1";

int version_store_file(struct pg *db, int64_t deadline_ms, const char *model, const struct version_ref *ref, const char *path,
                       struct blob *out, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (store_query(db, deadline_ms, FILE_FIND,
                        PG_ARGS(PG_TEXT(model), PG_INT(ref->number), PG_TEXT(ref->name), PG_TEXT(path)), &rows, e) ||
            need_version(rows, 0, model, ref, e))
                return -1;
        if (pg_is_null(rows, 0, 1))
                return err_set(e, ERR_NOT_FOUND, "version %lld of model \"%s\" has no file \"%s\"",
                               (long long) pg_int(rows, 0, 0), model, path);
        *out = (struct blob){ .id = pg_int(rows, 0, 1), .size = pg_int(rows, 0, 2) };
        memcpy(out->digest, pg_text(rows, 0, 3), DIGEST_TEXT_LEN);
        return 0;
}

struct adding {
        const char *model, *actor;
        const struct manifest *m;
        int64_t model_id, number; /* found on the way */
        bool added;
};

static const char SAME_VERSION[] = "SELECT number FROM registry.version WHERE model_id = $1 AND digest = $2";
#define FILE_LIST "json_to_recordset($1::json) AS f (path text, digest text, size bigint) "
static const char WRONG_FILE[] =
        "SELECT f.path, f.digest, f.size, b.size FROM " FILE_LIST "LEFT JOIN registry.blob b ON b.digest = f.digest"
        " WHERE b.size IS DISTINCT FROM f.size ORDER BY f.path COLLATE \"C\" LIMIT 1";

static int check_blobs(struct pg_conn *c, const struct manifest *m, struct err *e)
{
        AUTO(pg_rows) rows = NULL;

        if (pg_query(c, WRONG_FILE, PG_ARGS(PG_TEXT(m->file_list)), &rows, e))
                return -1;
        if (pg_count(rows) == 0)
                return 0;
        if (pg_is_null(rows, 0, 3))
                return err_set(e, ERR_INVALID, "file \"%s\": there is no blob %s; push it first", pg_text(rows, 0, 0),
                               pg_text(rows, 0, 1));
        return err_set(e, ERR_INVALID, "file \"%s\": blob %s has %lld bytes, not %lld", pg_text(rows, 0, 0), pg_text(rows, 0, 1),
                       (long long) pg_int(rows, 0, 3), (long long) pg_int(rows, 0, 2));
}

static const char NUMBER_TAKE[] = "UPDATE registry.model SET last_number = last_number + 1 WHERE id = $1 RETURNING last_number";
static const char VERSION_ADD[] =
        "INSERT INTO registry.version (model_id, number, digest, metadata, description, size, n_files, created_by)"
        " VALUES ($1, $2, $3, $4::json, $5, $6, $7::integer, $8)";
static const char FILES_ADD[] = "INSERT INTO registry.version_file (model_id, number, path, blob_id)"
                                " SELECT $2, $3, f.path, b.id FROM " FILE_LIST "JOIN registry.blob b ON b.digest = f.digest";

static int insert(struct pg_conn *c, struct adding *a, struct err *e)
{
        const struct manifest *m = a->m;
        AUTO(pg_rows) rows = NULL;

        if (check_blobs(c, m, e) || pg_query(c, NUMBER_TAKE, PG_ARGS(PG_INT(a->model_id)), &rows, e))
                return -1;
        a->number = pg_int(rows, 0, 0);
        a->added = true;
        if (pg_query(c, VERSION_ADD,
                     PG_ARGS(PG_INT(a->model_id), PG_INT(a->number), PG_TEXT(m->digest), PG_TEXT(m->metadata),
                             PG_TEXT(m->description), PG_INT(m->size), PG_INT((int64_t) m->n_files), PG_TEXT(a->actor)),
                     NULL, e))
                return -1;
        return pg_query(c, FILES_ADD, PG_ARGS(PG_TEXT(m->file_list), PG_INT(a->model_id), PG_INT(a->number)), NULL, e);
}

static int add(struct pg_conn *c, void *arg, struct err *e)
{
        struct adding *a = arg;
        AUTO(pg_rows) same = NULL;

        a->added = false;
        if (store_lock_model(c, a->model, &a->model_id, e) ||
            pg_query(c, SAME_VERSION, PG_ARGS(PG_INT(a->model_id), PG_TEXT(a->m->digest)), &same, e))
                return -1;
        if (pg_count(same) == 0)
                return insert(c, a, e);
        a->number = pg_int(same, 0, 0);
        return 0;
}

int version_store_add(struct pg *db, int64_t deadline_ms, const char *model, const struct manifest *m, const char *actor,
                      bool *added, json_t **out, struct err *e)
{
        struct adding a = { .model = model, .actor = actor, .m = m };

        if (pg_tx(db, deadline_ms, add, &a, e))
                return -1;
        *added = a.added;
        struct version_ref ref = { .number = a.number, .name = "" };
        return version_store_get(db, deadline_ms, model, &ref, out, e);
}
