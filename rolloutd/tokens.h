/*
 * Who may call: the registry's tokens as hashes, and the one in the admin token file. The copy is kept in a file, so that
 * people can steer rollouts while the registry is away. Only the SHA-256 of a token is ever stored.
 */
#pragma once

#include "lib/err.h"
#include "lib/names.h"
#include "lib/role.h"

#define TOKENS_ADMIN_NAME "admin"

struct tokens;

/* Reads the copy if there is one; makes the admin's token if its file is absent. */
int tokens_new(const char *copy_path, const char *admin_path, struct tokens **out, struct err *e);
void tokens_free(struct tokens *t);

/* UNAUTHORIZED if nobody has it. */
int tokens_check(const struct tokens *t, const char *token, enum role *role, char name[static NAME_MAX_LEN + 1], struct err *e);

/* Take over the body of the registry's GET /v1/tokens, and write the copy if anything changed. */
int tokens_update(struct tokens *t, const char *body, struct err *e);
