/* The table of objectives. */
#include "scorer/objective.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* XGBoost's kRtEps: since 3.2 a base score of 0 or 1 is moved inside by this much. */
static const float BASE_SCORE_EPSILON = 1e-6f;

static int margin_identity(float *base, int version, struct err *e)
{
        (void) base, (void) version, (void) e;
        return 0;
}

static int margin_logit(float *base, int version, struct err *e)
{
        bool closed = version >= 302;
        float p = *base;

        if (closed ? !(p >= 0.0f && p <= 1.0f) : !(p > 0.0f && p < 1.0f))
                return err_set(e, ERR_INVALID, "is %g, it has to be between 0 and 1", (double) p);
        if (closed)
                p = fminf(fmaxf(p, BASE_SCORE_EPSILON), 1.0f - BASE_SCORE_EPSILON);
        *base = -logf(1.0f / p - 1.0f);
        return 0;
}

static int margin_log(float *base, int version, struct err *e)
{
        (void) version;
        if (!(*base > 0.0f))
                return err_set(e, ERR_INVALID, "is %g, it has to be above 0", (double) *base);
        *base = logf(*base);
        return 0;
}

static void transform_identity(float *sums, uint32_t n)
{
        (void) sums, (void) n;
}

static void transform_sigmoid(float *sums, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                sums[i] = 1.0f / (expf(fminf(-sums[i], 88.7f)) + 1.0f + 1e-16f);
}

static void transform_exp(float *sums, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                sums[i] = expf(sums[i]);
}

static void transform_step(float *sums, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                sums[i] = sums[i] > 0.0f ? 1.0f : 0.0f;
}

/* The exponentials are summed in double and divided by that sum as a float. */
static void transform_softmax(float *sums, uint32_t n)
{
        float highest = sums[0];
        double total = 0;

        for (uint32_t i = 1; i < n; i++)
                highest = fmaxf(sums[i], highest);
        for (uint32_t i = 0; i < n; i++) {
                sums[i] = expf(sums[i] - highest);
                total += (double) sums[i];
        }
        for (uint32_t i = 0; i < n; i++)
                sums[i] /= (float) total;
}

static const char *const reg_loss[] = { "scale_pos_weight", NULL };
static const char *const softmax[] = { "num_class", NULL };
static const char *const poisson[] = { "max_delta_step", NULL };
static const char *const tweedie[] = { "tweedie_variance_power", NULL };
static const char *const pseudo_huber[] = { "huber_slope", NULL };

static const struct objective objectives[] = {
        { "binary:logistic", "reg_loss_param", reg_loss, false, true, margin_logit, transform_sigmoid },
        { "binary:logitraw", "reg_loss_param", reg_loss, false, false, margin_identity, transform_identity },
        { "binary:hinge", NULL, NULL, false, true, margin_identity, transform_step },
        { "reg:squarederror", "reg_loss_param", reg_loss, false, false, margin_identity, transform_identity },
        { "reg:squaredlogerror", "reg_loss_param", reg_loss, false, false, margin_identity, transform_identity },
        { "reg:absoluteerror", NULL, NULL, false, false, margin_identity, transform_identity },
        { "reg:pseudohubererror", "pseudo_huber_param", pseudo_huber, false, false, margin_identity, transform_identity },
        { "reg:logistic", "reg_loss_param", reg_loss, false, true, margin_logit, transform_sigmoid },
        { "reg:gamma", "reg_loss_param", reg_loss, false, false, margin_log, transform_exp },
        { "reg:tweedie", "tweedie_regression_param", tweedie, false, false, margin_log, transform_exp },
        { "count:poisson", "poisson_regression_param", poisson, false, false, margin_log, transform_exp },
        { "multi:softprob", "softmax_multiclass_param", softmax, true, true, margin_identity, transform_softmax },
};

enum { N_OBJECTIVES = sizeof objectives / sizeof *objectives };

const struct objective *objective_find(const char *name)
{
        for (int i = 0; i < N_OBJECTIVES; i++)
                if (!strcmp(objectives[i].name, name))
                        return &objectives[i];
        return NULL;
}

void objective_list(char *out, size_t size)
{
        size_t used = 0;

        out[0] = '\0';
        for (int i = 0; i < N_OBJECTIVES && used < size; i++)
                used += (size_t) snprintf(out + used, size - used, "%s%s", i ? ", " : "", objectives[i].name);
}

int objective_margin(const struct objective *o, float *base, int version, struct err *e)
{
        return o->margin(base, version, e);
}

void objective_transform(const struct objective *o, float *sums, uint32_t n_groups)
{
        o->transform(sums, n_groups);
}
