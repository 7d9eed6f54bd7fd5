/* What the controller is told about a target. */
#include <stdio.h>
#include <string.h>

#include <utlist.h>

#include "rolloutd/local_route.h"

static struct version_status *entry(struct world *w, int64_t version)
{
        for (int i = 0; i < w->n_versions; i++)
                if (w->versions[i].version == version)
                        return &w->versions[i];
        if (w->n_versions == WORLD_VERSIONS_MAX)
                return NULL;
        w->versions[w->n_versions] = (struct version_status){ .version = version, .weight_bp = -1 };
        return &w->versions[w->n_versions++];
}

static void say(struct version_status *v, const char *text)
{
        if (!*v->message)
                (void) snprintf(v->message, sizeof v->message, "%s", text);
}

/* Ready is what HAProxy would send a request to. */
static void add_ready(const struct local_target *t, const struct local_slot *slot, struct version_status *v)
{
        if (!t->known || (slot->enabled && slot->up))
                v->ready++;
        else
                say(v, slot->enabled ? "HAProxy's health check finds it down" : "HAProxy is being told that it is ready");
}

static void add_replica(const struct local_target *t, const struct local_replica *p, struct version_status *v)
{
        if (p->retiring)
                return;
        v->wanted++;
        if (p->failed && !v->failed) { /* outdoes whatever the others say */
                v->failed = true;
                *v->message = '\0';
        }
        if (*p->message && (p->failed || !v->failed))
                say(v, p->message);
        if (p->ready)
                add_ready(t, &t->actual[p->slot], v);
}

/* Weight by weight as HAProxy has it; what its slots weigh together counts, in maintenance or not. */
static void add_weights(const struct local_router *r, const struct local_target *t, struct world *w)
{
        struct local_shares live;

        local_target_live(r, t, &live);
        for (int i = 0; i < w->n_versions; i++)
                w->versions[i].weight_bp = local_shares_of(&live, w->versions[i].version);
}

static void tell_leavers(struct world *w)
{
        for (int i = 0; i < w->n_versions; i++)
                if (!w->versions[i].wanted)
                        say(&w->versions[i], w->versions[i].weight_bp > 0 ? "does not run, but has weight" : "draining");
}

/* A version with weight of which nothing is ready gets no requests: the others do. */
static void tell_takeover(struct world *w)
{
        for (int i = 0; i < w->n_versions; i++) {
                struct version_status *v = &w->versions[i];
                size_t used = strlen(v->message);
                if (v->weight_bp > 0 && v->weight_bp < WEIGHT_ALL && v->ready == 0 && v->wanted)
                        (void) snprintf(v->message + used, sizeof v->message - used, "%sthe others take its traffic",
                                        used ? "; " : "");
        }
}

void local_world_fill(const struct local_router *r, const struct local_target *t, struct world *out)
{
        const struct local_replica *p;

        bool known = t->known || !local_target_matters(r, t); /* of what does not run there is nothing to know */
        *out = (struct world){ .router_ok = r->haproxy->state == LOCAL_HAPROXY_UP && known && !t->trouble.kind };
        DL_FOREACH(r->processes->head, p)
        {
                struct version_status *v = strcmp(p->target, t->name) ? NULL : entry(out, p->version);
                if (v)
                        add_replica(t, p, v);
        }
        for (int i = 0; i < t->asked.n; i++)
                (void) entry(out, t->asked.w[i].version);
        if (out->router_ok) {
                add_weights(r, t, out);
                tell_takeover(out);
        }
        tell_leavers(out);
        const char *why = *r->haproxy->message ? r->haproxy->message : t->trouble.msg;
        if (!out->router_ok && !*why)
                why = "HAProxy is being started";
        (void) snprintf(out->router_message, sizeof out->router_message, "%.250s", why);
}
