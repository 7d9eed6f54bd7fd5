/* Infer bodies: the members of a request, and which input is which feature. */
#include "scorer/v2_parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "scorer/scan.h"
#include "scorer/v2_tensor.h"

enum { ID_MAX = 1024, SKIP_DEPTH = 4 };

struct parser {
        struct scan scan;
        const struct v2_schema *schema;
        struct v2_values values;
        struct v2_tensor *inputs;
        size_t n_inputs, cap_inputs;
        char *id;
        struct err *e;
};

void v2_request_done(struct v2_request *rq)
{
        free(rq->rows);
        free(rq->id);
        *rq = (struct v2_request){ 0 };
}

static int scan_id(struct parser *p)
{
        struct scan_text text;

        if (scan_string(&p->scan, "\"id\"", &text))
                return -1;
        if (text.len > ID_MAX)
                return scan_fail(&p->scan, "id is longer than %d bytes", ID_MAX);
        p->id = xasprintf("\"%.*s\"", (int) text.len, text.s);
        return json_is_utf8(p->id) ? 0 : scan_fail(&p->scan, "id is not UTF-8");
}

static int scan_inputs(struct parser *p)
{
        bool begin = true;
        int r;

        if (scan_open(&p->scan, '[', "\"inputs\""))
                return -1;
        while ((r = scan_next(&p->scan, ']', &begin)) > 0) {
                if (p->n_inputs == p->cap_inputs) {
                        p->cap_inputs = p->cap_inputs ? p->cap_inputs * 2 : 32;
                        p->inputs = xrealloc(p->inputs, p->cap_inputs, sizeof *p->inputs);
                }
                if (v2_tensor_scan(&p->scan, &p->values, &p->inputs[p->n_inputs]))
                        return -1;
                p->n_inputs++;
        }
        return r;
}

static int scan_output(struct parser *p)
{
        struct scan_text key, name = { 0 };
        bool begin = true;
        int r;

        if (scan_open(&p->scan, '{', "an output"))
                return -1;
        while ((r = scan_next(&p->scan, '}', &begin)) > 0) {
                if (scan_key(&p->scan, &key))
                        return -1;
                if (!scan_text_is(&key, "name") && !scan_text_is(&key, "parameters"))
                        return scan_fail(&p->scan, "\"%.*s\" is no member of an output", (int) (key.len < 64 ? key.len : 64),
                                         key.s);
                if (scan_text_is(&key, "name") ? scan_string(&p->scan, "an output's \"name\"", &name)
                                               : scan_skip(&p->scan, SKIP_DEPTH))
                        return -1;
        }
        if (r)
                return r;
        if (!name.s)
                return scan_fail(&p->scan, "an output has no name");
        if (!scan_text_is(&name, p->schema->output))
                return scan_fail(&p->scan, "output \"%.*s\" is unknown; there is \"%s\"", (int) (name.len < 64 ? name.len : 64),
                                 name.s, p->schema->output);
        return 0;
}

static int scan_outputs(struct parser *p)
{
        bool begin = true;
        int r;

        if (scan_open(&p->scan, '[', "\"outputs\""))
                return -1;
        while ((r = scan_next(&p->scan, ']', &begin)) > 0)
                if (scan_output(p))
                        return -1;
        return r;
}

static int skip_parameters(struct parser *p)
{
        return scan_peek(&p->scan) == '{' ? scan_skip(&p->scan, SKIP_DEPTH) : scan_fail(&p->scan, "\"parameters\" is no object");
}

static const struct {
        const char *name;
        int (*scan)(struct parser *p);
} members[] = {
        { "inputs", scan_inputs },
        { "id", scan_id },
        { "parameters", skip_parameters },
        { "outputs", scan_outputs },
};

static int scan_body(struct parser *p)
{
        enum { N = sizeof members / sizeof *members };
        bool begin = true, seen[N] = { false };
        struct scan_text key;
        int r, i;

        if (scan_peek(&p->scan) != '{')
                return scan_fail(&p->scan, "the body has to be a JSON object");
        p->scan.at++;
        while ((r = scan_next(&p->scan, '}', &begin)) > 0) {
                if (scan_key(&p->scan, &key))
                        return -1;
                for (i = 0; i < N && !scan_text_is(&key, members[i].name); i++)
                        ;
                if (i == N || seen[i])
                        return scan_fail(&p->scan, "\"%.*s\" %s", (int) (key.len < 64 ? key.len : 64), key.s,
                                         i < N ? "appears twice" : "is no member of a request");
                seen[i] = true;
                if (members[i].scan(p))
                        return -1;
        }
        if (r == 0 && (scan_peek(&p->scan) || p->scan.at < p->scan.end))
                return scan_fail(&p->scan, "more text after the body");
        if (r == 0 && p->n_inputs == 0)
                return err_set(p->e, ERR_INVALID, "the request has no inputs");
        return r;
}

