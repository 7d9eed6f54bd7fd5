/* Answers of the Open Inference Protocol V2 as JSON text. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/strbuf.h"

/* What a reply says about the model. */
struct v2_identity {
        const char *model, *version, *output;
        uint32_t n_outputs; /* per row */
};

/* The scores of n_rows rows; `id` is JSON text or NULL. INTERNAL when one of them is not finite, which JSON cannot say. */
int v2_reply_scores(struct strbuf *out, const struct v2_identity *who, const char *id, const float *scores, size_t n_rows,
                    struct err *e);

/* GET /v2/models/{m}. feature_names is NULL when the model has none. */
void v2_reply_model(struct strbuf *out, const struct v2_identity *who, char *const *feature_names, uint32_t n_features);
void v2_reply_server(struct strbuf *out);                         /* GET /v2 */
void v2_reply_model_ready(struct strbuf *out, const char *model); /* GET /v2/models/{m}/ready */
void v2_reply_error(struct strbuf *out, const char *msg);         /* {"error": msg} */
