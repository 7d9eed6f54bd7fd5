/* Bets on classes of predictions. */
#include "lib/judge_drift.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"

enum { SIDE_BETS = JUDGE_BETS / 2 };
static const double grid[SIDE_BETS] = { 1.4, 2.5, 6 };

/* --- classes, from stable's table --- */

void judge_class_label(const char *text, char out[JUDGE_CLASS_LEN + 1])
{
        uint32_t hash = 2166136261u; /* FNV-1a: names of classes are often alike in how they begin */

        for (const char *c = text; *c; c++)
                hash = (hash ^ (unsigned char) *c) * 16777619u;
        if (strlen(text) <= JUDGE_CLASS_LEN)
                (void) snprintf(out, JUDGE_CLASS_LEN + 1, "%s", text);
        else
                (void) snprintf(out, JUDGE_CLASS_LEN + 1, "%.8s~%06x", text, (unsigned) (hash >> 8));
        utf8_clean(out);
}

static double bound_of(const char *label)
{
        return strtod(label, NULL); /* "+Inf" too */
}

static int by_bound(const void *a, const void *b)
{
        double x = bound_of(((const struct judge_table_row *) a)->label),
               y = bound_of(((const struct judge_table_row *) b)->label);

        return (x > y) - (x < y);
}

static int by_count(const void *a, const void *b)
{
        double x = ((const struct judge_table_row *) a)->value, y = ((const struct judge_table_row *) b)->value;

        return (x < y) - (x > y);
}

static double total_of(const struct judge_table *t)
{
        double sum = 0;

        for (int i = 0; i < t->n; i++)
                sum = t->cumulative ? fmax(sum, t->rows[i].value) : sum + t->rows[i].value;
        return sum;
}

static void set_labels(struct judge_drift *d, const struct judge_table *t, int n)
{
        for (int i = 0; i < n; i++)
                memcpy(d->label[i], t->rows[i].label, sizeof d->label[i]);
        d->n = n;
}

/* Join the two neighbours that have fewest between them until there are few enough: a bound less is two buckets joined. */
static void fix_buckets(struct judge_drift *d, struct judge_table t)
{
        qsort(t.rows, (size_t) t.n, sizeof *t.rows, by_bound);
        while (t.n > JUDGE_CLASSES) {
                int least = 0;
                double fewest = INFINITY;

                for (int i = 0; i + 1 < t.n; i++) {
                        double in_both = t.rows[i + 1].value - (i > 0 ? t.rows[i - 1].value : 0);

                        if (in_both < fewest) {
                                fewest = in_both;
                                least = i;
                        }
                }
                t.n--;
                memmove(&t.rows[least], &t.rows[least + 1], (size_t) (t.n - least) * sizeof *t.rows);
        }
        set_labels(d, &t, t.n);
}

static void fix_labels(struct judge_drift *d, struct judge_table t)
{
        int n = t.n < JUDGE_CLASSES - 1 ? t.n : JUDGE_CLASSES - 1;

        qsort(t.rows, (size_t) t.n, sizeof *t.rows, by_count);
        set_labels(d, &t, n);
        d->label[n][0] = '\0';
        d->n = n + 1;
}

static void fix_classes(struct judge_drift *d, const struct judge_table *t)
{
        d->cumulative = t->cumulative;
        if (total_of(t) <= 0)
                return; /* stable has predicted nothing yet */
        if (t->cumulative)
                fix_buckets(d, *t);
        else
                fix_labels(d, *t);
}

/* --- a table to counters of the classes --- */

/* `hint` is looked at first: answers come in the same order. */
static int class_of(const struct judge_drift *d, const char *label, int hint)
{
        if (hint < d->n && strcmp(d->label[hint], label) == 0)
                return hint;
        for (int i = 0; i < d->n; i++)
                if (strcmp(d->label[i], label) == 0)
                        return i;
        return d->cumulative ? -1 : d->n - 1;
}

/* Counts of the classes; -1 when a bucket is not there. */
static int classify(struct judge_drift *d, enum arm a, const struct judge_table *t, double out[JUDGE_CLASSES])
{
        bool there[JUDGE_CLASSES] = { false };
        int next = 0;

        memset(out, 0, JUDGE_CLASSES * sizeof *out);
        for (int i = 0; i < t->n; i++) {
                int k = class_of(d, t->rows[i].label, next);

                if (k < 0)
                        continue;
                next = k + 1;
                out[k] += t->rows[i].value;
                there[k] = true;
        }
        for (int k = d->n - 1; d->cumulative && k >= 0; k--) {
                if (!there[k]) {
                        d->lacks = k + 1;
                        d->lacking = a;
                        return -1;
                }
                if (k > 0)
                        out[k] = fmax(0, out[k] - out[k - 1]);
        }
        return 0;
}