static int64_t columns_of(const struct v2_tensor *t)
{
        return t->rank == 2 ? t->shape[1] : 1;
}

static int64_t column_of(const struct parser *p, const struct v2_tensor *t, uint32_t hint)
{
        if (!t->name.escaped)
                return feature_index_find(p->schema->features, t->name.s, t->name.len, hint);
        char *name = scan_text_copy(&t->name);
        int64_t column = feature_index_find(p->schema->features, name, strlen(name), hint);
        free(name);
        return column;
}

/* The only input is the matrix unless it is one column of a model that has more and knows it by name. */
static bool is_matrix(const struct parser *p)
{
        const struct v2_tensor *t = &p->inputs[0];

        if (p->n_inputs != 1)
                return false;
        return p->schema->n_features == 1 || columns_of(t) > 1 || column_of(p, t, 0) < 0;
}

static int take_matrix(struct parser *p, struct v2_request *rq)
{
        const struct v2_tensor *t = &p->inputs[0];
        uint32_t n = p->schema->n_features;

        if (t->rank == 1 && n > 1)
                return err_set(p->e, ERR_INVALID, "the input has shape [%" PRId64 "]; expected [rows, %u]", t->shape[0], n);
        if (columns_of(t) != n)
                return err_set(p->e, ERR_INVALID, "expected %u columns, got %" PRId64, n, columns_of(t));
        rq->rows = p->values.v;
        p->values.v = NULL;
        return 0;
}

/* Which input holds each column, into inputs[]; -1 where a column has none. */
static int match_names(struct parser *p, int64_t *inputs)
{
        uint32_t hint = 0;

        for (uint32_t i = 0; i < p->schema->n_features; i++)
                inputs[i] = -1;
        for (size_t i = 0; i < p->n_inputs; i++) {
                const struct v2_tensor *t = &p->inputs[i];
                int64_t column = column_of(p, t, hint);
                int shown = (int) (t->name.len < 100 ? t->name.len : 100);
                if (column < 0)
                        return err_set(p->e, ERR_INVALID, "unexpected input \"%.*s\"", shown, t->name.s);
                if (inputs[column] >= 0)
                        return err_set(p->e, ERR_INVALID, "input \"%.*s\" appears twice", shown, t->name.s);
                if (columns_of(t) != 1)
                        return err_set(p->e, ERR_INVALID, "input \"%.*s\" has %" PRId64 " columns, it has to have one", shown,
                                       t->name.s, columns_of(t));
                if (t->shape[0] != p->inputs[0].shape[0])
                        return err_set(p->e, ERR_INVALID, "input \"%.*s\" has %" PRId64 " rows, the first input has %" PRId64,
                                       shown, t->name.s, t->shape[0], p->inputs[0].shape[0]);
                inputs[column] = (int64_t) i;
                hint = (uint32_t) column + 1;
        }
        return 0;
}

static int take_named(struct parser *p, struct v2_request *rq, int64_t *inputs)
{
        uint32_t n = p->schema->n_features;

        if (match_names(p, inputs))
                return -1;
        for (uint32_t i = 0; i < n; i++)
                if (inputs[i] < 0)
                        return err_set(p->e, ERR_INVALID, "missing input \"%.100s\"", p->schema->features->names[i]);
        rq->rows = xmalloc(rq->n_rows * n * sizeof *rq->rows); /* as many values as were in the body */
        for (uint32_t i = 0; i < n; i++) {
                const float *column = p->values.v + p->inputs[inputs[i]].first;
                for (size_t r = 0; r < rq->n_rows; r++)
                        rq->rows[r * n + i] = column[r];
        }
        return 0;
}

static int take_rows(struct parser *p, struct v2_request *rq)
{
        int64_t n_rows = p->inputs[0].shape[0];

        if (n_rows > p->schema->max_rows)
                return err_set(p->e, ERR_INVALID, "the request has %" PRId64 " rows, at most %" PRId64 " are taken", n_rows,
                               p->schema->max_rows);
        rq->n_rows = (size_t) n_rows;
        if (is_matrix(p))
                return take_matrix(p, rq);
        if (!p->schema->features->names)
                return err_set(p->e, ERR_INVALID, "the model has no feature names: one input of shape [rows, %u] is expected",
                               p->schema->n_features);
        int64_t *inputs = xmalloc(p->schema->n_features * sizeof *inputs);
        int r = take_named(p, rq, inputs);
        free(inputs);
        return r;
}

int v2_parse(const struct v2_schema *schema, const char *body, size_t len, struct v2_request *rq, struct err *e)
{
        struct parser p = { .scan = { body, body, body + len, e }, .schema = schema, .e = e };

        *rq = (struct v2_request){ 0 };
        int r = scan_body(&p) || take_rows(&p, rq) ? -1 : 0;
        if (r == 0)
                rq->id = p.id;
        else
                free(p.id);
        free(p.values.v);
        free(p.inputs);
        if (r)
                v2_request_done(rq);
        return r;
}
