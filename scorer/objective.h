/*
 * What an XGBoost objective means for prediction: where sums begin, given the stored base score, and what becomes of a sum.
 * Formulas and order of rounding as in XGBoost's src/objective and src/common/math.h (1.7 to 3.4), in float32.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct objective {
        const char *name;
        const char *block;          /* the object with its training parameters, NULL if it has none */
        const char *const *members; /* that object's members, ended by NULL; all are texts */
        bool classes;               /* sums per class: num_class counts them */
        bool probabilities;         /* outputs are from 0 to 1 */
        int (*margin)(float *base, int version, struct err *e);
        void (*transform)(float *sums, uint32_t n_groups);
};

/* NULL if this objective is not known. */
const struct objective *objective_find(const char *name);
void objective_list(char *out, size_t size); /* the known names, for messages */

/* Turn a stored base score into the start of the sum, in place. `version` is that of the XGBoost that wrote the model,
 * major * 100 + minor. INVALID when that XGBoost would refuse the value. */
int objective_margin(const struct objective *o, float *base, int version, struct err *e);

/* Turn the sums of one row into its output, in place; as many outputs as groups. */
void objective_transform(const struct objective *o, float *sums, uint32_t n_groups);
