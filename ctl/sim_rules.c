/* The rules of others. */
#include "ctl/sim_rules.h"

#include <math.h>
#include <string.h>

#include "lib/judge_kayenta.h"

enum { ASK_MS = 30000, MINUTE_MS = 60000, KAYENTA_MS = 300000 };

static const char *const names[SIM_RULES] = {
        [SIM_ARGO] = "argo",           [SIM_ARGO_3] = "argo-3",   [SIM_FLAGGER] = "flagger",
        [SIM_FLAGGER_5] = "flagger-5", [SIM_KAYENTA] = "kayenta", [SIM_ZTEST] = "z-test",
};

const char *sim_rule_name(enum sim_rule r)
{
        return names[r];
}

static void roll_back(struct sim_rules *r, enum sim_rule rule, int64_t at_ms)
{
        if (!r->rolled_back_ms[rule])
                r->rolled_back_ms[rule] = at_ms;
}

/* Below 99 % over the last minute. */
static bool fails(const struct sim_rules *r)
{
        struct counts c = { 0 };

        for (int i = 0; i < SIM_WINDOW_TICKS; i++)
                counts_add(&c, &r->window[i]);
        return c.requests > 0 && (double) (c.requests - c.errors) / (double) c.requests < .99;
}

static void argo(struct sim_rules *r, int64_t at_ms)
{
        static const int limit[SIM_RULES] = { [SIM_ARGO] = 0, [SIM_ARGO_3] = 3 };

        for (enum sim_rule rule = SIM_ARGO; rule <= SIM_ARGO_3; rule++) {
                r->failures[rule] += fails(r);
                if (r->failures[rule] > limit[rule])
                        roll_back(r, rule, at_ms);
        }
}

static void flagger(struct sim_rules *r, int64_t at_ms)
{
        static const int threshold[SIM_RULES] = { [SIM_FLAGGER] = 1, [SIM_FLAGGER_5] = 5 };

        for (enum sim_rule rule = SIM_FLAGGER; rule <= SIM_FLAGGER_5; rule++) {
                if (r->failures[rule] >= threshold[rule])
                        roll_back(r, rule, at_ms);
                r->failures[rule] += fails(r);
        }
}

static void kayenta(struct sim_rules *r, int64_t at_ms)
{
        struct kayenta_rule rule;
        struct kayenta_result result;
        size_t n = (size_t) r->steps;

        kayenta_defaults(&rule);
        rule.direction = KAYENTA_INCREASE;
        kayenta_classify(&rule, r->rates[ARM_STABLE], n, r->rates[ARM_CANDIDATE], n, &result);
        if (result.label == KAYENTA_HIGH)
                roll_back(r, SIM_KAYENTA, at_ms);
}

static void z_test(struct sim_rules *r, int64_t at_ms)
{
        const struct counts *a = &r->all[ARM_STABLE], *b = &r->all[ARM_CANDIDATE];
        double na = (double) a->requests, nb = (double) b->requests, p = (double) (a->errors + b->errors) / (na + nb);
        double error = sqrt(p * (1 - p) * (1 / na + 1 / nb));

        if (na > 0 && nb > 0 && error > 0 && ((double) b->errors / nb - (double) a->errors / na) / error > 2.326)
                roll_back(r, SIM_ZTEST, at_ms);
}

static void end_step(struct sim_rules *r)
{
        for (int a = 0; a < ARM_COUNT; a++)
                r->rates[a][r->steps] = r->step[a].requests ? (double) r->step[a].errors / (double) r->step[a].requests : NAN;
        r->steps++;
        memset(r->step, 0, sizeof r->step);
}

void sim_rules_tick(struct sim_rules *r, int64_t at_ms, const struct counts tick[2])
{
        r->window[r->ticks++ % SIM_WINDOW_TICKS] = tick[ARM_CANDIDATE];
        for (int a = 0; a < ARM_COUNT; a++) {
                counts_add(&r->step[a], &tick[a]);
                counts_add(&r->all[a], &tick[a]);
        }
        if (at_ms % ASK_MS == 0) {
                argo(r, at_ms);
                z_test(r, at_ms);
        }
        if (at_ms % MINUTE_MS != 0)
                return;
        flagger(r, at_ms);
        if (r->steps < SIM_STEPS_MAX)
                end_step(r);
        if (at_ms % KAYENTA_MS == 0)
                kayenta(r, at_ms);
}
