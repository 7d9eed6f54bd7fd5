/* Who a bearer token is. Lookups are by hash, so comparing leaks nothing; the token itself is kept nowhere. */
#pragma once

#include "lib/names.h"
#include "lib/pg.h"
#include "lib/role.h"

enum {
        TOKEN_TEXT_LEN = 4 + 64, /* "slc_" and 32 random bytes in hex */
        TOKEN_HASH_LEN = 64,
        AUTH_FRESH_MS = 1000,   /* a lookup is reused for so long: a revoked token dies within this time on every registryd */
        AUTH_STALE_MS = 600000, /* and, while the database does not answer, for so long */
};

struct auth;

/* The token in `admin_file` is always an admin's; a missing file is made, readable by its owner only, with a fresh token. */
int auth_new(struct pg *db, const char *admin_file, struct auth **out, struct err *e);
void auth_free(struct auth *a); /* NULL is fine */

/* UNAUTHORIZED when nobody has this token. */
int auth_check(struct auth *a, int64_t deadline_ms, const char *token, enum role *role, char name[static NAME_MAX_LEN + 1],
               struct err *e);
void auth_forget(struct auth *a); /* after a revocation: look everybody up again */

void token_make(char out[static TOKEN_TEXT_LEN + 1]);
void token_hash(const char *token, char out[static TOKEN_HASH_LEN + 1]);

#define AUTH_ADMIN_NAME "admin" /* actor of the file's token; no other token may have this name */
