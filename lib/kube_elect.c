/* Reading and writing the Lease. */
#include "lib/kube_elect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "lib/watchdog.h"

enum { RELEASE_TRIES = 3, FOREVER_MS = 3600000 };

static const struct kube_resource leases = { "coordination.k8s.io", "v1", "leases" };

struct kube_elect {
        struct kube *kube;
        struct kube_elect_options o;
        char *namespace_, *name;
        struct lease lease;
        struct watchdog *dog;
        json_t *object;           /* the Lease as last read or written */
        struct lease_record sent; /* by the write under way */
        int64_t started_ms;
        struct kube_flight *flight;
        bool told, over;
        int releases;
        void (*released)(void *arg, const struct kube_failure *failure);
};

struct kube_elect *kube_elect_new(struct kube *k, const struct kube_elect_options *o)
{
        struct kube_elect *e = xcalloc(1, sizeof *e);

        e->kube = k;
        e->o = *o;
        e->namespace_ = xstrdup(o->namespace_);
        e->name = xstrdup(o->name);
        lease_init(&e->lease, o->identity, o->times.lease_ms ? &o->times : &LEASE_TIMES_DEFAULT);
        if (o->exit_status)
                e->dog = watchdog_new(o->exit_status);
        return e;
}

void kube_elect_free(struct kube_elect *e)
{
        if (!e)
                return;
        if (e->flight)
                kube_cancel(e->kube, e->flight);
        watchdog_free(e->dog);
        json_decref(e->object);
        free(e->namespace_);
        free(e->name);
        free(e);
}

static void keep(struct kube_elect *e, json_t *object)
{
        json_incref(object);
        json_decref(e->object);
        e->object = object;
}

static void copy_text(char out[static LEASE_TEXT_MAX], const json_t *text)
{
        (void) snprintf(out, LEASE_TEXT_MAX, "%s", json_is_string(text) ? json_string_value(text) : "");
}

static void read_record(const json_t *object, struct lease_record *out)
{
        const json_t *spec = json_object_get(object, "spec");

        copy_text(out->holder, json_object_get(spec, "holderIdentity"));
        copy_text(out->renewed, json_object_get(spec, "renewTime"));
        out->duration_ms = json_integer_value(json_object_get(spec, "leaseDurationSeconds")) * 1000;
        out->transitions = json_integer_value(json_object_get(spec, "leaseTransitions"));
}

/* MicroTime. Random microseconds under the millisecond make each renewal a text of its own. */
static void stamp(char out[static LEASE_TEXT_MAX])
{
        char ms[RFC3339_MAX];

        clock_rfc3339(clock_wall_ms(), ms);
        (void) snprintf(out, LEASE_TEXT_MAX, "%.*s%03uZ", (int) strlen(ms) - 1, ms, random_u32() % 1000);
}

/* The Lease to send: what others may have put beside the record stays. Caller owns it. */
static json_t *object_with(const struct kube_elect *e, const struct lease_record *r, bool create)
{
        const char *old = json_string_value(json_object_get(json_object_get(e->object, "spec"), "acquireTime"));
        bool same_holder = old && lease_epoch(&e->lease) == r->transitions;
        json_t *spec = json_pack("{s:s, s:I, s:s, s:s, s:I}", "holderIdentity", r->holder, "leaseDurationSeconds",
                                 (json_int_t) (r->duration_ms / 1000), "acquireTime", same_holder ? old : r->renewed, "renewTime",
                                 r->renewed, "leaseTransitions", (json_int_t) r->transitions);

        if (create)
                return json_pack("{s:s, s:s, s:{s:s, s:s}, s:o}", "apiVersion", "coordination.k8s.io/v1", "kind", "Lease",
                                 "metadata", "name", e->name, "namespace", e->namespace_, "spec", spec);
        json_t *object = json_deep_copy(e->object);
        json_object_set_new(object, "spec", spec);
        return object;
}

static void failed(struct kube_elect *e)
{
        lease_call_failed(&e->lease, clock_ms(), random_u32());
}

static void on_read(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_elect *e = arg;
        struct lease_record r = { 0 };

        e->flight = NULL;
        if (failure && failure->reason != KUBE_NOT_FOUND) {
                failed(e);
                return;
        }
        if (object) {
                keep(e, object);
                read_record(object, &r);
        }
        lease_was_read(&e->lease, object ? &r : NULL, clock_ms(), random_u32());
}

