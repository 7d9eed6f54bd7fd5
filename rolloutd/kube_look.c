/*
 * The pods of releases that are not ready, read now and then: what holds them up is written nowhere else. Often at first, seldom when they
 * go on saying the same; a few at a time.
 */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_pods.h"
#include "rolloutd/kube_private.h"

enum {
        SCAN_MS = 1000,        /* how often all releases are gone through */
        FIRST_MS = 3000,       /* pods take a moment */
        LAST_MS = 60000,       /* that often while nothing changes */
        GLANCES_MAX = 8,       /* at once */
        IMAGE_GRACE_MS = 60000 /* an image that cannot be had for so long is not there */
};

struct kube_glance {
        struct kube_glance *prev, *next;
        struct kube_platform *k;
        struct kube_target *t;
        int64_t version, now_ms;
        struct kube_flight *flight;
};

static void forget(struct kube_release *r)
{
        free(TAKE(r->pods_message));
        r->pods_failed = false;
        r->look_at_ms = r->bad_image_ms = 0;
        r->look_wait_ms = 0;
}

static bool says_the_same(const struct kube_release *r, const char *message)
{
        return strcmp(r->pods_message ? r->pods_message : "", message) == 0;
}

/* Pods are ready and nobody reaches them: their Service is not there, and deploying once more makes it. */
static bool is_cut_off(const struct kube_release *r, const struct kube_trouble *trouble)
{
        return trouble->n_ready > 0 && kube_release_ready(r) == 0 && r->look_wait_ms > FIRST_MS;
}

static void take_in(struct kube_release *r, const struct kube_trouble *trouble, int64_t now_ms)
{
        bool same = says_the_same(r, trouble->message);

        if (is_cut_off(r, trouble))
                r->floor = -1;

        if (!trouble->bad_image)
                r->bad_image_ms = 0;
        else if (r->bad_image_ms == 0)
                r->bad_image_ms = now_ms;
        r->pods_failed = trouble->failed || (r->bad_image_ms && now_ms - r->bad_image_ms >= IMAGE_GRACE_MS);
        if (!same) {
                free(r->pods_message);
                r->pods_message = *trouble->message ? xstrdup(trouble->message) : NULL;
        }
        r->look_wait_ms = same && r->look_wait_ms < LAST_MS / 2 ? r->look_wait_ms * 2 : same ? LAST_MS : FIRST_MS;
        r->look_at_ms = now_ms + r->look_wait_ms;
}

static void on_pods(void *arg, json_t *list, const struct kube_failure *failure)
{
        struct kube_glance *g = arg;
        struct kube_release *r = kube_release_of(g->t, g->version, false);
        struct kube_trouble trouble;

        if (r && !failure) {
                kube_pods_trouble(list, &trouble);
                take_in(r, &trouble, g->now_ms);
        } else if (r) {
                r->look_at_ms = g->now_ms + r->look_wait_ms;
        }
        DL_DELETE(g->k->glances, g);
        free(g);
}

static void glance(struct kube_platform *k, struct kube_target *t, struct kube_release *r, int64_t now_ms)
{
        struct kube_glance *g = xcalloc(1, sizeof *g);
        AUTO(str)
        query = xasprintf("limit=50&labelSelector=sluice.dev%%2Frollout%%3D%s%%2Csluice.dev%%2Frelease%%3D%s", t->name,
                          release_text(r->version).text);
        struct kube_call c = { .verb = KUBE_LIST, .resource = &k->kinds.pods, .namespace_ = t->namespace_, .query = query };

        *g = (struct kube_glance){ .k = k, .t = t, .version = r->version, .now_ms = now_ms };
        g->flight = kube_start(k->kube, &c, on_pods, g);
        r->look_at_ms = now_ms + LAST_MS; /* until the answer says otherwise */
        DL_APPEND(k->glances, g);
}

static int n_glances(const struct kube_platform *k)
{
        const struct kube_glance *g;
        int n;

        DL_COUNT(k->glances, g, n);
        return n;
}

static void look_at(struct kube_platform *k, struct kube_target *t, struct kube_release *r, int64_t now_ms)
{
        if (!r->deployed || kube_release_ready(r) >= r->replicas) {
                forget(r);
                return;
        }
        if (r->look_at_ms == 0) {
                r->look_wait_ms = FIRST_MS;
                r->look_at_ms = now_ms + FIRST_MS;
        }
        if (now_ms >= r->look_at_ms && n_glances(k) < GLANCES_MAX)
                glance(k, t, r, now_ms);
}

int64_t kube_look_run(struct kube_platform *k, int64_t now_ms)
{
        if (!k->leading)
                return -1;
        if (now_ms < k->look_at_ms)
                return k->look_at_ms - now_ms;
        for (struct kube_target *t = k->targets; t; t = t->hh.next)
                for (int i = 0; i < t->n_releases; i++)
                        look_at(k, t, &t->releases[i], now_ms);
        k->look_at_ms = now_ms + SCAN_MS;
        return SCAN_MS;
}

void kube_look_drop(struct kube_platform *k, struct kube_target *t)
{
        struct kube_glance *g, *next;

        DL_FOREACH_SAFE(k->glances, g, next)
        {
                if (g->t != t)
                        continue;
                kube_cancel(k->kube, g->flight);
                DL_DELETE(k->glances, g);
                free(g);
        }
}
