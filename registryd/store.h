/*
 * Everything that is SQL. Functions take the pool and the deadline of the request; documents are those of docs/api.md and belong to
 * the caller. NOT_FOUND says which thing is missing.
 */
#pragma once

#include <jansson.h>

#include "lib/names.h"
#include "lib/pg.h"
#include "lib/role.h"
#include "lib/sha256.h"
#include "registryd/manifest.h"
#include "registryd/rules.h"

struct page {              /* of a list: what comes after the key, at most so many */
        const char *after; /* lists by name; "" from the beginning */
        int64_t before;    /* lists by number, newest first; INT64_MAX from the newest */
        int64_t limit;
};

/* Does the database answer? */
int store_ping(struct pg *db, int64_t deadline_ms, struct err *e);

/* --- models --- */
int model_store_add(struct pg *db, int64_t deadline_ms, const char *name, const char *description, const char *actor,
                    json_t **out, struct err *e);
int model_store_get(struct pg *db, int64_t deadline_ms, const char *name, json_t **out, struct err *e);
int model_store_list(struct pg *db, int64_t deadline_ms, const struct page *page, json_t **out, struct err *e);

/* --- blobs; see blob_store.c for how an upload becomes one --- */
struct blob {
        int64_t id, size;
        char digest[DIGEST_TEXT_LEN + 1];
};
int blob_store_find(struct pg *db, int64_t deadline_ms, const char *digest, struct blob *out, struct err *e);

int upload_store_begin(struct pg *db, int64_t deadline_ms, const char *digest, const char *actor, int64_t *id, struct err *e);
/* Store chunk n in two halves, as pg_send() and pg_receive(). UNAVAILABLE when the upload was given up meanwhile. */
int upload_store_send(struct pg_conn *c, int64_t id, int64_t n, const void *data, size_t len, struct err *e);
int upload_store_sent(struct pg_conn *c, struct err *e);
/* Make it a blob, if all its bytes are there. *added is false when another upload of the same bytes was faster. */
int upload_store_publish(struct pg *db, int64_t deadline_ms, const struct blob *b, const char *actor, bool *added, struct err *e);
int upload_store_give_up(struct pg *db, int64_t deadline_ms, int64_t id, struct err *e);
struct collected {
        int64_t chunks; /* deleted now */
        bool more;      /* there may be others: call again */
};
/* Give up uploads without a sign of life for so long, then delete some chunks of one that was given up. */
int upload_store_collect(struct pg *db, int64_t deadline_ms, int64_t grace_ms, struct collected *out, struct err *e);

/* Read chunk n in two halves. */
int chunk_store_ask(struct pg_conn *c, int64_t blob_id, int64_t n, struct err *e);
int chunk_store_take(struct pg_conn *c, size_t expected, struct pg_rows **out, struct err *e); /* pg_bytes(rows, 0, 0, ...) */

/* --- versions --- */
int version_store_add(struct pg *db, int64_t deadline_ms, const char *model, const struct manifest *m, const char *actor,
                      bool *added, json_t **out, struct err *e);
int version_store_get(struct pg *db, int64_t deadline_ms, const char *model, const struct version_ref *ref, json_t **out,
                      struct err *e);
int version_store_list(struct pg *db, int64_t deadline_ms, const char *model, const struct page *page, json_t **out,
                       struct err *e);
int version_store_file(struct pg *db, int64_t deadline_ms, const char *model, const struct version_ref *ref, const char *path,
                       struct blob *out, struct err *e);

/* --- aliases --- */
struct alias_change {
        const char *model, *alias, *actor, *reason;
        int64_t version; /* 0: delete */
        struct precondition when;
};
/* *out: the ALIAS, NULL after a deletion. *added: it is new. */
int alias_store_change(struct pg *db, int64_t deadline_ms, const struct alias_change *change, bool *added, json_t **out,
                       struct err *e);
int alias_store_get(struct pg *db, int64_t deadline_ms, const char *model, const char *alias, json_t **out, struct err *e);
int alias_store_list(struct pg *db, int64_t deadline_ms, const char *model, json_t **out, struct err *e);
int alias_store_history(struct pg *db, int64_t deadline_ms, const char *model, const char *alias, const struct page *page,
                        json_t **out, struct err *e);

/* --- decisions; rows are never changed or deleted --- */

/* Those of a JSON list of {"target","model","number","at","epoch","reason","event"} that are not there already. */
int decision_store_add(struct pg *db, int64_t deadline_ms, const char *region, const char *list, const char *actor,
                       int64_t *added, struct err *e);
struct decision_filter {
        const char *region, *target, *model; /* "": any */
};
int decision_store_list(struct pg *db, int64_t deadline_ms, const struct decision_filter *which, const struct page *page,
                        json_t **out, struct err *e);

/* --- tokens; `hash` is the SHA-256 of the token in hex --- */
int token_store_add(struct pg *db, int64_t deadline_ms, const char *name, enum role role, const char *hash, const char *actor,
                    struct err *e);
int token_store_list(struct pg *db, int64_t deadline_ms, json_t **out, struct err *e);
int token_store_delete(struct pg *db, int64_t deadline_ms, const char *name, struct err *e);
int token_store_find(struct pg *db, int64_t deadline_ms, const char *hash, enum role *role, char name[static NAME_MAX_LEN + 1],
                     struct err *e);

/* --- shared by the store files --- */
int store_query(struct pg *db, int64_t deadline_ms, const char *sql, struct pg_args args, struct pg_rows **rows, struct err *e);
json_t *store_time(const struct pg_rows *rows, int row, int column);        /* RFC 3339 */
json_t *store_int_or_null(const struct pg_rows *rows, int row, int column); /* 0 and NULL become null */
json_t *store_json(const struct pg_rows *rows, int row, int column);        /* a json column */
/* NOT_FOUND "there is no model ..." if there is none, else 0. */
int store_need_model(struct pg *db, int64_t deadline_ms, const char *name, struct err *e);
/* Lock the model's row for the rest of the transaction: one change of its versions or aliases at a time. */
int store_lock_model(struct pg_conn *c, const char *name, int64_t *id, struct err *e);
