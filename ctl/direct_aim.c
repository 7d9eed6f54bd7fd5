/* The same choice as rolloutd's, from its published status. */
#include "ctl/direct_aim.h"

#include <string.h>

#include "ctl/output.h"
#include "lib/release.h"

enum { PORT_DEFAULT = 8000, REPLICAS_DEFAULT = 1 };

static const json_t *status_of(const json_t *rollout)
{
        return json_object_get(rollout, "status");
}

/* 0: none. */
static int64_t release_in(const json_t *doc)
{
        const char *text = json_str(doc, "release");
        int64_t release = 0;

        return text && release_parse(text, &release, NULL) == 0 ? release : 0;
}

static int64_t release_of(const json_t *status, const char *role)
{
        return release_in(json_object_get(status, role));
}

static bool is_one_of(const char *text, const char *const *list)
{
        for (; text && *list; list++)
                if (strcmp(text, *list) == 0)
                        return true;
        return false;
}

static int64_t newest_kept(const json_t *status)
{
        size_t i;
        json_t *row;

        json_array_foreach (json_object_get(status, "window"), i, row)
                if (!json_is_true(json_object_get(row, "left")))
                        return release_in(row);
        return 0;
}

static bool is_kept(const json_t *status, int64_t release)
{
        size_t i;
        json_t *row;

        json_array_foreach (json_object_get(status, "window"), i, row)
                if (release_in(row) == release)
                        return true;
        return false;
}

/* --- --to --- */

static int aim_at(const json_t *rollout, const char *to, struct direct_aim *out, struct err *e)
{
        const json_t *status = status_of(rollout);
        int64_t release;

        if (release_parse(to, &release, e) < 0)
                return -1;
        if (release == release_of(status, "candidate"))
                return err_set(e, ERR_CONFLICT, "release %s is the candidate: a rollback goes away from it", to);
        if (status && release != release_of(status, "stable") && !is_kept(status, release))
                return err_set(e, ERR_CONFLICT, "release %s is neither stable nor in the window of releases that are kept", to);
        out->release = release;
        out->reason = "as --to says";
        return 0;
}

/* --- without --- */

static int aim_back(const json_t *rollout, bool maybe_done, struct direct_aim *out, struct err *e)
{
        static const char *const under_way[] = { "Pending", "Canary", "Promoting", "RollingBack", NULL };
        static const char *const done[] = { "RolledBack", NULL };
        const json_t *status = status_of(rollout);
        const char *phase = json_str(status, "phase");
        int64_t stable = release_of(status, "stable");

        if (!status || !phase)
                return err_set(e, ERR_CONFLICT,
                               "the ModelRollout has no status, so it is not known what to go back to: say --to RELEASE");
        bool moving = is_one_of(phase, under_way);
        if (moving || (maybe_done && is_one_of(phase, done))) {
                out->release = stable;
                out->reason = moving ? "the stable release" : "where rolloutd has just rolled back to, or has been since";
        } else {
                out->release = newest_kept(status);
                out->reason = "the newest release that is kept";
        }
        if (!out->release)
                return err_set(e, ERR_CONFLICT, "there is no release to go back to in phase %s", phase);
        return 0;
}

/* --- the route --- */

static int read_adopted(const json_t *route, struct direct_aim *out, struct err *e)
{
        const json_t *backends = json_object_get(route, "backends");

        out->rule = json_str(route, "rule");
        for (size_t s = 0; s < KUBE_SLOTS; s++) {
                out->backends[s] = json_string_value(json_array_get(backends, s));
                if (!out->backends[s])
                        return err_set(e, ERR_INVALID, "spec.route.backends of the ModelRollout does not name two Services");
        }
        return 0;
}

static int read_spec(const json_t *rollout, struct direct_aim *out, struct err *e)
{
        const json_t *spec = json_object_get(rollout, "spec"), *route = json_object_get(spec, "route");
        const char *name = json_str(route, "name"), *mode = json_str(route, "mode");
        int64_t least = json_num(json_object_get(spec, "autoscaling"), "minReplicas", REPLICAS_DEFAULT);

        out->route = name ? name : json_str(json_object_get(rollout, "metadata"), "name");
        out->port = (int) json_num(route, "port", PORT_DEFAULT);
        out->replicas = (int) json_num(spec, "replicas", least);
        out->shape = route;
        out->adopted = mode && strcmp(mode, "Adopted") == 0;
        if (!out->route || !route)
                return err_set(e, ERR_INVALID, "the ModelRollout has no spec.route");
        return out->adopted ? read_adopted(route, out, e) : 0;
}

int direct_aim(const json_t *rollout, const char *to, bool maybe_done, struct direct_aim *out, struct err *e)
{
        *out = (struct direct_aim){ .release = 0 };
        if (read_spec(rollout, out, e))
                return -1;
        return to ? aim_at(rollout, to, out, e) : aim_back(rollout, maybe_done, out, e);
}
