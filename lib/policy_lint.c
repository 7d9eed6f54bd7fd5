/* Sums before the rollout. */
#include "lib/policy_lint.h"

#include <math.h>
#include <stdio.h>

#include "lib/judge_ratio.h"

/* What a mixture over unknown ratios costs over one that knows: about ln 4 (judge_ratio.h). */
static const double mixture_cost = 1.4;

struct time_text {
        char text[24];
};

/* "45s", "10m", "3.5h", "12 days" */
static struct time_text time_text(double seconds)
{
        struct time_text t;

        if (seconds < 100)
                snprintf(t.text, sizeof t.text, "%.0fs", seconds);
        else if (seconds < 100 * 60)
                snprintf(t.text, sizeof t.text, "%.3gm", seconds / 60);
        else if (seconds < 48 * 3600)
                snprintf(t.text, sizeof t.text, "%.2gh", seconds / 3600);
        else if (seconds < 1000 * 86400.0)
                snprintf(t.text, sizeof t.text, "%.2g days", seconds / 86400);
        else
                snprintf(t.text, sizeof t.text, "years");
        return t;
}

static bool compares(const struct policy_step *s)
{
        return s->weight_bp > 0 && s->weight_bp < 10000;
}

/* The longest of the steps in which there is something to compare with; NULL if there is none. */
static const struct policy_step *longest(const struct policy *p)
{
        const struct policy_step *found = NULL;

        for (int i = 0; i < p->n_steps; i++)
                if (compares(&p->steps[i]) && (!found || p->steps[i].hold_ms > found->hold_ms))
                        found = &p->steps[i];
        return found;
}

static int check_harm(const struct policy *p, const struct policy_share *s, const char *what, double share,
                      const struct policy_expected *t, struct err *e)
{
        const struct policy_step *at = longest(p);
        double needed = mixture_cost - log(p->false_rollback / policy_comparisons(p)), sum = 0, ratio = 2 * s->max_ratio;
        char harm[60];

        if (!at)
                return 0; /* nothing is compared: limits alone, and that was meant */
        for (int i = 0; i < p->n_steps; i++)
                if (compares(&p->steps[i]))
                        sum += (double) p->steps[i].hold_ms / 1000 * t->rate *
                               judge_ratio_gain(JUDGE_ABOVE, s->max_ratio, p->steps[i].weight_bp / 10000.0, share,
                                                fmin(1, ratio * share));
        if (sum >= needed)
                return 0;
        double gain =
                t->rate * judge_ratio_gain(JUDGE_ABOVE, s->max_ratio, at->weight_bp / 10000.0, share, fmin(1, ratio * share));

        if (s->max_ratio <= 1)
                snprintf(harm, sizeof harm, "a doubling of %s", what);
        else
                snprintf(harm, sizeof harm, "%g times stable's %s", ratio, what);
        return err_set(e, ERR_INVALID, "%g %% of %g requests/s cannot show %s within %s: at %g %% on stable that takes about %s",
                       at->weight_bp / 100.0, t->rate, harm, time_text((double) at->hold_ms / 1000).text, 100 * share,
                       gain > 0 ? time_text(needed / gain).text : "for ever");
}

static int check_proof(const struct policy *p, const struct policy_share *s, const char *what, double share,
                       const struct policy_expected *t, struct err *e)
{
        const struct policy_step *at = &p->steps[p->steps[0].weight_bp == 0];
        double needed = mixture_cost - log(p->false_promotion / policy_proofs(p));
        double gain = t->rate * judge_ratio_gain(JUDGE_BELOW, s->sound_ratio, at->weight_bp / 10000.0, share, share);
        double seconds = (double) (at->hold_ms + p->max_hold_ms) / 1000;

        if (gain * seconds >= needed)
                return 0;
        return err_set(e, ERR_INVALID,
                       "%g %% of %g requests/s cannot prove fewer than %g times stable's %s within %s (hold and max_hold): at %g "
                       "%% on stable "
                       "that takes about %s",
                       at->weight_bp / 100.0, t->rate, s->sound_ratio, what, time_text(seconds).text, 100 * share,
                       gain > 0 ? time_text(needed / gain).text : "for ever");
}

static int check_requests(const struct policy *p, const struct policy_expected *t, struct err *e)
{
        for (int i = 0; i < p->n_steps; i++) {
                const struct policy_step *s = &p->steps[i];
                double seconds = (double) (s->hold_ms + p->max_hold_ms) / 1000, seen = s->weight_bp / 10000.0 * t->rate * seconds;

                if (s->weight_bp > 0 && seen < (double) p->min_requests)
                        return err_set(
                                e, ERR_INVALID,
                                "%g %% of %g requests/s are %.0f requests in %s (hold and max_hold), and min_requests is %lld",
                                s->weight_bp / 100.0, t->rate, seen, time_text(seconds).text, (long long) p->min_requests);
        }
        return 0;
}

int policy_lint(const struct policy *p, const struct policy_expected *t, struct err *e)
{
        const struct policy_share *shares[] = { &p->error_rate, &p->latency };
        const char *const what[] = { "errors", "slow answers" };
        const double stable[] = { t->errors, t->slow };

        for (int i = 0; i < 2; i++)
                if (shares[i]->on && ((shares[i]->max_ratio > 0 && check_harm(p, shares[i], what[i], stable[i], t, e) < 0) ||
                                      (shares[i]->sound_ratio > 0 && check_proof(p, shares[i], what[i], stable[i], t, e) < 0)))
                        return -1;
        return check_requests(p, t, e);
}
