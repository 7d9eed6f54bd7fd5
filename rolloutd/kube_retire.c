/* A release ends: nothing of it goes while it has weight, and its ControllerRevision, which says what there is, goes last. */
#include <stddef.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_work.h"

static char *route_name(const struct kube_work *w)
{
        return xstrdup(w->t->spec->route.name);
}

static bool has_no_routes(const struct kube_work *w)
{
        return !w->k->kinds.routes.plural || !w->t->spec->route.name;
}

/* Read afresh, since what the watch has told may be old. */
static int weight(void *work, json_t *found, json_t **body, struct err *e)
{
        const struct kube_work *w = work;
        const struct kube_route *route = &w->t->route;

        (void) body;
        kube_router_seen(w->k, w->t, found);
        if (w->t->routing)
                return err_set(e, ERR_CONFLICT, "weights are being shifted");
        for (int i = 0; i < route->n_backends; i++)
                if (route->backends[i].version == w->version && route->backends[i].weight_bp > 0)
                        return err_set(e, ERR_CONFLICT, "release %s still has %g %% of the traffic",
                                       release_text(w->version).text, route->backends[i].weight_bp / 100.0);
        return KUBE_LEAVE;
}

static int read_revision(void *work, json_t *found, json_t **body, struct err *e)
{
        (void) body;
        if (found && kube_work_adopt(work, json_object_get(found, "data"), e))
                return -1;
        return KUBE_LEAVE;
}

static int take_away(void *work, json_t *found, json_t **body, struct err *e)
{
        (void) work, (void) body, (void) e;
        return found && kube_make_stands(found, NULL) == 0 ? KUBE_REMOVE : KUBE_LEAVE;
}

static int preview(void *work, json_t *found, json_t **body, struct err *e)
{
        return found && kube_work_selects(work, found) ? take_away(work, found, body, e) : KUBE_LEAVE;
}

static bool is_not_served(const struct kube_work *w)
{
        return !w->k->kinds.autoscalers.plural;
}

/* What is left of the rest is on its way out. */
static int end(void *work, json_t *found, json_t **body, struct err *e)
{
        const struct kube_work *w = work;
        struct kube_release *r = kube_release_of(w->t, w->version, false);

        if (r)
                r->retired = true;
        return take_away(work, found, body, e);
}

#define KIND(name) offsetof(struct kube_kinds, name)

const struct kube_stage kube_retire_stages[] = {
        { .kind = KIND(routes), .name = route_name, .skip = has_no_routes, .foreign = true, .decide = weight },
        { .kind = KIND(revisions), .decide = read_revision },
        { .kind = KIND(autoscalers), .skip = is_not_served, .decide = take_away },
        { .kind = KIND(deployments), .decide = take_away },
        { .kind = KIND(budgets), .decide = take_away },
        { .kind = KIND(services), .decide = take_away },
        { .kind = KIND(services), .name = kube_work_preview, .decide = preview },
        { .each = true, .name = kube_work_copy, .decide = take_away },
        { .kind = KIND(revisions), .decide = end },
};
const int kube_retire_n_stages = sizeof kube_retire_stages / sizeof *kube_retire_stages;

const struct kube_stage kube_unpreview_stages[] = {
        { .kind = KIND(services), .name = kube_work_preview, .decide = preview },
};
const int kube_unpreview_n_stages = sizeof kube_unpreview_stages / sizeof *kube_unpreview_stages;
