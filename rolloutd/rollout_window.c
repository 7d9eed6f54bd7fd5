/* Releases kept to go back to, and which of them a rollback goes to. */
#include <stdio.h>
#include <string.h>

#include "lib/mem.h"
#include "rolloutd/rollout_private.h"

struct placed rollout_window_remove(struct rollout *r, int64_t version)
{
        struct placed found = { 0 };

        for (int i = 0; i < r->n_window; i++)
                if (r->window[i].version == version) {
                        found = r->window[i];
                        memmove(&r->window[i], &r->window[i + 1], (size_t) (--r->n_window - i) * sizeof *r->window);
                        break;
                }
        return found;
}

void rollout_window_push(struct rollout *r, struct placed p, int64_t now_ms)
{
        int most = r->policy->window_versions;

        if (p.version == 0 || most == 0)
                return;
        rollout_window_remove(r, p.version);
        if (r->n_window >= most)
                r->n_window = most - 1;
        r->window = xrealloc(r->window, (size_t) r->n_window + 1, sizeof *r->window);
        memmove(&r->window[1], &r->window[0], (size_t) r->n_window++ * sizeof *r->window);
        p.until_ms = now_ms + r->policy->rollback_window_ms;
        r->window[0] = p;
}

void rollout_recall(struct rollout *r, int64_t version, int64_t now_ms)
{
        struct placed p = { .version = version, .replicas = r->stable.replicas };

        if (r->followed.version == version) {
                memcpy(p.digest, r->followed.digest, sizeof p.digest);
                memcpy(p.build, r->followed.build, sizeof p.build);
        }
        rollout_window_push(r, p, now_ms);
}

static const struct placed *window_find(const struct rollout *r, int64_t version)
{
        for (int i = 0; i < r->n_window; i++)
                if (r->window[i].version == version)
                        return &r->window[i];
        return NULL;
}

/* Where a rollback at rest goes that names no version: 0 if nowhere. */
static int64_t window_previous(const struct rollout *r)
{
        for (int i = 0; i < r->n_window; i++)
                if (!r->window[i].left)
                        return r->window[i].version;
        return 0;
}

static int nothing_earlier(const struct rollout *r, struct err *e)
{
        char left[200] = "";
        size_t len = 0;

        if (r->n_window == 0)
                return err_set(e, ERR_CONFLICT, "%s has no earlier version running; start a rollout of the one you want",
                               r->target);
        for (int i = 0; i < r->n_window && len < sizeof left; i++)
                len += (size_t) snprintf(left + len, sizeof left - len, "%s%s", i ? " or " : "",
                                         release_text(r->window[i].version).text);
        return err_set(e, ERR_CONFLICT, "%s has no earlier version running but what was rolled back from; --to takes %s",
                       r->target, left);
}

/* Who says 7 means 7.1 when that is the only way in which 7 runs. */
static int64_t only_build_of(const struct rollout *r, int64_t to)
{
        int64_t found = release_version(r->stable.version) == to ? r->stable.version : 0;

        if (release_build(to) != 0 || r->stable.version == to || r->candidate.version == to || window_find(r, to))
                return to;
        for (int i = 0; i < r->n_window; i++) {
                if (release_version(r->window[i].version) != to)
                        continue;
                if (found)
                        return to;
                found = r->window[i].version;
        }
        return found ? found : to;
}

int rollout_back_to(const struct rollout *r, int64_t to, int64_t *version, struct err *e)
{
        bool rest = phase_is_at_rest(r->phase);

        if (r->stable.version == 0)
                return err_set(e, ERR_CONFLICT, "%s has no stable version to go back to", r->target);
        if (to == 0)
                to = rest ? window_previous(r) : r->stable.version;
        else
                to = only_build_of(r, to);
        if (to == 0)
                return nothing_earlier(r, e);
        *version = to;
        if (to == r->stable.version)
                return rest ? err_set(e, ERR_CONFLICT, "version %s of %s already has all the traffic", release_text(to).text,
                                      r->target)
                            : 0;
        if (window_find(r, to))
                return 0;
        if (to == r->candidate.version && !phase_is_under_way(r->phase))
                return err_set(e, ERR_CONFLICT, "version %s was rolled back: %s; ctl rollout start tries it again",
                               release_text(to).text, *r->rejected ? r->rejected : r->note);
        return err_set(e, ERR_CONFLICT, "version %s of %s does not run any more; start a rollout of it", release_text(to).text,
                       r->target);
}
