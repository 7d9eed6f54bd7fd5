/* Services of a ModelRollout that are of no one release: the slots of an adopted route, and NAME-preview. */
#include <stdio.h>
#include <string.h>

#include "rolloutd/kube_private.h"
#include "rolloutd/kube_slots.h"

static bool is_preview(const struct kube_target *t, const char *name)
{
        size_t len = strlen(t->name);

        return strncmp(name, t->name, len) == 0 && strcmp(name + len, "-preview") == 0;
}

static int slot_of(const struct kube_target *t, const char *name)
{
        if (t->spec->route.mode == KUBE_ROUTE_ADOPTED)
                for (int s = 0; s < KUBE_SLOTS; s++)
                        if (t->spec->route.backends[s] && strcmp(t->spec->route.backends[s], name) == 0)
                                return s;
        return -1;
}

/* Whose a Service that is no more was: its name is all that is known. */
static struct kube_target *whose_was(const struct kube_platform *k, const char *namespace_, const char *name)
{
        for (struct kube_target *t = k->targets; t; t = t->hh.next)
                if (strcmp(t->namespace_, namespace_) == 0 && (is_preview(t, name) || slot_of(t, name) >= 0))
                        return t;
        return NULL;
}

static struct kube_target *whose(const struct kube_platform *k, const json_t *object)
{
        const json_t *labels = json_object_get(json_object_get(object, "metadata"), "labels");
        const char *rollout = json_string_value(json_object_get(labels, KUBE_LABEL_ROLLOUT));
        const char *namespace_ = kube_meta(object, "namespace");

        return rollout ? kube_find_named(k, namespace_, rollout) : whose_was(k, namespace_, kube_meta(object, "name"));
}

/* It may be left from a rollout that ended while another one led. */
static void see_preview(struct kube_platform *k, struct kube_target *t, const json_t *service)
{
        int64_t release;

        if (kube_slot_release(t, service, &release, NULL))
                return;
        t->previewed = release;
        if (t->told)
                kube_workload_preview(k, t, t->candidate);
}

void kube_index_service(void *arg, enum kube_change change, const json_t *object)
{
        struct kube_platform *k = arg;
        const char *name = kube_meta(object, "name");
        struct kube_target *t = whose(k, object);
        const json_t *service = change == KUBE_DELETED ? NULL : object;
        int slot = t ? slot_of(t, name) : -1;

        if (slot >= 0)
                kube_router_slot_seen(k, t, slot, service);
        else if (t && is_preview(t, name))
                see_preview(k, t, service);
}
