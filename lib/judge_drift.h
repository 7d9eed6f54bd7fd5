/*
 * Does the candidate predict something else? Counters of predictions of each release, one a class: of a histogram's bucket, or of a label.
 * A new model never predicts exactly as the old one; it breaks a tolerance when some class k has a share
 *
 *      p_B(k) > rho p_A(k) + f     or     p_B(k) < p_A(k) / rho - f
 *
 * of the candidate's predictions: rho is the policy's max_ratio, f its slack, which keeps classes that are next to nothing from deciding.
 *
 * Classes are fixed from stable's counters before anything is compared, at most 16 of them: neighbouring buckets are joined where fewest
 * predictions fall, and all but the 15 most frequent labels, and labels that stable never gives, are one class of their own.
 *
 * For each class and side three gamblers bet on r_k = rho * {1.4, 2.5, 6} (below: 1/rho / ...) as in judge_ratio.h, whose proof holds for
 * every share. With the slack in the null the exponent there is at most n_B f |y - 1| / b instead of 0 (b: bursts), so that each gambler pays
 *
 *      log e(r) = x_B ln(y') + x_A ln(z') - n_B f |y - 1| / b
 *
 * and still cannot gain on average. E is the average of all of them: an average of e-processes is one, however the classes depend on each other
 * (Vovk and Wang, "E-values: Calibration, combination and applications", Ann. Stat. 2021), and costs ln(number of bets), at most 4.6, where
 * a test a class would cost as much. As there, a twentieth of the stake is spent bit by bit. Batches of like rows are bursts: b comes from the chi-square
 * of stable's classes between neighbouring ticks over its degrees of freedom, and is that of the class by itself (judge_spread.h) where that is
 * more: one class whose rows come in batches does not show in the mean of many. Until there are JUDGE_DRIFT_WATCH degrees nobody bets. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/counts.h"
#include "lib/judge_meter.h"
#include "lib/judge_ratio.h"
#include "lib/judge_spread.h"

enum {
        JUDGE_CLASSES = 16,
        JUDGE_CLASS_LEN = 15,
        JUDGE_BETS = 6,
        JUDGE_TABLE_ROWS = 64,
        JUDGE_CLASS_TEXT = 48,
        JUDGE_DRIFT_WATCH = 8
};

/* What a query by one label gives of one release. Longer labels than JUDGE_CLASS_LEN are shortened. */
struct judge_table {
        bool cumulative; /* the label is le: a bucket counts what is in the ones before it too */
        int n;
        struct judge_table_row {
                char label[JUDGE_CLASS_LEN + 1];
                double value;
        } rows[JUDGE_TABLE_ROWS];
};

void judge_class_label(const char *text, char out[JUDGE_CLASS_LEN + 1]); /* if too long: 8 bytes, ~ and a checksum */

struct judge_drift { /* zeroed: nothing seen. 1.6 KiB */
        int32_t n;   /* classes; 0: not fixed yet */
        bool cumulative;
        char label[JUDGE_CLASSES][JUDGE_CLASS_LEN + 1]; /* of a bucket its bound, of all other labels "" */
        struct judge_meter meter[ARM_COUNT];
        double last[ARM_COUNT][JUDGE_CLASSES], total[ARM_COUNT][JUDGE_CLASSES];
        float waiting[ARM_COUNT][JUDGE_CLASSES];
        struct judge_spread spread, of_class[JUDGE_CLASSES];
        float log_e[JUDGE_CLASSES][JUDGE_BETS]; /* stake included */
        double peak;                            /* the highest log E so far */
        int64_t ticks;
        int32_t lacks; /* 1 + the bucket that was not there at the last look; 0: none. Not part of the record, as `lacking` */
        enum arm lacking;
};

/* -1 when a release has no such bucket as stable had, which `lacks` then says: nothing is looked at. */
int judge_drift_look(struct judge_drift *d, double max_ratio, double slack, const struct judge_table *const now[ARM_COUNT],
                     bool compare);

double judge_drift_log_e(const struct judge_drift *d);

struct judge_drift_class {           /* where the evidence is */
        char text[JUDGE_CLASS_TEXT]; /* "fraud", "0.1 to 0.2" */
        enum judge_side side;        /* more frequent, or rarer */
        double in[ARM_COUNT], of[ARM_COUNT];
};

/* The class that has gained most so far; in[] and of[] 0 while nothing is compared. */
void judge_drift_worst(const struct judge_drift *d, struct judge_drift_class *out);