/* --- a tick --- */

static double sum_of(const float v[JUDGE_CLASSES])
{
        double sum = 0;

        for (int k = 0; k < JUDGE_CLASSES; k++)
                sum += (double) v[k];
        return sum;
}

/* Chi-square of stable's two newest increments by its degrees of freedom, into the mean of all classes; and into that of each by itself. */
static void measure_spread(struct judge_drift *d, const float now[JUDGE_CLASSES])
{
        double n1 = sum_of(now), n2 = (double) d->of_class[0].last_n, all = n1 + n2, chi = 0;
        int freedom = -1;

        if (n1 < 1)
                return; /* the next scrape is still to come */
        for (int k = 0; k < d->n; k++) {
                double before = (double) d->of_class[k].last_x, m = (double) now[k] + before,
                       off = (double) now[k] / n1 - before / n2;

                judge_spread_add(&d->of_class[k], llround(n1), llround((double) now[k]));
                if (m <= 0 || n2 < 1)
                        continue;
                chi += off * off / (m / all * (1 / n1 + 1 / n2) * all / (all - 1));
                freedom++;
        }
        if (freedom > 0)
                judge_spread_take(&d->spread, chi / freedom, freedom);
}

/* Every gambler's bet in a class whose rows come in bursts of this size. */
static void place_bets(double rho, double slack, double burst, const double n[ARM_COUNT], struct judge_ratio_bet bets[JUDGE_BETS])
{
        for (int i = 0; i < SIDE_BETS; i++) {
                bets[i] = judge_ratio_bet(rho * grid[i], rho, slack, burst, n);
                bets[SIDE_BETS + i] = judge_ratio_bet(1 / rho / grid[i], 1 / rho, slack, burst, n);
        }
}

/* Most classes are as bursty as all are together, and have the same bets; one that is worse, alone among many, has its own. */
static void settle(struct judge_drift *d, double rho, double slack, const double n[ARM_COUNT])
{
        struct judge_ratio_bet common[JUDGE_BETS], own[JUDGE_BETS];
        double burst = judge_spread_burst(&d->spread);

        place_bets(rho, slack, burst, n, common);
        for (int k = 0; k < d->n; k++) {
                const double x[ARM_COUNT] = { (double) d->waiting[ARM_STABLE][k], (double) d->waiting[ARM_CANDIDATE][k] };
                double of_class = judge_spread_burst(&d->of_class[k]);

                if (of_class > burst)
                        place_bets(rho, slack, of_class, n, own);
                for (int i = 0; i < JUDGE_BETS; i++)
                        d->log_e[k][i] += (float) judge_ratio_pays(of_class > burst ? &own[i] : &common[i], n, x);
        }
}

/* Where one is nothing beside the other, in seven digits, it is not asked for its exponential. */
static double log_sum(double a, double b)
{
        return fabs(a - b) > 20 ? fmax(a, b) : judge_log_sum(a, b);
}

/* Put more of the stake on every bet, as if they began now. */
static void stake(struct judge_drift *d)
{
        double more = log((judge_ratio_unspent(d->ticks) - judge_ratio_unspent(d->ticks + 1)) / (JUDGE_BETS * d->n));

        for (int k = 0; k < d->n; k++)
                for (int i = 0; i < JUDGE_BETS; i++) {
                        float *l = &d->log_e[k][i];

                        *l = (float) (d->ticks == 0 ? more : log_sum((double) *l, more));
                }
        d->ticks++;
}

static void tick(struct judge_drift *d, double max_ratio, double slack)
{
        double n[ARM_COUNT];

        for (int a = 0; a < ARM_COUNT; a++)
                if ((n[a] = sum_of(d->waiting[a])) < 1)
                        return; /* the other arm's scrape is still to come */
        stake(d);
        settle(d, max_ratio, slack, n);
        d->peak = fmax(d->peak, judge_drift_log_e(d));
        for (int a = 0; a < ARM_COUNT; a++)
                for (int k = 0; k < d->n; k++)
                        d->total[a][k] += (double) d->waiting[a][k];
        measure_spread(d, d->waiting[ARM_STABLE]);
        memset(d->waiting, 0, sizeof d->waiting);
}

