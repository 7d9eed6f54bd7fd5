/* PromQL gates that compare, as JSON: a list in the policy's order, each what its kind keeps, or null. */
#include "rolloutd/judge_gates_json.h"

#include <stdio.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "rolloutd/judge_parts_json.h"

enum { METER_NUMBERS = 8, PAIR_NUMBERS = 13, SURPLUS_NUMBERS = 6, MEAN_NUMBERS = 14 };

static json_t *meters_to_json(const struct judge_meter m[ARM_COUNT])
{
        double v[METER_NUMBERS], *at = v;

        for (int a = 0; a < ARM_COUNT; a++) {
                *at++ = m[a].known;
                *at++ = m[a].all;
                *at++ = m[a].lost;
                *at++ = m[a].passed_over;
        }
        return parts_numbers_to_json(v, METER_NUMBERS);
}

static int meters_from_json(json_t *list, struct judge_meter m[ARM_COUNT], struct err *e)
{
        double v[METER_NUMBERS];

        if (parts_numbers_from_json("gate: meters", list, v, METER_NUMBERS, e) < 0)
                return -1;
        for (int a = 0; a < ARM_COUNT; a++)
                m[a] = (struct judge_meter){ v[4 * a], v[4 * a + 1], v[4 * a + 2], v[4 * a + 3] };
        return 0;
}

static json_t *fields_to_json(double *const fields[], size_t n)
{
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_real(*fields[i]));
        return list;
}

static int fields_from_json(json_t *list, double *const fields[], size_t n, struct err *e)
{
        double v[MEAN_NUMBERS]; /* the most */

        if (parts_numbers_from_json("gate: counts", list, v, n, e) < 0)
                return -1;
        for (size_t i = 0; i < n; i++)
                *fields[i] = v[i];
        return 0;
}

/* --- two counters --- */

static void pair_fields(struct judge_pair *p, double *fields[PAIR_NUMBERS])
{
        for (int a = 0; a < ARM_COUNT; a++) {
                *fields++ = &p->last[a];
                *fields++ = &p->waiting[a].bad;
                *fields++ = &p->waiting[a].of;
                *fields++ = &p->total[a].bad;
                *fields++ = &p->total[a].of;
        }
        *fields++ = &p->usual.bad;
        *fields++ = &p->usual.of;
        *fields++ = &p->watched;
}

static json_t *surplus_to_json(const struct judge_surplus s[ARM_COUNT])
{
        double v[SURPLUS_NUMBERS], *at = v;

        for (int a = 0; a < ARM_COUNT; a++) {
                *at++ = s[a].waiting;
                *at++ = s[a].all;
                *at++ = s[a].most;
        }
        return parts_numbers_to_json(v, SURPLUS_NUMBERS);
}

static int surplus_from_json(json_t *list, struct judge_surplus s[ARM_COUNT], struct err *e)
{
        double v[SURPLUS_NUMBERS];

        if (!list)
                return 0;
        if (parts_numbers_from_json("gate: surplus", list, v, SURPLUS_NUMBERS, e) < 0)
                return -1;
        for (int a = 0; a < ARM_COUNT; a++)
                s[a] = (struct judge_surplus){ v[3 * a], v[3 * a + 1], v[3 * a + 2] };
        return 0;
}

static json_t *pair_to_json(const struct judge_pair *p)
{
        struct judge_pair copy = *p;
        double *fields[PAIR_NUMBERS];

        pair_fields(&copy, fields);
        return json_pack("{s:o, s:o, s:o, s:o}", "test", parts_compare_to_json(&p->test), "meters", meters_to_json(p->meter),
                         "counts", fields_to_json(fields, PAIR_NUMBERS), "surplus", surplus_to_json(p->surplus));
}

