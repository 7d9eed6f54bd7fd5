/* Requests to scores: parse, score, reply. */
#include "scorer/v2.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "scorer/v2_parse.h"
#include "scorer/v2_reply.h"

int v2_open(struct v2 *v, const char *name, const char *version, const char *output, int64_t max_rows, struct model *model,
            struct err *e)
{
        *v = (struct v2){ .name = xstrdup(name),
                          .version = xstrdup(version),
                          .output = xstrdup(output),
                          .model = *model,
                          .max_rows = max_rows };
        *model = (struct model){ 0 };
        if (feature_index_init(&v->features, v->model.feature_names, v->model.n_features, e) == 0)
                return 0;
        v2_close(v);
        return err_wrap(e, "learner.feature_names");
}

void v2_close(struct v2 *v)
{
        feature_index_done(&v->features);
        model_done(&v->model);
        free(v->name);
        free(v->version);
        free(v->output);
        *v = (struct v2){ 0 };
}

int v2_check(const struct v2 *v, const char *name, const char *version, struct err *e)
{
        if (strcmp(name, v->name) != 0)
                return err_set(e, ERR_NOT_FOUND, "there is no model \"%.64s\" here; this scorer serves \"%s\"", name, v->name);
        if (version && strcmp(version, v->version) != 0)
                return err_set(e, ERR_NOT_FOUND, "version \"%.32s\" of \"%s\" is not here; this scorer serves version %s",
                               version, v->name, v->version);
        return 0;
}

static struct v2_identity identity(const struct v2 *v)
{
        return (struct v2_identity){ v->name, v->version, v->output, v->model.n_outputs };
}

int v2_infer(const struct v2 *v, const char *body, size_t len, struct strbuf *out, struct tally *seen, struct err *e)
{
        struct v2_schema schema = { &v->features, v->model.n_features, v->output, v->max_rows };
        struct v2_identity who = identity(v);
        struct v2_request rq;

        if (v2_parse(&schema, body, len, &rq, e))
                return -1;
        if (rq.n_rows * v->model.n_outputs > V2_ANSWER_MAX / sizeof "0.0") {
                v2_request_done(&rq);
                return err_set(e, ERR_INVALID, "the answer would be over %d bytes; send fewer rows", V2_ANSWER_MAX);
        }
        float *scores = xmalloc(rq.n_rows * v->model.n_outputs * sizeof *scores);
        model_score(&v->model, rq.rows, rq.n_rows, scores);
        if (seen)
                tally_rows(seen, &v->model, rq.rows, rq.n_rows, scores);
        int r = v2_reply_scores(out, &who, rq.id, scores, rq.n_rows, e);
        free(scores);
        v2_request_done(&rq);
        return r;
}

int v2_describe(const struct v2 *v, struct strbuf *out, struct err *e)
{
        struct v2_identity who = identity(v);

        v2_reply_model(out, &who, v->model.feature_names, v->model.n_features);
        return strbuf_ok(out) ? 0 : err_set(e, ERR_INTERNAL, "the names of the features are over %zu bytes", out->max);
}
