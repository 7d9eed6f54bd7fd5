/* What a policy may say and seldom means, as sentences for whoever writes it. Pure. */
#pragma once

#include "lib/policy.h"

enum { POLICY_ADVICE_MAX = 1 + POLICY_QUERIES_MAX };

struct policy_advice {
        char text[240];
};

/* Of a policy that policy_check() takes. How many there are; 0: none. */
int policy_advise(const struct policy *p, struct policy_advice out[POLICY_ADVICE_MAX]);