static int pair_from_json(json_t *doc, struct judge_pair *p, struct err *e)
{
        json_t *test, *meters, *counts, *surplus = NULL;
        double *fields[PAIR_NUMBERS];

        pair_fields(p, fields);
        return json_take("gate", doc, e, "{s:o, s:o, s:o, s?o}", "test", &test, "meters", &meters, "counts", &counts, "surplus",
                         &surplus) < 0 ||
                               parts_compare_from_json(test, &p->test, e) < 0 || meters_from_json(meters, p->meter, e) < 0 ||
                               fields_from_json(counts, fields, PAIR_NUMBERS, e) < 0 ||
                               surplus_from_json(surplus, p->surplus, e) < 0
                       ? -1
                       : 0;
}

/* --- means --- */

static void mean_fields(struct judge_mean *m, double *fields[MEAN_NUMBERS])
{
        for (int a = 0; a < ARM_COUNT; a++) {
                *fields++ = &m->last[a];
                *fields++ = &m->waiting[a].sum;
                *fields++ = &m->waiting[a].of;
                *fields++ = &m->mean[a];
                *fields++ = &m->m2[a];
                *fields++ = &m->peak[a]; /* two as well: of the sides */
        }
        *fields++ = &m->n;
        *fields++ = &m->co;
}

static json_t *mean_to_json(const struct judge_mean *m)
{
        struct judge_mean copy = *m;
        double *fields[MEAN_NUMBERS];

        mean_fields(&copy, fields);
        return json_pack("{s:o, s:o}", "meters", meters_to_json(m->meter), "moments", fields_to_json(fields, MEAN_NUMBERS));
}

static int mean_from_json(json_t *doc, struct judge_mean *m, struct err *e)
{
        json_t *meters, *moments;
        double *fields[MEAN_NUMBERS];

        mean_fields(m, fields);
        return json_take("gate", doc, e, "{s:o, s:o}", "meters", &meters, "moments", &moments) < 0 ||
                               meters_from_json(meters, m->meter, e) < 0 || fields_from_json(moments, fields, MEAN_NUMBERS, e) < 0
                       ? -1
                       : 0;
}

/* --- classes --- */

static json_t *labels_to_json(const struct judge_drift *d)
{
        json_t *list = json_array();

        for (int k = 0; k < d->n; k++)
                json_array_append_new(list, json_string(d->label[k]));
        return list;
}

static int labels_from_json(json_t *list, struct judge_drift *d, struct err *e)
{
        json_t *item;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) > JUDGE_CLASSES)
                return err_set(e, ERR_INVALID, "gate: at most %d classes", JUDGE_CLASSES);
        json_array_foreach (list, i, item) {
                if (!json_is_string(item) || json_string_length(item) > JUDGE_CLASS_LEN)
                        return err_set(e, ERR_INVALID, "gate: a class is text of at most %d bytes", JUDGE_CLASS_LEN);
                judge_class_label(json_string_value(item), d->label[i]);
        }
        d->n = (int32_t) json_array_size(list);
        return 0;
}

static json_t *spreads_to_json(const struct judge_drift *d)
{
        json_t *list = json_array();

        for (int k = 0; k < d->n; k++)
                json_array_append_new(list, parts_spread_to_json(&d->of_class[k]));
        return list;
}

static int spreads_from_json(json_t *list, struct judge_drift *d, struct err *e)
{
        json_t *item;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) != (size_t) d->n)
                return err_set(e, ERR_INVALID, "gate: a spread for each of %d classes", d->n);
        json_array_foreach (list, i, item)
                if (parts_spread_from_json(item, &d->of_class[i], e) < 0)
                        return -1;
        return 0;
}

/* Of all classes there may be, also those that there are not: a fixed size. */
static json_t *drift_to_json(const struct judge_drift *d)
{
        return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:I}", "classes", labels_to_json(d), "cumulative",
                         d->cumulative, "meters", meters_to_json(d->meter), "last",
                         parts_numbers_to_json(d->last[0], sizeof d->last / sizeof d->last[0][0]), "total",
                         parts_numbers_to_json(d->total[0], sizeof d->total / sizeof d->total[0][0]), "waiting",
                         parts_floats_to_json(d->waiting[0], sizeof d->waiting / sizeof d->waiting[0][0]), "spreads",
                         spreads_to_json(d), "spread", parts_spread_to_json(&d->spread), "log_e",
                         parts_floats_to_json(d->log_e[0], sizeof d->log_e / sizeof d->log_e[0][0]), "peak", d->peak, "ticks",
                         (json_int_t) d->ticks);
}

