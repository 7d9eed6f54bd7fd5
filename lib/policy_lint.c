/* Sums before the rollout. */
#include "lib/policy_lint.h"

#include <math.h>
#include <stdio.h>

#include "lib/judge_burn.h"
#include "lib/judge_mean.h"
#include "lib/judge_ratio.h"

/* What a mixture over unknown ratios costs over one that knows: about ln 4 (judge_ratio.h). */
static const double mixture_cost = 1.4;
/* How long stable is watched before the candidate has traffic. */
static const double watched_seconds = 300;

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

struct harm {                    /* that has to be found */
        double tolerated, ratio; /* shares of bad requests over stable's: what may be, and what is to be found */
        double share;            /* stable's */
        double cost;             /* what more of the evidence's logarithm is needed than for one share */
        char words[120];
};

static int check_harm(const struct policy *p, const struct harm *h, const struct policy_expected *t, struct err *e)
{
        const struct policy_step *at = longest(p);
        double needed = mixture_cost + h->cost - log(p->false_rollback / policy_comparisons(p)), sum = 0,
               worse = fmin(1, h->ratio * h->share);

        if (!at)
                return 0; /* nothing is compared: limits alone, and that was meant */
        if (h->tolerated * h->share >= 1)
                return err_set(e, ERR_INVALID,
                               "%g times stable's %g %% is 100 %% or more, which no version can exceed: max_ratio is too high",
                               h->tolerated, 100 * h->share);
        for (int i = 0; i < p->n_steps; i++)
                if (compares(&p->steps[i]))
                        sum += (double) p->steps[i].hold_ms / 1000 * t->rate *
                               judge_ratio_gain(JUDGE_ABOVE, h->tolerated, p->steps[i].weight_bp / 10000.0, h->share, worse);
        if (sum >= needed)
                return 0;
        double gain = t->rate * judge_ratio_gain(JUDGE_ABOVE, h->tolerated, at->weight_bp / 10000.0, h->share, worse);

        return err_set(e, ERR_INVALID, "%g %% of %g requests/s cannot show %s within %s: at %g %% on stable that takes about %s",
                       at->weight_bp / 100.0, t->rate, h->words, time_text((double) at->hold_ms / 1000).text, 100 * h->share,
                       gain > 0 ? time_text(needed / gain).text : "for ever");
}

static struct harm harm_of(const struct policy_share *s, const char *what, double share)
{
        struct harm h = { .tolerated = s->max_ratio, .ratio = 2 * s->max_ratio, .share = share };

        if (h.ratio * share >= 1)
                snprintf(h.words, sizeof h.words, "100 %% %s", what);
        else if (s->max_ratio <= 1)
                snprintf(h.words, sizeof h.words, "a doubling of %s", what);
        else
                snprintf(h.words, sizeof h.words, "%g times stable's %s", h.ratio, what);
        return h;
}

/* Does stable show its quantiles at all? */
static int check_watch(const struct policy_share *s, const struct policy_expected *t, struct err *e)
{
        double watched = t->rate * watched_seconds;

        for (int i = 0; i < s->n_quantiles; i++) {
                double needed = policy_quantile_requests(s->quantiles[i]);

                if (watched < needed)
                        return err_set(e, ERR_INVALID,
                                       "stable's p%g takes %.0f requests to see, and %g requests/s are %.0f in %s",
                                       100 * s->quantiles[i], needed, t->rate, watched, time_text(watched_seconds).text);
        }
        return 0;
}

