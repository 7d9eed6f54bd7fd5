/* What a judgement says: one of three states, the gate that decided, a sentence and its numbers. Pure. */
#pragma once

#include <stdint.h>

#include "lib/names.h"

enum verdict_state { VERDICT_NO_EVIDENCE, VERDICT_HEALTHY, VERDICT_BREACH };

enum { VERDICT_NUMBERS_MAX = 12, VERDICT_NUMBER_NAME = 24, VERDICT_REASON_LEN = 256 };

struct verdict_number {
        char name[VERDICT_NUMBER_NAME];
        double value;
};

struct verdict {
        enum verdict_state state;
        char gate[NAME_MAX_LEN + 1]; /* what decided; "" when healthy */
        char reason[VERDICT_REASON_LEN];
        struct verdict_number numbers[VERDICT_NUMBERS_MAX];
        int n_numbers;
        int64_t at_ms; /* wall clock; set by the caller, 0: there is no verdict */
};

const char *verdict_state_name(enum verdict_state s);                       /* "no-evidence" */
int verdict_state_parse(const char *text, enum verdict_state *out);         /* -1 if there is no such state */
void verdict_none(struct verdict *v, const char *gate, const char *reason); /* no evidence, for this reason */

void verdict_say(struct verdict *v, enum verdict_state state, const char *gate, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
void verdict_number(struct verdict *v, const char *name, double value); /* passed over when there are enough */
