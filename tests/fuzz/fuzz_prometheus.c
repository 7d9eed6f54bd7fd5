// with: lib/prometheus_parse.c lib/sampler.c lib/err.c lib/json.c lib/mem.c lib/names.c lib/release.c lib/strbuf.c lib/utf8.c
/* Prometheus's answers: whatever the bytes, series that the sampler can count, values on a grid, a finite number, or an error. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/prometheus_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct sampler_question q = { .version = { 1, 2 },
                                            .expected = { 1, 1 },
                                            .objective_ms = 50,
                                            .range_from_ms = -100000,
                                            .server_ms = 3000,
                                            .local_ms = 3000,
                                            .scrape_ms = 1000 };
        struct series_list list;
        struct sampler sampler = { 0 };
        struct reading reading;
        int64_t at_ms;
        double value;

        if (prometheus_parse_series((const char *) data, size, &list, NULL) == 0) {
                sampler_read(&sampler, &q, list.series, list.n, &reading);
                assert(reading.all[ARM_CANDIDATE].requests >= 0 && reading.all[ARM_CANDIDATE].slow >= 0);
                series_list_done(&list);
                sampler_done(&sampler);
        }
        if (prometheus_parse_number((const char *) data, size, &value, &at_ms, NULL) == 0)
                assert(isfinite(value));
        double values[10] = { 0 };

        if (prometheus_parse_range((const char *) data, size, 1000, 500, 10, values, NULL) == 0)
                for (int i = 0; i < 10; i++)
                        assert(!isinf(values[i]));
        return 0;
}
