/* What the judge's comparisons are made of, to and from JSON. Reading is strict: wrong sizes and values that are no numbers. */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/judge_compare.h"
#include "lib/judge_ratio.h"
#include "lib/judge_spread.h"

json_t *parts_numbers_to_json(const double *v, size_t n);
int parts_numbers_from_json(const char *what, json_t *list, double *v, size_t n, struct err *e);
json_t *parts_floats_to_json(const float *v, size_t n);
int parts_floats_from_json(const char *what, json_t *list, float *v, size_t n, struct err *e);

json_t *parts_ratio_to_json(const struct judge_ratio *t);
int parts_ratio_from_json(json_t *doc, struct judge_ratio *t, struct err *e);
json_t *parts_spread_to_json(const struct judge_spread *s);
int parts_spread_from_json(json_t *list, struct judge_spread *s, struct err *e);
json_t *parts_compare_to_json(const struct judge_compare *c);
int parts_compare_from_json(json_t *doc, struct judge_compare *c, struct err *e);
