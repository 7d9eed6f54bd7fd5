/* Asking for the resource list of one group and version after another. */
#include "lib/kube_served.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"

struct kube_served {
        struct kube *kube;
        const struct kube_resource *candidates;
        size_t n, at;
        struct kube_flight *flight;
        kube_served_fn done;
        void *arg;
};

static void ask(struct kube_served *s);

static void end(struct kube_served *s, const struct kube_resource *best, const struct kube_failure *failure)
{
        s->done(s->arg, best, failure);
        free(s);
}

static bool lists(const json_t *doc, const char *plural)
{
        json_t *resource;
        size_t i;

        json_array_foreach (json_object_get(doc, "resources"), i, resource) {
                const char *name = json_string_value(json_object_get(resource, "name"));
                if (name && strcmp(name, plural) == 0)
                        return true;
        }
        return false;
}

static void on_answer(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_served *s = arg;

        s->flight = NULL;
        if (failure && failure->reason != KUBE_NOT_FOUND)
                end(s, NULL, failure);
        else if (object && lists(object, s->candidates[s->at].plural))
                end(s, &s->candidates[s->at], NULL);
        else if (++s->at == s->n)
                end(s, NULL, NULL);
        else
                ask(s);
}

static void ask(struct kube_served *s)
{
        const struct kube_resource *r = &s->candidates[s->at];
        AUTO(str) path = *r->group ? xasprintf("/apis/%s/%s", r->group, r->version) : xasprintf("/api/%s", r->version);

        s->flight = kube_start(s->kube, &(struct kube_call){ .verb = KUBE_LIST, .path = path }, on_answer, s);
}

struct kube_served *kube_served_start(struct kube *k, const struct kube_resource *candidates, size_t n, kube_served_fn done,
                                      void *arg)
{
        struct kube_served *s = xcalloc(1, sizeof *s);

        *s = (struct kube_served){ .kube = k, .candidates = candidates, .n = n, .done = done, .arg = arg };
        ask(s);
        return s;
}

void kube_served_cancel(struct kube_served *s)
{
        if (!s)
                return;
        if (s->flight)
                kube_cancel(s->kube, s->flight);
        free(s);
}