/* What is new since the last look; nothing when that interval is passed over. */
static void increase(struct judge_drift *d, enum arm a, const double now[JUDGE_CLASSES], float more[JUDGE_CLASSES])
{
        double all = 0;
        bool back = false;

        for (int k = 0; k < d->n; k++) {
                back |= now[k] < d->last[a][k];
                all += now[k];
        }
        bool counts = judge_meter_look(&d->meter[a], all, back);

        for (int k = 0; k < JUDGE_CLASSES; k++)
                more[k] = counts ? (float) (now[k] - d->last[a][k]) : 0;
        memcpy(d->last[a], now, sizeof d->last[a]);
}

int judge_drift_look(struct judge_drift *d, double max_ratio, double slack, const struct judge_table *const now[ARM_COUNT],
                     bool compare)
{
        double counts[ARM_COUNT][JUDGE_CLASSES];

        if (d->n == 0)
                fix_classes(d, now[ARM_STABLE]);
        if (d->n == 0)
                return 0;
        d->lacks = 0;
        for (int a = 0; a < ARM_COUNT; a++)
                if (classify(d, (enum arm) a, now[a], counts[a]) < 0)
                        return -1;
        float stable[JUDGE_CLASSES], candidate[JUDGE_CLASSES];
        bool bets = compare && d->spread.weight >= JUDGE_DRIFT_WATCH;

        increase(d, ARM_STABLE, counts[ARM_STABLE], stable);
        increase(d, ARM_CANDIDATE, counts[ARM_CANDIDATE], candidate);
        if (!bets) {
                measure_spread(d, stable);
                return 0;
        }
        for (int k = 0; k < d->n; k++) {
                d->waiting[ARM_STABLE][k] += stable[k];
                d->waiting[ARM_CANDIDATE][k] += candidate[k];
        }
        tick(d, max_ratio, slack);
        return 0;
}

/* --- what it says --- */

static double log_sum_of(const float *v, int n)
{
        float top = v[0];
        double sum;

        for (int i = 1; i < n; i++)
                top = fmaxf(top, v[i]);
        sum = exp((double) (v[0] - top));
        for (int i = 1; i < n; i++)
                if (top - v[i] < 30)
                        sum += exp((double) (v[i] - top));
        return (double) top + log(sum);
}

double judge_drift_log_e(const struct judge_drift *d)
{
        if (d->ticks == 0)
                return 0;
        return judge_log_sum(log(judge_ratio_unspent(d->ticks)), log_sum_of(d->log_e[0], JUDGE_BETS * d->n));
}

static void class_text(const struct judge_drift *d, int k, char text[JUDGE_CLASS_TEXT])
{
        const char *label = d->label[k];

        if (!d->cumulative)
                (void) snprintf(text, JUDGE_CLASS_TEXT, "%s", *label ? label : "all others");
        else if (k == 0)
                (void) snprintf(text, JUDGE_CLASS_TEXT, "up to %s", label);
        else if (isinf(bound_of(label)))
                (void) snprintf(text, JUDGE_CLASS_TEXT, "above %s", d->label[k - 1]);
        else
                (void) snprintf(text, JUDGE_CLASS_TEXT, "%s to %s", d->label[k - 1], label);
}

void judge_drift_worst(const struct judge_drift *d, struct judge_drift_class *out)
{
        double top = -INFINITY;
        int worst = 0;

        *out = (struct judge_drift_class){ .side = JUDGE_ABOVE };
        if (d->ticks == 0)
                return;
        for (int k = 0; k < d->n; k++)
                for (int side = JUDGE_ABOVE; side <= JUDGE_BELOW; side++) {
                        double l = log_sum_of(&d->log_e[k][side * SIDE_BETS], SIDE_BETS);

                        if (l > top) {
                                top = l;
                                worst = k;
                                out->side = (enum judge_side) side;
                        }
                }
        class_text(d, worst, out->text);
        for (int a = 0; a < ARM_COUNT; a++) {
                out->in[a] = d->total[a][worst];
                for (int k = 0; k < d->n; k++)
                        out->of[a] += d->total[a][k];
        }
}
