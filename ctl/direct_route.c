/* Moving the traffic, write by write. */
#include <string.h>

#include "ctl/direct.h"
#include "ctl/kube_talk.h"
#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/kube_route.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "lib/release.h"

enum { TRIES_MAX = 40, PAUSE_MS = 10, FOLLOW_MS = 1500, LOOK_MS = 50, ACCEPT_MS = 1000, CALL_MS = 5000 };

static const struct kube_resource route_kinds[] = { { "gateway.networking.k8s.io", "v1", "httproutes" },
                                                    { "gateway.networking.k8s.io", "v1beta1", "httproutes" } };
static const struct kube_resource services = { "", "v1", "services" };
static const struct kube_resource endpoints = { "", "v1", "endpoints" };

const struct kube_resource *direct_routes(struct direct *d, struct err *e)
{
        struct kube_failure why = { .err.kind = ERR_NONE };
        const struct kube_resource *kind = kube_talk_served(d->kube, route_kinds, sizeof route_kinds / sizeof *route_kinds, &why);

        if (!kind && why.err.kind != ERR_NONE)
                (void) err_set(e, why.err.kind, "%s", why.err.msg);
        else if (!kind)
                (void) err_set(e, ERR_NOT_FOUND, "the cluster has no HTTPRoutes: the Gateway API is not installed");
        return kind;
}

void direct_name_kind(json_t *route, const struct kube_resource *routes)
{
        AUTO(str) version = xasprintf("%s/%s", routes->group, routes->version);

        (void) json_object_set_new(route, "apiVersion", json_string(version));
        (void) json_object_set_new(route, "kind", json_string("HTTPRoute"));
}

void direct_seen_done(struct direct_seen *s)
{
        json_decref(s->route);
        for (int i = 0; i < KUBE_SLOTS; i++)
                json_decref(s->slots[i]);
        *s = (struct direct_seen){ .route = NULL };
}

/* NULL and success if it does not exist. */
static int get(struct direct *d, const struct kube_resource *kind, const char *name, json_t **out, struct err *e)
{
        struct kube_call call = {
                .verb = KUBE_GET, .resource = kind, .namespace_ = d->namespace_, .name = name, .timeout_ms = CALL_MS
        };
        struct kube_failure why;

        *out = NULL;
        if (kube_talk(d->kube, &call, out, &why) == 0 || why.reason == KUBE_NOT_FOUND)
                return 0;
        return err_set(e, why.err.kind, "%s", why.err.msg);
}

int direct_look(struct direct *d, const struct kube_resource *routes, struct direct_seen *out, struct err *e)
{
        direct_seen_done(out);
        if (get(d, routes, d->aim.route, &out->route, e))
                return -1;
        for (int s = 0; d->aim.adopted && s < KUBE_SLOTS; s++)
                if (get(d, &services, d->aim.backends[s], &out->slots[s], e))
                        return -1;
        return 0;
}

/* 1: somebody else was faster, and there is patience left. */
static int carry_out(struct direct *d, const struct kube_resource *routes, const struct direct_move *m, int *tries, struct err *e)
{
        struct kube_failure why;

        if (m->verb == KUBE_CREATE)
                direct_name_kind(m->body, routes);
        struct kube_call call = { .verb = m->verb,
                                  .resource = strcmp(m->kind, "service") == 0 ? &services : routes,
                                  .namespace_ = d->namespace_,
                                  .name = m->name,
                                  .body = m->body,
                                  .field_manager = "sluice-ctl",
                                  .timeout_ms = CALL_MS };

        if (kube_talk(d->kube, &call, NULL, &why) == 0)
                return 0;
        bool lost = why.reason == KUBE_CONFLICT || why.reason == KUBE_TEST_FAILED || why.reason == KUBE_EXISTS;
        if (!lost || ++*tries >= TRIES_MAX)
                return err_set(e, why.err.kind, "%s", why.err.msg);
        kube_talk_pause(1 + random_u32() % PAUSE_MS);
        return 1;
}

/* --- a slot that has just been switched sends to the former release until the cluster has found the new one's pods --- */

static void add_addresses(json_t *set, const json_t *object)
{
        size_t i, j;
        json_t *subset, *address;

        json_array_foreach (json_object_get(object, "subsets"), i, subset)
                json_array_foreach (json_object_get(subset, "addresses"), j, address) {
                        const char *ip = json_string_value(json_object_get(address, "ip"));
                        if (ip)
                                (void) json_object_set_new(set, ip, json_true());
                }
}

static json_t *addresses_of(struct direct *d, const char *service)
{
        json_t *found = NULL, *set = json_object();

        if (get(d, &endpoints, service, &found, NULL) == 0)
                add_addresses(set, found);
        json_decref(found);
        return set;
}

static void wait_until_followed(struct direct *d, int slot)
{
        int64_t deadline = clock_ms() + FOLLOW_MS;
        char service[RELEASE_OBJECT_MAX + 1];

        release_object_name(d->name, d->aim.release, service);
        AUTO(json) wanted = addresses_of(d, service);
        while (json_object_size(wanted) && clock_ms() < deadline) {
                AUTO(json) there = addresses_of(d, d->aim.backends[slot]);
                if (json_equal(there, wanted))
                        return;
                kube_talk_pause(LOOK_MS);
        }
}

/* --- all of it --- */

static int move(struct direct *d, const struct kube_resource *routes, struct direct_seen *seen, int *tries, bool *over,
                struct err *e)
{
        struct direct_move m;

        if (direct_next(d, seen, &m, e))
                return -1;
        AUTO(json) body = m.body;
        *over = !body;
        if (!body)
                return 0;
        int lost = carry_out(d, routes, &m, tries, e);
        if (lost < 0)
                return -1;
        if (!lost && m.slot >= 0)
                wait_until_followed(d, m.slot);
        return direct_look(d, routes, seen, e);
}

/* The weights stand in the cluster; whether traffic follows them is the gateway's to say, and it may be slow or down. */
static void watch_gateway(struct direct *d, const struct kube_resource *routes, struct direct_seen *seen)
{
        int64_t deadline = clock_ms() + ACCEPT_MS;

        while (!kube_route_accepted(seen->route, d->waits) && clock_ms() < deadline) {
                kube_talk_pause(LOOK_MS);
                if (direct_look(d, routes, seen, NULL))
                        break;
        }
}

int direct_shift(struct direct *d, struct err *e)
{
        const struct kube_resource *routes = direct_routes(d, e);
        AUTO_SEEN seen = { .route = NULL };
        bool over = false;
        int tries = 0;

        if (!routes || direct_look(d, routes, &seen, e))
                return -1;
        d->before = direct_shares(d, seen.route);
        while (!over)
                if (move(d, routes, &seen, &tries, &over, e))
                        return -1;
        d->after = direct_shares(d, seen.route); /* read after the last write */
        watch_gateway(d, routes, &seen);
        return 0;
}
