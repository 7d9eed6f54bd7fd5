// with: rolloutd/kube_scale.c rolloutd/kube_spec.c rolloutd/kube_spec_route.c lib/err.c lib/json.c lib/json_write.c lib/kube_meta.c lib/mem.c lib/names.c lib/release.c lib/sha256.c lib/strbuf.c lib/utf8.c
/* ModelRollouts of anybody's making: a sentence or a sound spec, nothing beyond its limits, and nothing leaked. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "rolloutd/kube_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_steps(const struct desire *d)
{
        assert(d->n_steps >= 0 && d->n_steps <= POLICY_STEPS_MAX);
        for (int i = 0; i < d->n_steps; i++) {
                assert(d->steps[i].weight_bp >= 0 && d->steps[i].weight_bp <= WEIGHT_ALL && d->steps[i].hold_ms >= 0);
                assert(i == 0 || d->steps[i].weight_bp > d->steps[i - 1].weight_bp);
        }
        assert(d->n_steps == 0 || d->steps[d->n_steps - 1].weight_bp == WEIGHT_ALL);
}

static void check_sound(const struct kube_spec *s, const struct desire *d)
{
        assert(s->ref && s->route.name && name_check("model", d->model, NULL) == 0);
        assert(d->replicas >= 1 && d->surge_percent >= 0 && d->surge_percent <= 100);
        assert(s->route.port >= 1 && s->route.port <= 65535);
        assert(s->route.mode == KUBE_ROUTE_OWNED ? s->route.owned != NULL : s->route.backends[0] && s->route.backends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        AUTO(json) doc = json_loadb((const char *) data, size, JSON_ALLOW_NUL, NULL);
        struct kube_spec *s = kube_spec_new(doc);
        struct desire d;

        kube_spec_desire(s, "default.x", &d);
        assert(json_is_utf8(d.invalid) && json_is_utf8(d.mark.actor));
        check_steps(&d);
        if (!s->invalid)
                check_sound(s, &d);
        kube_spec_free(s);
        return 0;
}