static int drift_from_json(json_t *doc, struct judge_drift *d, struct err *e)
{
        json_t *classes, *meters, *last, *total, *waiting, *spreads, *spread, *log_e;
        json_int_t ticks;
        int cumulative;

        if (json_take("gate", doc, e, "{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:F, s:I}", "classes", &classes,
                      "cumulative", &cumulative, "meters", &meters, "last", &last, "total", &total, "waiting", &waiting,
                      "spreads", &spreads, "spread", &spread, "log_e", &log_e, "peak", &d->peak, "ticks", &ticks) < 0 ||
            labels_from_json(classes, d, e) < 0 || meters_from_json(meters, d->meter, e) < 0 ||
            parts_numbers_from_json("gate: last", last, d->last[0], sizeof d->last / sizeof d->last[0][0], e) < 0 ||
            parts_numbers_from_json("gate: total", total, d->total[0], sizeof d->total / sizeof d->total[0][0], e) < 0 ||
            parts_floats_from_json("gate: waiting", waiting, d->waiting[0], sizeof d->waiting / sizeof d->waiting[0][0], e) < 0 ||
            spreads_from_json(spreads, d, e) < 0 || parts_spread_from_json(spread, &d->spread, e) < 0 ||
            parts_floats_from_json("gate: log_e", log_e, d->log_e[0], sizeof d->log_e / sizeof d->log_e[0][0], e) < 0)
                return -1;
        d->cumulative = cumulative;
        d->ticks = ticks;
        return 0;
}

/* --- all of them --- */

static json_t *gate_to_json(const struct judge_gate *g)
{
        if (g->pair)
                return json_pack("{s:o}", "pair", pair_to_json(g->pair));
        if (g->mean)
                return json_pack("{s:o}", "mean", mean_to_json(g->mean));
        return g->drift ? json_pack("{s:o}", "drift", drift_to_json(g->drift)) : json_null();
}

json_t *judge_gates_to_json(const struct judge_gate *gates)
{
        json_t *list = json_array();
        int n = gates ? POLICY_QUERIES_MAX : 0;

        while (n > 0 && !gates[n - 1].pair && !gates[n - 1].mean && !gates[n - 1].drift)
                n--;
        for (int i = 0; i < n; i++)
                json_array_append_new(list, gate_to_json(&gates[i]));
        return n ? list : (json_decref(list), NULL);
}

static int gate_from_json(json_t *doc, struct judge_gate *g, struct err *e)
{
        json_t *pair = NULL, *mean = NULL, *drift = NULL;

        if (json_is_null(doc))
                return 0;
        if (json_take("gate", doc, e, "{s?o, s?o, s?o}", "pair", &pair, "mean", &mean, "drift", &drift) < 0)
                return -1;
        if (!!pair + !!mean + !!drift != 1)
                return err_set(e, ERR_INVALID, "gate: is of one kind");
        g->pair = pair ? xcalloc(1, sizeof *g->pair) : NULL;
        g->mean = mean ? xcalloc(1, sizeof *g->mean) : NULL;
        g->drift = drift ? xcalloc(1, sizeof *g->drift) : NULL;
        return pair   ? pair_from_json(pair, g->pair, e)
               : mean ? mean_from_json(mean, g->mean, e)
                      : drift_from_json(drift, g->drift, e);
}

int judge_gates_from_json(json_t *doc, struct judge_gate **out, struct err *e)
{
        json_t *item;
        size_t i;

        if (!doc)
                return 0;
        if (!json_is_array(doc) || json_array_size(doc) > POLICY_QUERIES_MAX)
                return err_set(e, ERR_INVALID, "gates: at most %d", POLICY_QUERIES_MAX);
        *out = judge_gates_new();
        json_array_foreach (doc, i, item)
                if (gate_from_json(item, &(*out)[i], e) < 0)
                        return -1;
        return 0;
}
