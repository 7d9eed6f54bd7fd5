/* The Kubernetes platform: operations handed to the parts that carry them out, and its turn in the controller's loop. */
#include "rolloutd/kube.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube_private.h"
#include "rolloutd/target.h"

static struct kube_platform *self(struct platform *p)
{
        return (struct kube_platform *) p;
}

/* --- what all parts write --- */

json_t *kube_owner(const struct kube_target *t)
{
        return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "apiVersion", "sluice.dev/v1alpha1", "kind", "ModelRollout", "name",
                         t->name, "uid", t->uid, "controller", 1, "blockOwnerDeletion", 0);
}

json_t *kube_metadata(const struct kube_platform *k, const struct kube_target *t, const char *name, int64_t release)
{
        AUTO(str) epoch = xasprintf("%lld", (long long) k->epoch);
        json_t *meta =
                json_pack("{s:s, s:s, s:[o], s:{s:s}, s:{s:s}}", "name", name, "namespace", t->namespace_, "ownerReferences",
                          kube_owner(t), "labels", KUBE_LABEL_ROLLOUT, t->name, "annotations", KUBE_ANNOTATION_EPOCH, epoch);

        if (release)
                (void) json_object_set_new(json_object_get(meta, "labels"), KUBE_LABEL_RELEASE,
                                           json_string(release_text(release).text));
        return meta;
}

/* --- operations --- */

/* NULL: there is no such ModelRollout, and the operation has been told so. */
static struct kube_target *target_for(struct kube_platform *k, const char *id, struct kube_op *op)
{
        struct kube_target *t = kube_find(k, id);

        if (!t)
                kube_op_refuse(op, ERR_NOT_FOUND, "there is no such ModelRollout");
        return t;
}

static void op_load(struct platform *p, platform_records_fn done, void *arg)
{
        kube_load_start(self(p), done, arg);
}

static void op_reload(struct platform *p, const char *target, platform_records_fn done, void *arg)
{
        struct kube_target *t = kube_find(self(p), target);

        if (t)
                kube_load_one(self(p), t, done, arg);
        else
                kube_load_start(self(p), done, arg);
}

static void op_unload(struct platform *p, const void *arg)
{
        kube_load_drop(self(p), arg);
}

static void op_save(struct platform *p, const char *target, const char *json, int64_t expected, platform_saved_fn done, void *arg)
{
        struct kube_op *op = kube_op_saved(self(p), target, done, arg);
        struct kube_target *t = target_for(self(p), target, op);

        if (t)
                kube_state_save(self(p), t, json, expected, kube_op_answer_saved, op);
}

static void op_record(struct platform *p, const char *target, const char *event, platform_done_fn done, void *arg)
{
        struct kube_op *op = kube_op_record(self(p), target, done, arg);
        struct kube_target *t = target_for(self(p), target, op);

        if (t)
                kube_events_record(self(p), t, event, op);
}

static void op_history(struct platform *p, const char *target, int64_t before, int limit, kube_history_fn done, void *arg)
{
        struct kube_op *op = kube_op_history(self(p), target, done, arg);
        struct kube_target *t = target_for(self(p), target, op);

        if (t)
                kube_history_read(self(p), t, before, limit, op);
}

static void op_observe(struct platform *p, const char *target, platform_world_fn done, void *arg)
{
        kube_op_observe(self(p), target, done, arg);
}

static void op_deploy(struct platform *p, const char *target, const struct deployment *d, platform_done_fn done, void *arg)
{
        struct kube_op *op = kube_op_done(self(p), target, done, arg);
        struct kube_target *t = target_for(self(p), target, op);

        if (t)
                kube_workload_deploy(self(p), t, d, kube_op_answer, op);
}

static void op_retire(struct platform *p, const char *target, int64_t version, platform_done_fn done, void *arg)
{
        struct kube_op *op = kube_op_done(self(p), target, done, arg);
        struct kube_target *t = target_for(self(p), target, op);

        if (t)
                kube_workload_retire(self(p), t, version, kube_op_answer, op);
}

static void op_route(struct platform *p, const char *target, const struct weight *w, int n, bool urgent, platform_done_fn done,
                     void *arg)
{
        struct kube_op *op = kube_op_done(self(p), target, done, arg);
        struct kube_target *t = target_for(self(p), target, op);

        if (t)
                kube_router_route(self(p), t, w, n, urgent, kube_op_answer, op);
}

