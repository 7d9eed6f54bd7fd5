/* The router's weights beside those asked for. */
#include <stdio.h>
#include <stdlib.h>

#include "rolloutd/target_private.h"

/* Nothing is nothing and all is all, whatever the router's tolerance. */
static bool same_bp(const struct target *t, int asked, int live)
{
        if (asked == 0 || asked == WEIGHT_ALL)
                return live == asked;
        return live > 0 && live < WEIGHT_ALL && abs(live - asked) <= t->env->platform->ops->weight_tolerance_bp;
}

bool target_has_weight(const struct target *t, int64_t version, int bp)
{
        const struct version_status *s = target_status(t, version);

        return same_bp(t, bp, s ? s->weight_bp : 0);
}

bool target_weights_stand(const struct target *t)
{
        struct weight w[2];
        int n = rollout_weights(&t->now, w);

        if (!t->world_known || !t->world.router_ok)
                return false;
        for (int i = 0; i < n; i++)
                if (!target_status(t, w[i].version))
                        return false;
        for (int i = 0; i < t->world.n_versions && n > 0; i++) {
                const struct version_status *s = &t->world.versions[i];

                if (!same_bp(t, weight_of(w, n, s->version), s->weight_bp))
                        return false;
        }
        return true;
}

void target_drift(const struct target *t, char *out, size_t size)
{
        struct weight w[2];
        int n = rollout_weights(&t->now, w);
        size_t len = 0;

        *out = '\0';
        for (int i = 0; i < t->world.n_versions && len < size; i++) {
                const struct version_status *s = &t->world.versions[i];
                int asked = weight_of(w, n, s->version);

                if (s->weight_bp < 0 || same_bp(t, asked, s->weight_bp))
                        continue;
                len += (size_t) snprintf(out + len, size - len, "%sversion %s had %.4g %% of the traffic instead of %.4g %%",
                                         len ? ", " : "", release_text(s->version).text, s->weight_bp / 100.0, asked / 100.0);
        }
        if (len && len < size)
                (void) snprintf(out + len, size - len, ": somebody else changed the router; it is put right");
}

bool target_weights_differ(const struct target *t)
{
        char what[ROLLOUT_WHY_LEN + 1];

        target_drift(t, what, sizeof what);
        return t->world_known && *what;
}
