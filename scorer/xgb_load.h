/*
 * Models of XGBoost 1.4 to 3.x as save_model() writes them, in JSON or UBJSON: recognised by content, understood completely
 * or refused. What is accepted: booster gbtree with one value per leaf, numeric splits, the objectives of objective.c,
 * several outputs by trees per class or per target, num_parallel_tree. Refused by name: dart, gblinear, vector leaves,
 * categorical splits, category encoders, everything unknown.
 *
 * All trees predict, as in XGBoost's own Booster.predict() and C API. (The scikit-learn wrapper stops after best_iteration; to
 * have that, save the model sliced: booster[: best_iteration + 1].)
 *
 * Format: XGBoost, doc/tutorials/saving_model.rst and SaveModel() in src/learner.cc, src/gbm/gbtree_model.cc,
 * src/tree/tree_model.cc of versions 1.4.0 to 3.4.1.
 */
#pragma once

#include <stddef.h>

#include "lib/err.h"
#include "scorer/model.h"

/* max_memory bounds what parsing may take beside the file. INVALID names field or byte. On success the caller owns *m. */
int xgb_load(const void *data, size_t len, size_t max_memory, struct model *m, struct err *e);
