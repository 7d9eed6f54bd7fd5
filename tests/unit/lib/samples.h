/* Series for tests of the sampler, written as rows of values. */
#pragma once

#include "lib/sampler.h"

enum { SCRAPE = 5000, NOW = 1000000 };

#define SAMPLER __attribute__((cleanup(sampler_done))) struct sampler

/* Scrapes end 1 s ago; values are oldest first, so the last one is the newest. */
#define SAMPLES(...)                                                                                                             \
        .samples = at((double[]){ __VA_ARGS__ }, sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)),                            \
        .n = sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)

static struct sample *at(const double *values, size_t n)
{
        static struct sample pool[4096];
        static size_t used;

        if (used + n > sizeof pool / sizeof *pool)
                used = 0;
        struct sample *s = &pool[used];
        used += n;
        for (size_t i = 0; i < n; i++)
                s[i] = (struct sample){ NOW - 1000 - (int64_t) (n - 1 - i) * SCRAPE, values[i] };
        return s;
}

#define UP(i, v, ...)                                                                                                            \
        {                                                                                                                        \
                .kind = SERIES_UP, .instance = i, .version = v, SAMPLES(__VA_ARGS__)                                             \
        }
#define OK(i, v, ...)                                                                                                            \
        {                                                                                                                        \
                .kind = SERIES_REQUESTS, .instance = i, .version = v, SAMPLES(__VA_ARGS__)                                       \
        }
#define BAD(i, v, ...)                                                                                                           \
        {                                                                                                                        \
                .kind = SERIES_REQUESTS, .instance = i, .version = v, .is_error = true, SAMPLES(__VA_ARGS__)                     \
        }
#define LE(i, v, le, ...)                                                                                                        \
        {                                                                                                                        \
                .kind = SERIES_BUCKET, .instance = i, .version = v, .le_s = le, SAMPLES(__VA_ARGS__)                             \
        }
#define READ(s, q, out, ...)                                                                                                     \
        do {                                                                                                                     \
                const struct series list_[] = { __VA_ARGS__ };                                                                   \
                sampler_read(s, q, list_, sizeof list_ / sizeof *list_, out);                                                    \
        } while (0)
