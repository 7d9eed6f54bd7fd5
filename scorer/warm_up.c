/* Batches of requests, until two in a row are alike. */
#include "scorer/warm_up.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "scorer/float_text.h"

enum {
        BATCH_MAX = 256,
        BATCH_MIN = 32,
        BATCH_MS = 500,
        SLACK_US = 50,
        SLACK_PERCENT = 20,
        MADE_UP_MAX = 16,
        VALUES_MAX = 1 << 16
};

bool warm_up_settled(int64_t before_us, int64_t now_us)
{
        int64_t off = llabs(now_us - before_us);

        return off <= SLACK_US || off * 100 <= before_us * SLACK_PERCENT;
}

static int ascending(const void *a, const void *b)
{
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

        return (x > y) - (x < y);
}

int64_t warm_up_p99(int64_t *us, size_t n)
{
        qsort(us, n, sizeof *us, ascending);
        return us[n - 1 - n / 100];
}

/* Values of many sizes and both signs, so that different requests take different ways through the trees. */
static char *made_up(const struct v2 *v, int number)
{
        size_t max = 128 + (size_t) v->model.n_features * (FLOAT_TEXT_MAX + 1);
        struct strbuf b;
        char text[FLOAT_TEXT_MAX];

        strbuf_init(&b, max);
        strbuf_addf(&b, "{\"inputs\":[{\"name\":\"warm-up\",\"shape\":[1,%u],\"datatype\":\"FP32\",\"data\":[",
                    v->model.n_features);
        for (uint32_t i = 0; i < v->model.n_features; i++) {
                (void) float_text(ldexpf((i + (unsigned) number) % 2 ? 1.0f : -1.0f, number % 24 - 4), text);
                strbuf_addf(&b, "%s%s", i ? "," : "", text);
        }
        strbuf_adds(&b, "]}]}");
        return strbuf_take(&b);
}

static void make_up(const struct v2 *v, struct golden *out)
{
        uint32_t n = VALUES_MAX / v->model.n_features;

        *out = (struct golden){ .n_bodies = n > MADE_UP_MAX ? MADE_UP_MAX : n > 0 ? n : 1 };
        for (size_t i = 0; i < out->n_bodies; i++)
                out->bodies[i] = made_up(v, (int) i);
}

/* The p99 of one batch; -1 when it was broken off. */
static int64_t batch(const struct v2 *v, const struct golden *g, int64_t until_ms, const atomic_bool *cancel, uint64_t *requests)
{
        int64_t us[BATCH_MAX], begun_ms = clock_ms();
        size_t n = 0;

        while (n < BATCH_MAX && (n < BATCH_MIN || clock_ms() - begun_ms < BATCH_MS)) {
                if (clock_ms() >= until_ms || atomic_load(cancel))
                        return -1;
                const char *body = g->bodies[*requests % g->n_bodies];
                struct err e = { 0 };
                AUTO_STRBUF answer;
                strbuf_init(&answer, V2_ANSWER_MAX);
                int64_t from_us = clock_us();
                (void) v2_infer(v, body, strlen(body), &answer, NULL, &e);
                us[n++] = clock_us() - from_us;
                ++*requests;
        }
        return warm_up_p99(us, n);
}

void warm_up(const struct v2 *v, const struct golden *g, int64_t max_ms, const atomic_bool *cancel, struct warm_up *out)
{
        int64_t begun_ms = clock_ms(), before_us = -1, now_us;
        struct golden mine = { 0 };

        *out = (struct warm_up){ 0 };
        if (max_ms == 0)
                return;
        if (g->n_bodies == 0)
                make_up(v, &mine);
        while (!out->settled && (now_us = batch(v, mine.n_bodies ? &mine : g, begun_ms + max_ms, cancel, &out->requests)) >= 0) {
                out->settled = before_us >= 0 && warm_up_settled(before_us, now_us);
                out->p99_us = before_us = now_us;
        }
        golden_done(&mine);
        out->took_ms = clock_ms() - begun_ms;
}
