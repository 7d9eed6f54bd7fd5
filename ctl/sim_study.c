/* Studies. */
#include "ctl/sim_study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/sim_oracle.h"
#include "lib/mem.h"

const char *sim_column_name(int column)
{
        return column == SIM_JUDGE ? "sluice" : sim_rule_name((enum sim_rule) column);
}

static int by_time(const void *a, const void *b)
{
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

        return (x > y) - (x < y);
}

/* Wald's bound: on average ln(1/alpha) of information has to come in. */
static int64_t bound(const struct policy *p, const struct sim_scenario *s)
{
        const struct sim_traffic *t = &s->traffic;

        if (s->good || t->record || !p->error_rate.on || p->error_rate.max_ratio == 0)
                return 0;
        double gain = judge_ratio_gain(JUDGE_ABOVE, p->error_rate.max_ratio, p->steps[0].weight_bp / 10000.0,
                                       t->errors[ARM_STABLE], t->errors[ARM_CANDIDATE]);

        return gain > 0 ? (int64_t) (1000 * sim_oracle_log_needed(p) / (gain * t->rate) * t->burst)
                        : 0; /* a burst tells as much as one */
}

static void sum_up(struct sim_column *c, int64_t *times, int runs)
{
        qsort(times, (size_t) c->rolled_back, sizeof *times, by_time);
        if (c->rolled_back > 0) {
                c->median_ms = times[c->rolled_back / 2];
                c->p90_ms = times[c->rolled_back * 9 / 10];
        }
        c->exposure /= runs;
}

static void count_outcome(struct sim_column *c, const struct sim_outcome *o, int64_t *times)
{
        if (o->rolled_back)
                times[c->rolled_back++] = o->at_ms;
        c->done += o->done;
        c->exposure += (double) o->exposure;
}

void sim_study(const struct policy *p, const struct sim_scenario *s, int runs, uint64_t seed, int64_t limit_ms,
               struct sim_study *out)
{
        int64_t *times[SIM_COLUMNS], *best = xcalloc((size_t) runs, sizeof *best);

        *out = (struct sim_study){ .runs = runs, .bound_ms = bound(p, s), .known = sim_oracle_applies(p, &s->traffic) };
        for (int i = 0; i < SIM_COLUMNS; i++)
                times[i] = xcalloc((size_t) runs, sizeof **times);
        for (int run = 0; run < runs; run++) {
                struct sim_outcome others[SIM_RULES], ours, oracle;
                struct dice d = { seed + (uint64_t) run };
                uint64_t own = (uint64_t) (dice_uniform(&d) * 0x1p53);

                sim_others(p, &s->traffic, own, limit_ms, others);
                sim_judge(p, &s->traffic, own, limit_ms, &ours);
                if (out->known) {
                        sim_oracle(p, &s->traffic, own, limit_ms, &oracle);
                        count_outcome(&out->best, &oracle, best);
                }
                for (int i = 0; i < SIM_RULES; i++)
                        count_outcome(&out->columns[i], &others[i], times[i]);
                count_outcome(&out->columns[SIM_JUDGE], &ours, times[SIM_JUDGE]);
        }
        for (int i = 0; i < SIM_COLUMNS; i++) {
                sum_up(&out->columns[i], times[i], runs);
                free(times[i]);
        }
        sum_up(&out->best, best, runs);
        free(best);
}

/* --- the standard scenarios --- */

static int good_ones(struct sim_scenario *out)
{
        static const struct {
                const char *name;
                double burst, incident;
        } kinds[] = { { "calm", 1, 0 }, { "shared incident", 1, .05 }, { "bursts of 5", 5, 0 }, { "bursts, incident", 5, .05 } };
        static const double rates[] = { 10, 100, 1000 }, levels[] = { .002, .005, .008 };
        int n = 0;

        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
                for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
                        for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
                                struct sim_scenario *s = &out[n++];

                                *s = (struct sim_scenario){ .good = true,
                                                            .traffic = { .rate = rates[r],
                                                                         .errors = { levels[l], levels[l] },
                                                                         .burst = kinds[k].burst,
                                                                         .incident = kinds[k].incident,
                                                                         .incident_from_ms = 10 * 60000,
                                                                         .incident_to_ms = 15 * 60000 } };
                                snprintf(s->name, sizeof s->name, "good, %g/s, both %g %%, %s", rates[r], 100 * levels[l],
                                         kinds[k].name);
                        }
        return n;
}

static int bad_ones(struct sim_scenario *out)
{
        static const struct {
                double rate, errors, burst;
        } cases[] = { { 100, .05, 1 }, { 100, .02, 1 }, { 100, .005, 1 }, { 1000, .005, 1 },
                      { 10, .05, 1 },  { 10, .02, 1 },  { 100, .02, 5 } };
        int n = 0;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct sim_scenario *s = &out[n++];

                *s = (struct sim_scenario){
                        .traffic = { .rate = cases[i].rate, .errors = { .002, cases[i].errors }, .burst = cases[i].burst }
                };
                snprintf(s->name, sizeof s->name, "bad, %g/s, %g %% against 0.2 %%%s", cases[i].rate, 100 * cases[i].errors,
                         cases[i].burst > 1 ? ", bursts of 5" : "");
        }
        return n;
}

int sim_standard(bool good, struct sim_scenario *out)
{
        return good ? good_ones(out) : bad_ones(out);
}