/* Twice the odds that are tolerated: judge_bounds.h. */
static int check_quantiles(const struct policy *p, const struct policy_share *s, const struct policy_expected *t, struct err *e)
{
        for (int i = 0; i < s->n_quantiles; i++) {
                double usual = 1 - s->quantiles[i];
                struct harm h = { .tolerated = judge_ratio_of_odds(s->max_ratio, usual),
                                  .ratio = judge_ratio_of_odds(2 * s->max_ratio, usual),
                                  .share = usual };

                snprintf(h.words, sizeof h.words, "%.3g times as many answers slower than stable's p%g", h.ratio,
                         100 * s->quantiles[i]);
                if (check_harm(p, &h, t, e) < 0)
                        return -1;
        }
        return 0;
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

/* Does stable keep within what the candidate has to? A budget may burn six times as fast (judge_burn.h). */
static int check_limits(const struct policy_share *s, const char *what, const char *key, double share, struct err *e)
{
        if (s->limit > 0 && share > s->limit)
                return err_set(e, ERR_INVALID,
                               "limit_percent %g of %s: stable's are %g %% already (%s), so every version breaks it",
                               100 * s->limit, what, 100 * share, key);
        if (s->budget > 0 && share > JUDGE_BURN_LEAST * s->budget)
                return err_set(e, ERR_INVALID,
                               "budget_percent %g of %s: stable's %g %% (%s) burn it %g times as fast already, so every version "
                               "breaks it",
                               100 * s->budget, what, 100 * share, key, share / s->budget);
        return 0;
}

static int check_share(const struct policy *p, const struct policy_share *s, const char *what, const char *key, double share,
                       const struct policy_expected *t, struct err *e)
{
        const struct harm h = harm_of(s, what, share);

        if (!s->on)
                return 0;
        if (check_limits(s, what, key, share, e) < 0 || check_watch(s, t, e) < 0 ||
            (s->max_ratio > 0 && check_harm(p, &h, t, e) < 0) || check_quantiles(p, s, t, e) < 0)
                return -1;
        return s->sound_ratio > 0 ? check_proof(p, s, what, share, t, e) : 0;
}

/* --- gates of custom counters: of things that are one a request --- */

static int check_ratio_query(const struct policy *p, const struct policy_query *q, const struct policy_expected *t, struct err *e)
{
        struct harm h = { .tolerated = q->max_ratio, .ratio = 2 * q->max_ratio, .share = q->expected };

        if (q->expected == 0 || q->max_ratio == 0)
                return 0;
        (void) snprintf(h.words, sizeof h.words, "%g times stable's %.40s", h.ratio, q->name);
        return check_harm(p, &h, t, e);
}

/* The betting on many classes costs about as much as 30 to 1; a class of a tenth, or less, that becomes twice as frequent as it may has to show. */
static int check_drift_query(const struct policy *p, const struct policy_query *q, const struct policy_expected *t, struct err *e)
{
        const double share = fmin(.1, .4 / q->max_ratio); /* so that twice as much can be */
        struct harm h = { .tolerated = q->max_ratio + q->slack / share, .share = share, .cost = log(30) };

        h.ratio = 2 * h.tolerated;
        (void) snprintf(h.words, sizeof h.words, "a class that is %g times as frequent in %.40s", h.ratio, q->name);
        return check_harm(p, &h, t, e);
}

static int check_mean_query(const struct policy *p, const struct policy_query *q, const struct policy_expected *t, struct err *e)
{
        const struct policy_step *at = longest(p);
        double least = JUDGE_MEAN_LEAST * JUDGE_MEAN_PAIRS, sum = 0;

        for (int i = 0; i < p->n_steps; i++)
                if (compares(&p->steps[i]))
                        sum += (double) p->steps[i].hold_ms / 1000 * t->rate * p->steps[i].weight_bp / 10000.0;
        if (!at || sum >= least)
                return 0;
        return err_set(e, ERR_INVALID,
                       "%s: %g requests/s are %.0f of the candidate until all traffic is its, and a mean needs %.0f", q->name,
                       t->rate, sum, least);
}

static int check_queries(const struct policy *p, const struct policy_expected *t, struct err *e)
{
        static int (*const checks[])(const struct policy *, const struct policy_query *, const struct policy_expected *,
                                     struct err *) = {
                [QUERY_RATIO] = check_ratio_query, [QUERY_DRIFT] = check_drift_query, [QUERY_MEAN] = check_mean_query
        };

        for (int i = 0; i < p->n_queries; i++)
                if (policy_compares(&p->queries[i]) && checks[policy_query_kind(&p->queries[i])](p, &p->queries[i], t, e) < 0)
                        return -1;
        return 0;
}

int policy_lint(const struct policy *p, const struct policy_expected *t, struct err *e)
{
        if (check_share(p, &p->error_rate, "errors", "expected_error_percent", t->errors, t, e) < 0 ||
            check_share(p, &p->latency, "slow answers", "expected_slow_percent", t->slow, t, e) < 0 || check_queries(p, t, e) < 0)
                return -1;
        return check_requests(p, t, e);
}
