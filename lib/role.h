/* Who may do what. Roles are sets, not ranks: a CI token that pushes cannot deploy, an on-call token cannot push. */
#pragma once

#include <stdbool.h>

enum role {
        ROLE_NONE,   /* the zero of a forgotten cell: nobody */
        ROLE_ANYONE, /* no token needed: health checks */
        ROLE_READER,
        ROLE_WRITER,   /* reads; creates models, pushes artifacts, registers versions */
        ROLE_DEPLOYER, /* reads; moves aliases, starts, steers and rolls back rollouts */
        ROLE_ADMIN,    /* everything, and tokens */
        ROLE_COUNT
};

bool role_allows(enum role caller, enum role needed);
const char *role_name(enum role r);                /* "reader" */
bool role_parse(const char *text, enum role *out); /* the four that a token can have */
