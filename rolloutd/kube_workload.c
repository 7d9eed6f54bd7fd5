/*
 * Deployments and retirements: which are under way, and the way of each from one object to the next. Each object is read before it is
 * written, so a chain that broke off anywhere is simply begun again. Works of one release follow one another.
 */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_work.h"

char *kube_work_source(const struct kube_work *w)
{
        return xstrdup(w->configs.refs[w->config].name);
}

char *kube_work_copy(const struct kube_work *w)
{
        return xasprintf("%s-%s", w->name, w->configs.refs[w->config].name);
}

char *kube_work_preview(const struct kube_work *w)
{
        return xasprintf("%s-preview", w->t->name);
}

int kube_work_adopt(struct kube_work *w, json_t *data, struct err *e)
{
        json_decref(w->data);
        w->data = json_incref(data);
        return kube_plan_read(w->data, &w->plan, e) || kube_configs_find(w->plan.template, &w->configs, e) ? -1 : 0;
}

bool kube_work_selects(const struct kube_work *w, const json_t *service)
{
        const json_t *selector = json_object_get(json_object_get(service, "spec"), "selector");
        const char *release = json_string_value(json_object_get(selector, KUBE_LABEL_RELEASE));

        return release && strcmp(release, release_text(w->version).text) == 0;
}

/* --- the chain --- */

static void free_work(struct kube_work *w)
{
        if (!w->started)
                DL_DELETE(w->k->works, w);
        DL_DELETE2(w->t->works, w, before, after);
        kube_make_cancel(w->making);
        json_decref(w->rollout);
        json_decref(w->data);
        json_decref(w->source);
        free(w);
}

static void finish(struct kube_work *w, const struct err *failure)
{
        platform_done_fn done = w->done;
        void *arg = w->arg;

        if (failure && w->stages == kube_unpreview_stages) /* again when the controller tells next */
                w->t->previewed = w->version;
        free_work(w);
        if (done)
                done(arg, failure);
}

/* The stage after this one: over those of each config in turn. */
static void step(struct kube_work *w)
{
        int next = w->at + 1;

        if (w->at >= 0 && w->stages[w->at].each && (next == w->n_stages || !w->stages[next].each) &&
            w->config + 1 < w->configs.n) {
                w->config++;
                while (next > 0 && w->stages[next - 1].each)
                        next--;
        }
        w->at = next;
}

static bool is_skipped(const struct kube_work *w)
{
        const struct kube_stage *s = &w->stages[w->at];

        return (s->each && w->config >= w->configs.n) || (s->skip && s->skip(w));
}

static const struct kube_resource *kind_of(const struct kube_work *w, const struct kube_stage *s)
{
        const struct kube_kinds *kinds = &w->k->kinds;

        if (s->each)
                return w->configs.refs[w->config].secret ? &kinds->secrets : &kinds->configmaps;
        return (const struct kube_resource *) ((const char *) kinds + s->kind);
}

static void on_made(void *arg, const struct err *failure);

static void go_on(struct kube_work *w)
{
        do
                step(w);
        while (w->at < w->n_stages && is_skipped(w));
        if (w->at == w->n_stages) {
                finish(w, NULL);
                return;
        }
        const struct kube_stage *s = &w->stages[w->at];
        AUTO(str) name = s->name ? s->name(w) : xstrdup(w->name);
        struct kube_part part = {
                .resource = kind_of(w, s), .name = name, .foreign = s->foreign, .decide = s->decide, .is = s->is
        };

        w->making = kube_make_start(w->k, w->t, &part, on_made, w);
}

static void on_made(void *arg, const struct err *failure)
{
        struct kube_work *w = arg;

        w->making = NULL;
        if (failure)
                finish(w, failure);
        else
                go_on(w);
}

/* --- what is under way --- */

static struct kube_work *add(struct kube_platform *k, struct kube_target *t, int64_t version, platform_done_fn done, void *arg)
{
        struct kube_work *w = xcalloc(1, sizeof *w);

        *w = (struct kube_work){ .k = k, .t = t, .version = version, .at = -1, .done = done, .arg = arg };
        kube_object_name(t, version, w->name);
        DL_APPEND(k->works, w);
        DL_APPEND2(t->works, w, before, after);
        return w;
}

void kube_workload_deploy(struct kube_platform *k, struct kube_target *t, const struct deployment *d, platform_done_fn done,
                          void *arg)
{
        struct kube_work *w = add(k, t, d->version, done, arg);

        w->d = *d;
        w->stages = kube_deploy_stages;
        w->n_stages = kube_deploy_n_stages;
}

void kube_workload_retire(struct kube_platform *k, struct kube_target *t, int64_t version, platform_done_fn done, void *arg)
{
        struct kube_work *w = add(k, t, version, done, arg);

        w->stages = kube_retire_stages;
        w->n_stages = kube_retire_n_stages;
}

void kube_workload_preview(struct kube_platform *k, struct kube_target *t, int64_t candidate)
{
        if (t->previewed == 0 || t->previewed == candidate)
                return;
        struct kube_work *w = add(k, t, t->previewed, NULL, NULL);
        w->stages = kube_unpreview_stages;
        w->n_stages = kube_unpreview_n_stages;
        t->previewed = 0;
}

static bool has_turn(const struct kube_work *w)
{
        const struct kube_work *other = w->t->works;

        while (other != w && other->version != w->version)
                other = other->after;
        return other == w;
}

static void begin(struct kube_work *w)
{
        struct err e = { 0 };

        DL_DELETE(w->k->works, w);
        w->started = true;
        if (kube_may_write(w->k, kube_write_ms(w->k->settings.lease_ms), &e))
                finish(w, &e);
        else
                go_on(w);
}

/* With thousands under way, only those that have not begun are gone through; done functions only note that they were called. */
int64_t kube_workload_run(struct kube_platform *k, int64_t now_ms)
{
        struct kube_work *w, *next;

        (void) now_ms;
        DL_FOREACH_SAFE(k->works, w, next)
        if (has_turn(w))
                begin(w);
        return -1;
}

void kube_workload_drop(struct kube_platform *k, struct kube_target *t)
{
        struct kube_work *w, *next;

        DL_FOREACH_SAFE2(t->works, w, next, after)
        free_work(w);
        kube_look_drop(k, t);
}
