/* The judge's memory to and from JSON. */
#include "rolloutd/judge_json.h"

#include "lib/json.h"
#include "lib/mem.h"
#include "rolloutd/judge_bounds_json.h"
#include "rolloutd/judge_gates_json.h"
#include "rolloutd/judge_parts_json.h"

/* The eight numbers of both arms: requests, errors, timed, slow of stable and then of the candidate. */
static json_t *counts_to_json(const struct counts c[ARM_COUNT])
{
        json_t *list = json_array();

        for (int a = 0; a < ARM_COUNT; a++) {
                json_array_append_new(list, json_integer(c[a].requests));
                json_array_append_new(list, json_integer(c[a].errors));
                json_array_append_new(list, json_integer(c[a].timed));
                json_array_append_new(list, json_integer(c[a].slow));
        }
        return list;
}

static int counts_from_json(json_t *list, struct counts c[ARM_COUNT], struct err *e)
{
        int64_t *const into[] = { &c[0].requests, &c[0].errors, &c[0].timed, &c[0].slow,
                                  &c[1].requests, &c[1].errors, &c[1].timed, &c[1].slow };

        if (!json_is_array(list) || json_array_size(list) != 8)
                return err_set(e, ERR_INVALID, "counts must be eight numbers");
        for (size_t i = 0; i < 8; i++) {
                json_t *v = json_array_get(list, i);

                if (!json_is_integer(v) || json_integer_value(v) < 0)
                        return err_set(e, ERR_INVALID, "counts must be whole and not negative");
                *into[i] = json_integer_value(v);
        }
        return 0;
}

/* As counts. */
static json_t *minute_to_json(const struct judge_minute m[ARM_COUNT])
{
        return parts_floats_to_json((const float[]){ m[0].requests, m[0].errors, m[0].timed, m[0].slow, m[1].requests,
                                                     m[1].errors, m[1].timed, m[1].slow },
                                    8);
}

static int minute_from_json(json_t *list, struct judge_minute m[ARM_COUNT], struct err *e)
{
        float v[8];

        if (parts_floats_from_json("window", list, v, 8, e) < 0)
                return -1;
        for (size_t i = 0; i < 8; i++)
                if (v[i] < 0)
                        return err_set(e, ERR_INVALID, "window: counts must not be negative");
        for (int a = 0; a < ARM_COUNT; a++)
                m[a] = (struct judge_minute){ v[4 * a], v[4 * a + 1], v[4 * a + 2], v[4 * a + 3] };
        return 0;
}

static json_t *burn_to_json(const struct judge_burn b[2])
{
        return json_pack("[o, o, o, o]", parts_floats_to_json(b[0].bad, BURN_WINDOWS),
                         parts_floats_to_json(b[0].all, BURN_WINDOWS), parts_floats_to_json(b[1].bad, BURN_WINDOWS),
                         parts_floats_to_json(b[1].all, BURN_WINDOWS));
}

static int burn_from_json(json_t *list, struct judge_burn b[2], struct err *e)
{
        float *const into[] = { b[0].bad, b[0].all, b[1].bad, b[1].all };

        for (size_t i = 0; list && i < 4; i++)
                if (parts_floats_from_json("burn", json_array_get(list, i), into[i], BURN_WINDOWS, e) < 0)
                        return -1;
        return 0;
}

/* Trailing gates that never failed are left out. */
static json_t *failures_to_json(const struct judge *j)
{
        json_t *list = json_array();
        int n = POLICY_QUERIES_MAX;

        while (n > 0 && j->failures[n - 1] == 0)
                n--;
        for (int i = 0; i < n; i++)
                json_array_append_new(list, json_integer(j->failures[i]));
        return list;
}

static int failures_from_json(json_t *list, struct judge *j, struct err *e)
{
        double v[POLICY_QUERIES_MAX] = { 0 };
        size_t n = json_array_size(list);

        if (!list)
                return 0;
        if (n > POLICY_QUERIES_MAX)
                return err_set(e, ERR_INVALID, "failures: at most %d", POLICY_QUERIES_MAX);
        if (parts_numbers_from_json("failures", list, v, n, e) < 0)
                return -1;
        for (int i = 0; i < POLICY_QUERIES_MAX; i++)
                j->failures[i] = v[i] > 0 && v[i] <= POLICY_FAILURES_MAX ? (uint8_t) v[i] : 0;
        return 0;
}

