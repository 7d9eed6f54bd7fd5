/* Reading golden rows, scoring them, comparing. */
#include "scorer/golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "scorer/float_text.h"
#include "scorer/scan.h"
#include "scorer/v2_parse.h"
#include "scorer/v2_tensor.h"

enum { INPUTS_DEPTH = 8 };

struct line {
        struct scan scan;
        const char *inputs; /* as it stands in the text */
        size_t inputs_len;
        struct v2_values want;
        int n_outputs; /* tensors */
        double tolerance;
};

static int scan_inputs(struct line *l)
{
        (void) scan_peek(&l->scan);
        l->inputs = l->scan.at;
        if (scan_skip(&l->scan, INPUTS_DEPTH))
                return -1;
        l->inputs_len = (size_t) (l->scan.at - l->inputs);
        return 0;
}

static int scan_outputs(struct line *l)
{
        struct v2_tensor tensor;
        bool begin = true;
        int r;

        if (scan_open(&l->scan, '[', "\"outputs\""))
                return -1;
        while ((r = scan_next(&l->scan, ']', &begin)) > 0) {
                if (l->n_outputs++ > 0)
                        return scan_fail(&l->scan, "there is one output, not more");
                if (v2_tensor_scan(&l->scan, &l->want, &tensor))
                        return -1;
        }
        return r;
}

static int scan_tolerance(struct line *l)
{
        (void) scan_peek(&l->scan);
        if (scan_number(&l->scan, &l->tolerance))
                return -1;
        return l->tolerance >= 0 && isfinite(l->tolerance) ? 0 : scan_fail(&l->scan, "\"tolerance\" is no positive number");
}

static const struct {
        const char *name;
        int (*scan)(struct line *l);
} members[] = {
        { "inputs", scan_inputs },
        { "outputs", scan_outputs },
        { "tolerance", scan_tolerance },
};

static int scan_line(struct line *l)
{
        enum { N = sizeof members / sizeof *members };
        bool begin = true, seen[N] = { false };
        struct scan_text key;
        int r, i;

        if (scan_open(&l->scan, '{', "a line"))
                return -1;
        while ((r = scan_next(&l->scan, '}', &begin)) > 0) {
                if (scan_key(&l->scan, &key))
                        return -1;
                for (i = 0; i < N && !scan_text_is(&key, members[i].name); i++)
                        ;
                if (i == N || seen[i])
                        return scan_fail(&l->scan, "\"%.*s\" %s", (int) (key.len < 64 ? key.len : 64), key.s,
                                         i < N ? "appears twice" : "is no member of a golden row");
                seen[i] = true;
                if (members[i].scan(l))
                        return -1;
        }
        if (r == 0 && (scan_peek(&l->scan) || l->scan.at < l->scan.end))
                return scan_fail(&l->scan, "more text after the object");
        if (r == 0 && (!l->inputs || l->n_outputs == 0))
                return scan_fail(&l->scan, "\"inputs\" or \"outputs\" is missing");
        return r;
}

static int compare(const struct v2 *v, const struct v2_request *rq, const struct line *l, struct err *e)
{
        uint32_t width = v->model.n_outputs;
        size_t n = rq->n_rows * width;
        char got_text[FLOAT_TEXT_MAX], want_text[FLOAT_TEXT_MAX];

        if (l->want.n != n)
                return err_set(e, ERR_INVALID, "%zu scores are given for %zu rows of %u", l->want.n, rq->n_rows, width);
        float *got = xmalloc(n * sizeof *got);
        model_score(&v->model, rq->rows, rq->n_rows, got);
        size_t i = 0;
        while (i < n && (got[i] == l->want.v[i] || fabs((double) got[i] - (double) l->want.v[i]) <= l->tolerance))
                i++;
        float differs = i < n ? got[i] : 0;
        free(got);
        if (i == n)
                return 0;
        if (!isfinite(differs) || !isfinite(l->want.v[i]))
                return err_set(e, ERR_INVALID, "row %zu: the score is no finite number, or has to be none", i / width + 1);
        (void) float_text(differs, got_text);
        (void) float_text(l->want.v[i], want_text);
        return err_set(e, ERR_INVALID, "row %zu: score %zu is %s and has to be %s, give or take %g", i / width + 1, i % width + 1,
                       got_text, want_text, l->tolerance);
}

static int check_line(const struct v2 *v, const char *text, size_t len, struct golden *out, struct err *e)
{
        struct v2_schema schema = { &v->features, v->model.n_features, v->output, v->max_rows };
        struct line l = { .scan = { text, text, text + len, e } };
        struct v2_request rq = { 0 };
        char *body = NULL;

        int r = scan_line(&l);
        if (r == 0) {
                body = xasprintf("{\"inputs\":%.*s}", (int) l.inputs_len, l.inputs);
                r = v2_parse(&schema, body, strlen(body), &rq, e) || compare(v, &rq, &l, e) ? -1 : 0;
        }
        out->n_rows += rq.n_rows;
        if (r == 0 && out->n_bodies < GOLDEN_BODIES_MAX)
                out->bodies[out->n_bodies++] = body;
        else
                free(body);
        v2_request_done(&rq);
        free(l.want.v);
        return r;
}

static bool is_blank(const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++)
                if (!strchr(" \t\r", text[i]))
                        return false;
        return true;
}

int golden_check(const struct v2 *v, const char *text, size_t len, struct golden *out, struct err *e)
{
        const char *end = text + len;
        size_t number = 1;

        *out = (struct golden){ 0 };
        for (const char *at = text; at < end; number++) {
                const char *stop = memchr(at, '\n', (size_t) (end - at));
                size_t n = (size_t) ((stop ? stop : end) - at);
                if (n > INT32_MAX || (!is_blank(at, n) && check_line(v, at, n, out, e))) {
                        golden_done(out);
                        return err_wrap(e, "golden rows, line %zu", number);
                }
                at += n + 1;
        }
        if (out->n_rows == 0)
                return err_set(e, ERR_INVALID, "golden rows: there are none");
        return 0;
}

void golden_done(struct golden *g)
{
        for (size_t i = 0; i < g->n_bodies; i++)
                free(g->bodies[i]);
        *g = (struct golden){ 0 };
}
