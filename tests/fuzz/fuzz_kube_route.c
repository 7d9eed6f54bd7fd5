// with: lib/err.c lib/json.c lib/json_write.c lib/kube_route.c lib/kube_route_status.c lib/mem.c lib/names.c lib/release.c lib/strbuf.c lib/utf8.c
/* Routes as anybody may have written them: shares stay shares, and a patch touches weights only. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/kube_route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_shares(const struct kube_route_rule *r)
{
        int64_t sum = 0;
        int shares = 0;

        for (int i = 0; i < r->n; i++) {
                assert(r->refs[i].is.bp >= 0 && r->refs[i].is.bp <= KUBE_ROUTE_WHOLE);
                assert((r->refs[i].is.bp > 0) == (r->refs[i].weight > 0));
                sum += r->refs[i].weight;
                shares += r->refs[i].is.bp;
        }
        assert(sum == r->total);
        assert(shares == (sum ? KUBE_ROUTE_WHOLE : 0));
}

static void check_patch(const json_t *patch)
{
        size_t i;
        json_t *step;

        json_array_foreach (patch, i, step) {
                const char *op = json_string_value(json_object_get(step, "op"));
                const char *path = json_string_value(json_object_get(step, "path"));
                assert(strcmp(op, "test") == 0 || strcmp(path + strlen(path) - 7, "/weight") == 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const pair[] = { "a", "b" };
        char why[KUBE_ROUTE_WHY_MAX];
        struct kube_route_rule r;
        AUTO(json) route = NULL;
        AUTO(json) patch = NULL;

        if (json_parse("route", (const char *) data, size, &route, NULL))
                return 0;
        (void) kube_route_accepted(route, why);
        (void) kube_route_covers(route, route);
        if (kube_route_find_owned(route, "a", &r, NULL) == 0)
                check_shares(&r);
        if (kube_route_find_pair(route, size % 2 ? "a" : NULL, pair, &r, NULL))
                return 0;
        check_shares(&r);
        if (kube_route_patch(route, &r, (const int[]){ 9999, 1 }, size % 3, &patch, NULL) == 0 && patch)
                check_patch(patch);
        return 0;
}
