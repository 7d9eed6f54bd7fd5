/* Following the continue token. */
#include "lib/kube_list.h"

#include <stdlib.h>

#include "lib/auto.h"
#include "lib/mem.h"

enum {
        PAGE_MAX_BYTES = 32 << 20,
        PAGE_TIMEOUT_MS = 30000,
        PAGE_LEAST = 4, /* objects; smaller ones than that do not help */
};

struct kube_list {
        struct kube *kube;
        struct kube_list_call call;
        struct kube_flight *flight;
        char *next; /* escaped continue token; NULL: the first page */
        int limit;
};

static void ask(struct kube_list *l);

static void free_list(struct kube_list *l)
{
        free(l->next);
        free(l);
}

static void end(struct kube_list *l, const char *resource_version, const struct kube_failure *failure)
{
        l->call.done(l->call.arg, resource_version, failure);
        free_list(l);
        mem_trim();
}

static void on_page(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_list *l = arg;

        l->flight = NULL;
        if (failure && failure->err.kind == ERR_TOO_LARGE && l->limit > PAGE_LEAST) {
                l->limit /= 8;
                ask(l);
                return;
        }
        if (failure) {
                end(l, NULL, failure);
                return;
        }
        json_t *items = json_object_get(object, "items");
        if (json_is_array(items) && json_array_size(items))
                l->call.page(l->call.arg, items);
        const char *next = kube_meta(object, "continue");
        if (!*next) {
                end(l, kube_meta(object, "resourceVersion"), NULL);
                return;
        }
        free(l->next);
        l->next = http_escape(next);
        ask(l);
}

static void ask(struct kube_list *l)
{
        AUTO(str)
        query = xasprintf("limit=%d%s%s%s%s", l->limit, l->next ? "&continue=" : "", l->next ? l->next : "",
                          l->call.selector ? "&" : "", l->call.selector ? l->call.selector : "");
        struct kube_call call = { .verb = KUBE_LIST,
                                  .lane = l->call.lane,
                                  .resource = l->call.resource,
                                  .namespace_ = l->call.namespace_,
                                  .query = query,
                                  .timeout_ms = PAGE_TIMEOUT_MS,
                                  .max_body = PAGE_MAX_BYTES };

        l->flight = kube_start(l->kube, &call, on_page, l);
}

struct kube_list *kube_list_start(struct kube *k, const struct kube_list_call *call)
{
        struct kube_list *l = xcalloc(1, sizeof *l);

        l->kube = k;
        l->call = *call;
        l->limit = KUBE_LIST_PAGE;
        ask(l);
        return l;
}

void kube_list_cancel(struct kube_list *l)
{
        if (!l)
                return;
        if (l->flight)
                kube_cancel(l->kube, l->flight);
        free_list(l);
}
