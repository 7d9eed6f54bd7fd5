/* Numbers, tests and spreads. */
#include "rolloutd/judge_parts_json.h"

#include <float.h>
#include <math.h>

#include "lib/json.h"

json_t *parts_numbers_to_json(const double *v, size_t n)
{
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_real(v[i]));
        return list;
}

int parts_numbers_from_json(const char *what, json_t *list, double *v, size_t n, struct err *e)
{
        if (!json_is_array(list) || json_array_size(list) != n)
                return err_set(e, ERR_INVALID, "%s must be %zu numbers", what, n);
        for (size_t i = 0; i < n; i++) {
                if (!json_is_number(json_array_get(list, i)))
                        return err_set(e, ERR_INVALID, "%s must be numbers", what);
                v[i] = json_number_value(json_array_get(list, i));
        }
        return 0;
}

json_t *parts_floats_to_json(const float *v, size_t n)
{
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_real((double) v[i]));
        return list;
}

int parts_floats_from_json(const char *what, json_t *list, float *v, size_t n, struct err *e)
{
        if (!json_is_array(list) || json_array_size(list) != n)
                return err_set(e, ERR_INVALID, "%s must be %zu numbers", what, n);
        for (size_t i = 0; i < n; i++) {
                double value = json_number_value(json_array_get(list, i));

                if (!json_is_number(json_array_get(list, i)) || !(fabs(value) <= FLT_MAX))
                        return err_set(e, ERR_INVALID, "%s must be numbers", what);
                v[i] = (float) value;
        }
        return 0;
}

json_t *parts_ratio_to_json(const struct judge_ratio *t)
{
        return json_pack("{s:o, s:f, s:I}", "log_e", parts_numbers_to_json(t->log_e, JUDGE_RATIOS), "peak", t->peak, "ticks",
                         (json_int_t) t->ticks);
}

int parts_ratio_from_json(json_t *doc, struct judge_ratio *t, struct err *e)
{
        double unspent; /* of an earlier program; it follows from the ticks */
        json_int_t ticks;
        json_t *list;

        if (json_take("test", doc, e, "{s:o, s?F, s:F, s:I}", "log_e", &list, "unspent", &unspent, "peak", &t->peak, "ticks",
                      &ticks) < 0)
                return -1;
        t->ticks = ticks;
        return parts_numbers_from_json("test: log_e", list, t->log_e, JUDGE_RATIOS, e);
}

json_t *parts_spread_to_json(const struct judge_spread *s)
{
        return parts_floats_to_json((const float[]){ s->sum, s->weight, s->last_n, s->last_x }, 4);
}

int parts_spread_from_json(json_t *list, struct judge_spread *s, struct err *e)
{
        float v[4];

        if (parts_floats_from_json("spread", list, v, 4, e) < 0)
                return -1;
        *s = (struct judge_spread){ v[0], v[1], v[2], v[3] };
        return 0;
}

json_t *parts_compare_to_json(const struct judge_compare *c)
{
        return json_pack("{s:o, s:o*, s:o, s:o}", "worse", parts_ratio_to_json(&c->worse), "sound",
                         c->sound ? parts_ratio_to_json(c->sound) : NULL, "effect",
                         parts_floats_to_json(c->effect.log_l, JUDGE_EFFECTS), "spread", parts_spread_to_json(&c->spread));
}

int parts_compare_from_json(json_t *doc, struct judge_compare *c, struct err *e)
{
        json_t *worse, *sound = NULL, *effect, *spread;

        if (json_object_get(doc, "log_e")) /* of an earlier program, which compared otherwise: the comparison begins again */
                return 0;
        if (json_take("comparison", doc, e, "{s:o, s?o, s:o, s:o}", "worse", &worse, "sound", &sound, "effect", &effect, "spread",
                      &spread) < 0 ||
            parts_ratio_from_json(worse, &c->worse, e) < 0 ||
            (sound && parts_ratio_from_json(sound, judge_compare_ask_sound(c), e) < 0) ||
            parts_floats_from_json("comparison: effect", effect, c->effect.log_l, JUDGE_EFFECTS, e) < 0 ||
            parts_spread_from_json(spread, &c->spread, e) < 0)
                return -1;
        return 0;
}
