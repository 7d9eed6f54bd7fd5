/* Writing V2 answers. Text by hand, because names come from outside in any shape and scores have to be fast and exact. */
#include "scorer/v2_reply.h"

#include <math.h>

#include "lib/json.h"
#include "lib/version.h"
#include "scorer/float_text.h"

static void add_member(struct strbuf *out, const char *name, const char *value)
{
        strbuf_addf(out, "\"%s\":", name);
        json_quote(out, value);
}

static void add_head(struct strbuf *out, const struct v2_identity *who, const char *id, size_t n_rows)
{
        strbuf_addc(out, '{');
        add_member(out, "model_name", who->model);
        strbuf_addc(out, ',');
        add_member(out, "model_version", who->version);
        if (id)
                strbuf_addf(out, ",\"id\":%s", id);
        strbuf_adds(out, ",\"outputs\":[{");
        add_member(out, "name", who->output);
        if (who->n_outputs == 1)
                strbuf_addf(out, ",\"datatype\":\"FP32\",\"shape\":[%zu],\"data\":[", n_rows);
        else
                strbuf_addf(out, ",\"datatype\":\"FP32\",\"shape\":[%zu,%u],\"data\":[", n_rows, who->n_outputs);
}

int v2_reply_scores(struct strbuf *out, const struct v2_identity *who, const char *id, const float *scores, size_t n_rows,
                    struct err *e)
{
        size_t n = n_rows * who->n_outputs;
        char text[1 + FLOAT_TEXT_MAX] = ",";

        add_head(out, who, id, n_rows);
        for (size_t i = 0; i < n; i++) {
                if (!isfinite(scores[i]))
                        return err_set(e, ERR_INTERNAL, "the score of row %zu is not a finite number", i / who->n_outputs);
                size_t len = float_text(scores[i], text + 1);
                strbuf_add(out, i ? text : text + 1, i ? len + 1 : len);
        }
        strbuf_adds(out, "]}]}");
        return strbuf_ok(out) ? 0 : err_set(e, ERR_INVALID, "the answer would be over %zu bytes; send fewer rows", out->max);
}

static void add_tensor(struct strbuf *out, const char *name, const char *shape)
{
        strbuf_addc(out, '{');
        add_member(out, "name", name);
        strbuf_addf(out, ",\"datatype\":\"FP32\",\"shape\":%s}", shape);
}

void v2_reply_model(struct strbuf *out, const struct v2_identity *who, char *const *feature_names, uint32_t n_features)
{
        strbuf_addc(out, '{');
        add_member(out, "name", who->model);
        strbuf_adds(out, ",\"versions\":[");
        json_quote(out, who->version);
        strbuf_adds(out, "],\"platform\":\"xgboost\",\"inputs\":[");
        for (uint32_t i = 0; feature_names && i < n_features; i++) {
                if (i)
                        strbuf_addc(out, ',');
                add_tensor(out, feature_names[i], "[-1,1]");
        }
        if (!feature_names)
                strbuf_addf(out, "{\"name\":\"input\",\"datatype\":\"FP32\",\"shape\":[-1,%u]}", n_features);
        strbuf_adds(out, "],\"outputs\":[{");
        add_member(out, "name", who->output);
        strbuf_adds(out, ",\"datatype\":\"FP32\",\"shape\":[-1");
        if (who->n_outputs > 1)
                strbuf_addf(out, ",%u", who->n_outputs);
        strbuf_adds(out, "]}]}");
}

void v2_reply_server(struct strbuf *out)
{
        strbuf_adds(out, "{\"name\":\"sluice-scorer\",\"version\":\"" SLUICE_VERSION "\",\"extensions\":[]}");
}

void v2_reply_model_ready(struct strbuf *out, const char *model)
{
        strbuf_addc(out, '{');
        add_member(out, "name", model);
        strbuf_adds(out, ",\"ready\":true}");
}

void v2_reply_error(struct strbuf *out, const char *msg)
{
        strbuf_addc(out, '{');
        add_member(out, "error", msg);
        strbuf_addc(out, '}');
}