/* Of each gate nine numbers, six once; trailing gates that were never used are left out. */
static json_t *counted_to_json(const struct judge *j)
{
        json_t *list = json_array();
        int n = j->gates ? POLICY_QUERIES_MAX : 0;

        while (n > 0 && !j->gates[n - 1].share)
                n--;
        for (int i = 0; i < n; i++) {
                static const struct judge_count nothing;
                const struct judge_count *c = j->gates[i].share ? j->gates[i].share : &nothing;

                json_array_append_new(
                        list, parts_numbers_to_json((const double[]){ c->bad, c->of, c->last_bad, c->last_of, c->peak, c->known,
                                                                      c->surplus.waiting, c->surplus.all, c->surplus.most },
                                                    9));
        }
        return list;
}

static int counted_from_json(json_t *list, struct judge *j, struct err *e)
{
        json_t *item;
        size_t i;

        if (json_array_size(list) > POLICY_QUERIES_MAX)
                return err_set(e, ERR_INVALID, "shares: at most %d", POLICY_QUERIES_MAX);
        json_array_foreach (list, i, item) {
                double v[9] = { 0 };

                if (parts_numbers_from_json("shares", item, v, json_array_size(item) == 6 ? 6 : 9, e) < 0)
                        return -1;
                if (v[5] == 0) /* a gate of another kind, or never known */
                        continue;
                if (!j->gates)
                        j->gates = judge_gates_new();
                j->gates[i].share = xcalloc(1, sizeof *j->gates[i].share);
                *j->gates[i].share = (struct judge_count){ v[0], v[1], v[2], v[3], v[4], v[5], { v[6], v[7], v[8] } };
        }
        return 0;
}

json_t *judge_to_json(const struct judge *j)
{
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:I, s:o, s:o, s:I, s:o, s:o*}", "errors",
                         parts_compare_to_json(&j->errors), "slow", parts_compare_to_json(&j->slow), "total",
                         counts_to_json(j->total), "step", counts_to_json(j->step), "window", minute_to_json(j->window[0]),
                         "window_before", minute_to_json(j->window[1]), "unpaired", minute_to_json(j->unpaired),
                         "window_since_ms", (json_int_t) j->window_since_ms, "burn", burn_to_json(j->burn), "step_since_ms",
                         (json_int_t) j->step_since_ms, "last_ms", (json_int_t) j->last_ms, "failures", failures_to_json(j),
                         "shares", counted_to_json(j), "fresh", (json_int_t) j->fresh, "bounds", judge_bounds_to_json(&j->bounds),
                         "gates", judge_gates_to_json(j->gates));
}

int judge_from_json(json_t *doc, struct judge *out, struct err *e)
{
        json_t *errors, *slow, *total, *step, *window, *before, *unpaired;
        json_t *burn = NULL, *failures = NULL, *shares = NULL, *bounds = NULL,
               *gates = NULL; /* earlier records have none of these */
        json_int_t since_ms, step_since_ms = 0, last_ms = 0, fresh = 0;
        struct judge j = { 0 };

        if (json_take("judge", doc, e, "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s?o, s?I, s?I, s?o, s?o, s?I, s?o, s?o}",
                      "errors", &errors, "slow", &slow, "total", &total, "step", &step, "window", &window, "window_before",
                      &before, "unpaired", &unpaired, "window_since_ms", &since_ms, "burn", &burn, "step_since_ms",
                      &step_since_ms, "last_ms", &last_ms, "failures", &failures, "shares", &shares, "fresh", &fresh, "bounds",
                      &bounds, "gates", &gates) < 0 ||
            parts_compare_from_json(errors, &j.errors, e) < 0 || parts_compare_from_json(slow, &j.slow, e) < 0 ||
            counts_from_json(total, j.total, e) < 0 || counts_from_json(step, j.step, e) < 0 ||
            minute_from_json(window, j.window[0], e) < 0 || minute_from_json(before, j.window[1], e) < 0 ||
            minute_from_json(unpaired, j.unpaired, e) < 0 || burn_from_json(burn, j.burn, e) < 0 ||
            failures_from_json(failures, &j, e) < 0 || judge_bounds_from_json(bounds, &j.bounds, e) < 0 ||
            judge_gates_from_json(gates, &j.gates, e) < 0 || counted_from_json(shares, &j, e) < 0) {
                judge_done(&j);
                return -1;
        }
        j.window_since_ms = since_ms;
        j.step_since_ms = step_since_ms;
        j.last_ms = last_ms;
        j.fresh = (uint32_t) fresh;
        *out = j;
        return 0;
}
