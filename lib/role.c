/* The role table. */
#include "lib/role.h"

#include <string.h>

#define CAN(r) (1u << ROLE_##r)

static const struct {
        const char *name;
        unsigned grants; /* bit set: which needs this caller meets */
        bool for_tokens;
} roles[ROLE_COUNT] = {
        [ROLE_NONE] = { "none", 0, false },
        [ROLE_ANYONE] = { "anyone", CAN(ANYONE), false },
        [ROLE_READER] = { "reader", CAN(ANYONE) | CAN(READER), true },
        [ROLE_WRITER] = { "writer", CAN(ANYONE) | CAN(READER) | CAN(WRITER), true },
        [ROLE_DEPLOYER] = { "deployer", CAN(ANYONE) | CAN(READER) | CAN(DEPLOYER), true },
        [ROLE_ADMIN] = { "admin", CAN(ANYONE) | CAN(READER) | CAN(WRITER) | CAN(DEPLOYER) | CAN(ADMIN), true },
};

bool role_allows(enum role caller, enum role needed)
{
        return needed != ROLE_NONE && caller < ROLE_COUNT && needed < ROLE_COUNT && (roles[caller].grants & (1u << needed));
}

const char *role_name(enum role r)
{
        return r < ROLE_COUNT ? roles[r].name : "none";
}

bool role_parse(const char *text, enum role *out)
{
        for (int r = 0; r < ROLE_COUNT; r++) {
                if (roles[r].for_tokens && strcmp(roles[r].name, text) == 0) {
                        *out = r;
                        return true;
                }
        }
        return false;
}
