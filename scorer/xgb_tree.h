/* One tree of an XGBoost model document, checked and added to a forest. */
#pragma once

#include "scorer/doc.h"
#include "scorer/forest.h"

/* `path` names the tree in errors; `index` is its place, `group` the output it adds to. */
int xgb_tree_add(struct forest *f, const struct doc_value *tree, const char *path, uint32_t index, uint32_t group, struct err *e);
