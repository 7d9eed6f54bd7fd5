/* Bounds as JSON. */
#include "rolloutd/judge_bounds_json.h"

#include "lib/json.h"
#include "lib/mem.h"
#include "rolloutd/judge_parts_json.h"

/* What waits for the other arm: of, above of stable and then of the candidate. */
static json_t *unpaired_to_json(const struct judge_bound *b)
{
        return parts_floats_to_json(
                (const float[]){ b->unpaired_of[0], b->unpaired_above[0], b->unpaired_of[1], b->unpaired_above[1] }, 4);
}

static json_t *total_to_json(const struct judge_bound *b)
{
        return json_pack("[I, I, I, I]", (json_int_t) b->total[0].of, (json_int_t) b->total[0].above, (json_int_t) b->total[1].of,
                         (json_int_t) b->total[1].above);
}

static json_t *bound_to_json(const struct judge_bound *b)
{
        return json_pack("{s:i, s:f, s:i, s:o, s:o, s:o, s:o, s:o}", "us", (int) b->us, "usual", (double) b->usual, "quantiles",
                         (int) b->quantiles, "worse", parts_ratio_to_json(&b->worse), "effect",
                         parts_floats_to_json(b->effect.log_l, JUDGE_EFFECTS), "spread", parts_spread_to_json(&b->spread),
                         "unpaired", unpaired_to_json(b), "total", total_to_json(b));
}

json_t *judge_bounds_to_json(const struct judge_bounds *b)
{
        json_t *list = json_array();

        for (int i = 0; i < b->n; i++)
                json_array_append_new(list, bound_to_json(&b->list[i]));
        return json_pack("{s:o, s:i, s:i, s:f}", "list", list, "at_objective", (int) b->at_objective, "merged", (int) b->merged,
                         "watched", (double) b->watched);
}

static int total_from_json(json_t *list, struct judge_bound *b, struct err *e)
{
        int64_t *const into[] = { &b->total[0].of, &b->total[0].above, &b->total[1].of, &b->total[1].above };

        if (json_array_size(list) != 4)
                return err_set(e, ERR_INVALID, "bound: total must be four numbers");
        for (size_t i = 0; i < 4; i++) {
                json_t *v = json_array_get(list, i);

                if (!json_is_integer(v) || json_integer_value(v) < 0)
                        return err_set(e, ERR_INVALID, "bound: counts must be whole and not negative");
                *into[i] = json_integer_value(v);
        }
        return 0;
}

static int bound_from_json(json_t *doc, struct judge_bound *b, struct err *e)
{
        json_t *worse, *effect, *spread, *unpaired, *total;
        float waiting[4];
        double usual;
        int us, quantiles;

        if (json_take("bound", doc, e, "{s:i, s:F, s:i, s:o, s:o, s:o, s:o, s:o}", "us", &us, "usual", &usual, "quantiles",
                      &quantiles, "worse", &worse, "effect", &effect, "spread", &spread, "unpaired", &unpaired, "total",
                      &total) < 0 ||
            parts_ratio_from_json(worse, &b->worse, e) < 0 ||
            parts_floats_from_json("bound: effect", effect, b->effect.log_l, JUDGE_EFFECTS, e) < 0 ||
            parts_spread_from_json(spread, &b->spread, e) < 0 ||
            parts_floats_from_json("bound: unpaired", unpaired, waiting, 4, e) < 0 || total_from_json(total, b, e) < 0)
                return -1;
        if (us < 1 || !(usual >= 0 && usual <= 1) || quantiles < 1 || quantiles >= 1 << POLICY_QUANTILES_MAX)
                return err_set(e, ERR_INVALID, "bound: us, usual or quantiles out of range");
        b->us = us;
        b->usual = (float) usual;
        b->quantiles = (uint32_t) quantiles;
        b->unpaired_of[0] = waiting[0];
        b->unpaired_above[0] = waiting[1];
        b->unpaired_of[1] = waiting[2];
        b->unpaired_above[1] = waiting[3];
        return 0;
}

static int list_from_json(json_t *list, struct judge_bounds *b, struct err *e)
{
        json_t *item;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) > COUNTS_BOUNDS_MAX)
                return err_set(e, ERR_INVALID, "bounds: at most %d", COUNTS_BOUNDS_MAX);
        if (json_array_size(list) == 0)
                return 0;
        b->list = xcalloc(json_array_size(list), sizeof *b->list);
        b->n = (int32_t) json_array_size(list);
        json_array_foreach (list, i, item)
                if (bound_from_json(item, &b->list[i], e) < 0)
                        return -1;
        return 0;
}

int judge_bounds_from_json(json_t *doc, struct judge_bounds *out, struct err *e)
{
        struct judge_bounds b = { 0 };
        int at_objective, merged;
        double watched;
        json_t *list;

        if (!doc)
                return 0;
        if (json_take("bounds", doc, e, "{s:o, s:i, s:i, s:F}", "list", &list, "at_objective", &at_objective, "merged", &merged,
                      "watched", &watched) < 0)
                return -1;
        if (at_objective < 0 || at_objective >= 1 << POLICY_QUANTILES_MAX || merged < 0 || merged > POLICY_QUANTILES_MAX ||
            !(watched >= 0 && watched <= 1e18))
                return err_set(e, ERR_INVALID, "bounds: at_objective, merged or watched out of range");
        if (list_from_json(list, &b, e) < 0) {
                judge_bounds_done(&b);
                return -1;
        }
        b.at_objective = (uint32_t) at_objective;
        b.merged = merged;
        b.watched = (float) watched;
        *out = b;
        return 0;
}
