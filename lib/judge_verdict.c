/* Verdicts. */
#include "lib/judge_verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/utf8.h"

static const char *const state_names[] = {
        [VERDICT_NO_EVIDENCE] = "no-evidence",
        [VERDICT_HEALTHY] = "healthy",
        [VERDICT_BREACH] = "breach",
};

const char *verdict_state_name(enum verdict_state s)
{
        return state_names[s];
}

int verdict_state_parse(const char *text, enum verdict_state *out)
{
        for (int i = 0; i <= VERDICT_BREACH; i++)
                if (strcmp(text, state_names[i]) == 0) {
                        *out = (enum verdict_state) i;
                        return 0;
                }
        return -1;
}

void verdict_say(struct verdict *v, enum verdict_state state, const char *gate, const char *fmt, ...)
{
        va_list ap;

        v->state = state;
        snprintf(v->gate, sizeof v->gate, "%s", gate);
        va_start(ap, fmt);
        vsnprintf(v->reason, sizeof v->reason, fmt, ap);
        va_end(ap);
        utf8_clean(v->reason);
}

void verdict_none(struct verdict *v, const char *gate, const char *reason)
{
        *v = (struct verdict){ 0 };
        verdict_say(v, VERDICT_NO_EVIDENCE, gate, "%s", reason);
}

void verdict_number(struct verdict *v, const char *name, double value)
{
        struct verdict_number *n = &v->numbers[v->n_numbers];

        if (v->n_numbers == VERDICT_NUMBERS_MAX)
                return;
        snprintf(n->name, sizeof n->name, "%s", name);
        n->value = value;
        v->n_numbers++;
}
