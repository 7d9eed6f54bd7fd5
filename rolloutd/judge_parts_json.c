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