static void on_written(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_elect *e = arg;

        e->flight = NULL;
        if (failure) {
                failed(e);
                return;
        }
        keep(e, object);
        lease_was_written(&e->lease, &e->sent, e->started_ms, clock_ms());
        if (e->lease.leading && e->dog)
                watchdog_set(e->dog, e->lease.lead_until_ms);
        if (e->lease.leading && !e->told) {
                e->told = true;
                e->o.leading(e->o.arg, lease_epoch(&e->lease));
        }
}

/* Two tries fit into the time that is left. */
static int64_t call_timeout_ms(const struct kube_elect *e, int64_t now_ms)
{
        int64_t most = e->lease.times.renew_ms / 2;
        int64_t left = e->lease.leading ? e->lease.lead_until_ms - now_ms : most;

        return left < most ? left : most;
}

static struct kube_flight *start(struct kube_elect *e, enum kube_verb verb, const json_t *body, kube_done_fn done)
{
        struct kube_call call = { .verb = verb,
                                  .lane = KUBE_URGENT,
                                  .resource = &leases,
                                  .namespace_ = e->namespace_,
                                  .name = e->name,
                                  .body = body,
                                  .timeout_ms = call_timeout_ms(e, clock_ms()) };

        return kube_start(e->kube, &call, done, e);
}

static void write_lease(struct kube_elect *e, bool create, int64_t now_ms)
{
        lease_wanted(&e->lease, &e->sent);
        stamp(e->sent.renewed);
        AUTO(json) body = object_with(e, &e->sent, create);
        e->started_ms = now_ms;
        e->flight = start(e, create ? KUBE_CREATE : KUBE_UPDATE, body, on_written);
}

static void lose(struct kube_elect *e)
{
        e->over = true;
        if (e->flight)
                kube_cancel(e->kube, e->flight);
        e->flight = NULL;
        if (e->told)
                e->o.lost(e->o.arg);
}

int64_t kube_elect_run(struct kube_elect *e, int64_t now_ms)
{
        if (e->over)
                return FOREVER_MS;
        switch (lease_next(&e->lease, now_ms)) {
        case LEASE_WAIT:
                break;
        case LEASE_READ:
                e->flight = start(e, KUBE_GET, NULL, on_read);
                return 0;
        case LEASE_CREATE:
                write_lease(e, true, now_ms);
                return 0;
        case LEASE_WRITE:
                write_lease(e, false, now_ms);
                return 0;
        case LEASE_LOST:
                lose(e);
                return FOREVER_MS;
        }
        int64_t wait = lease_wait_ms(&e->lease, now_ms);
        return wait < 0 ? FOREVER_MS : wait;
}

bool kube_elect_may_act(const struct kube_elect *e, int64_t now_ms, int64_t needed_ms)
{
        return !e->over && lease_may_act(&e->lease, now_ms, needed_ms);
}

int64_t kube_elect_epoch(const struct kube_elect *e)
{
        return lease_epoch(&e->lease);
}

static void free_lease(struct kube_elect *e);

static void on_read_again(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_elect *e = arg;
        struct lease_record r = { 0 };

        e->flight = NULL;
        if (object) {
                keep(e, object);
                read_record(object, &r);
        }
        if (failure || strcmp(r.holder, e->lease.identity) != 0)
                e->released(e->o.arg, failure);
        else
                free_lease(e);
}

static void on_freed(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_elect *e = arg;

        (void) object;
        e->flight = NULL;
        if (failure && failure->reason == KUBE_CONFLICT && ++e->releases < RELEASE_TRIES)
                e->flight = start(e, KUBE_GET, NULL, on_read_again);
        else
                e->released(e->o.arg, failure);
}

/* An empty holder and a second's duration: the next contender that looks may have it. */
static void free_lease(struct kube_elect *e)
{
        struct lease_record r = { .duration_ms = 1000, .transitions = lease_epoch(&e->lease) };

        stamp(r.renewed);
        AUTO(json) body = object_with(e, &r, false);
        e->flight = start(e, KUBE_UPDATE, body, on_freed);
}

void kube_elect_release(struct kube_elect *e, void (*done)(void *arg, const struct kube_failure *failure))
{
        bool ours = e->lease.leading && !e->over && e->object;

        e->over = true;
        e->released = done;
        if (e->flight) /* its outcome is unknown; a conflict will tell */
                kube_cancel(e->kube, e->flight);
        e->flight = NULL;
        e->lease.leading = false;
        if (e->dog)
                watchdog_set(e->dog, 0);
        if (ours)
                free_lease(e);
        else
                done(e->o.arg, NULL);
}