static size_t op_discover(struct platform *p, struct scrape_target *out, size_t max)
{
        return kube_world_discover(self(p), out, max);
}

static void op_listen(struct platform *p, const struct platform_listener *l)
{
        self(p)->listener = *l;
}

static void op_publish(struct platform *p, const struct target *t, int64_t followed, const struct desire_trouble *trouble)
{
        struct kube_target *known = kube_find(self(p), t->now.target);

        kube_state_publish(self(p), t, followed, trouble);
        if (!known)
                return;
        known->told = true;
        known->candidate = t->now.candidate.version;
        kube_leftover_collect(self(p), known);
        kube_workload_preview(self(p), known, known->candidate);
}

static void op_complain(struct platform *p, const char *target, const struct desire_trouble *why)
{
        struct kube_target *t = kube_find(self(p), target);

        if (t)
                kube_complain(self(p), t, why);
}

static void op_unmark(struct platform *p, const char *target, const char *id)
{
        struct kube_target *t = kube_find(self(p), target);

        if (t)
                kube_history_unmark(self(p), t, id);
}

/* --- the loop --- */

static unsigned op_poll_fds(struct platform *p, struct pollfd *out, unsigned max)
{
        struct pollfd fds[KUBE_POLL_FDS];
        unsigned n = kube_poll_fds(self(p)->kube, fds);

        n = n < max ? n : max;
        memcpy(out, fds, n * sizeof *fds);
        return n;
}

/* Answers first, then what follows from them, then sending it; once more where that has made work. */
static int64_t op_run(struct platform *p, int64_t now_ms)
{
        struct kube_platform *k = self(p);
        int64_t (*const parts[])(struct kube_platform * k, int64_t now_ms) = { kube_leader_run,   kube_router_run, kube_read_run,
                                                                               kube_workload_run, kube_look_run,   kube_state_run,
                                                                               kube_load_run };
        int64_t wake = kube_run(k->kube), wait = kube_connect_run(k->connect, now_ms);

        wake = wait < wake ? wait : wake;
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
                wait = parts[i](k, now_ms);
                wake = wait >= 0 && wait < wake ? wait : wake;
        }
        kube_ops_tell(k);
        wait = kube_run(k->kube);
        wake = wait < wake ? wait : wake;
        return kube_ops_any(k) ? 0 : wake;
}

static bool op_stands_by(const struct platform *p)
{
        const struct kube_platform *k = (const struct kube_platform *) p;

        return !k->leading && kube_connect_is_synced(k->connect);
}

/* What is under way ends before the lease is given away: the next leader may write from that moment on. */
static void op_free(struct platform *p)
{
        struct kube_platform *k = self(p);

        kube_load_free(k);
        kube_connect_free(k->connect);
        kube_index_free(k);
        kube_router_free(k);
        if (k->leader)
                kube_leader_free(k);
        kube_ops_free(k);
        kube_free(k->kube);
        kube_history_free(k);
        kube_complaints_free(k);
        free(k);
}

static const struct platform_ops OPS = {
        .name = "kube",
        .load = op_load,
        .reload = op_reload,
        .unload = op_unload,
        .save = op_save,
        .record = op_record,
        .history = op_history,
        .observe = op_observe,
        .deploy = op_deploy,
        .retire = op_retire,
        .route = op_route,
        .discover = op_discover,
        .listen = op_listen,
        .publish = op_publish,
        .complain = op_complain,
        .unmark = op_unmark,
        .epoch = kube_measure_epoch,
        .meter = kube_measure_meter,
        .mirrors = kube_measure_mirrors,
        .poll_fds = op_poll_fds,
        .run = op_run,
        .stands_by = op_stands_by,
        .free = op_free,
};

struct platform *kube_platform_new(const struct kube_settings *s, struct err *e)
{
        struct kube_config_options o = { .path = s->kubeconfig, .context = s->context };
        struct kube_config config;

        if (kube_config_load(&o, &config, e) < 0) {
                (void) err_wrap(e, "platform kube");
                return NULL;
        }
        struct kube_platform *k = xcalloc(1, sizeof *k);
        k->base.ops = &OPS;
        k->settings = *s;
        k->kube = kube_new(&config);
        k->connect = kube_connect_new(k);
        if (kube_leader_new(k, e) == 0)
                return &k->base;
        op_free(&k->base);
        return NULL;
}
