/* One comparison, tick by tick. */
#include "lib/judge_compare.h"

#include <math.h>
#include <stdlib.h>

#include "lib/mem.h"

void judge_compare_done(struct judge_compare *c)
{
        free(c->sound);
        *c = (struct judge_compare){ 0 };
}

const struct judge_ratio *judge_compare_sound(const struct judge_compare *c)
{
        static const struct judge_ratio nothing;

        return c->sound ? c->sound : &nothing;
}

struct judge_ratio *judge_compare_ask_sound(struct judge_compare *c)
{
        if (!c->sound)
                c->sound = xcalloc(1, sizeof *c->sound);
        return c->sound;
}

void judge_compare_add(struct judge_compare *c, double max_ratio, double sound_ratio, int64_t n_stable, int64_t x_stable,
                       int64_t n_candidate, int64_t x_candidate)
{
        double burst = judge_spread_burst(&c->spread);

        if (max_ratio > 0)
                judge_ratio_add(&c->worse, JUDGE_ABOVE, max_ratio, burst, n_stable, x_stable, n_candidate, x_candidate);
        if (sound_ratio > 0)
                judge_ratio_add(judge_compare_ask_sound(c), JUDGE_BELOW, sound_ratio, burst, n_stable, x_stable, n_candidate,
                                x_candidate);
        judge_effect_add(&c->effect, judge_spread_dispersion(&c->spread), n_stable, x_stable, n_candidate, x_candidate);
        judge_spread_add(&c->spread, n_stable, x_stable);
}

double judge_compare_missing(const struct judge_compare *c, double sound_ratio, double log_needed, double weight,
                             const int64_t n[2], const int64_t x[2])
{
        double share[2];

        if (judge_compare_sound(c)->peak >= log_needed)
                return 0;
        for (int a = 0; a < 2; a++)
                share[a] = ((double) x[a] + .5) / ((double) n[a] + 1);
        double gain = judge_ratio_gain(JUDGE_BELOW, sound_ratio, weight, share[0], share[1]);

        return gain > 0 ? (log_needed - judge_ratio_log_e(judge_compare_sound(c))) * judge_spread_dispersion(&c->spread) / gain
                        : INFINITY;
}
