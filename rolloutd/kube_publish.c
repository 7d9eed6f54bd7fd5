/* What there is to tell about a target, as far as it is news. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/sha256.h"
#include "lib/utf8.h"
#include "rolloutd/kube_state.h"
#include "rolloutd/target.h"
#include "rolloutd/verdict_json.h"

enum { EVENTS_MAX = 2 * ROLLOUT_OUTBOX_MAX };

/* The outbox of a target keeps events until they are recorded; they come into the history with the move that made them. */
static void take_events(struct kube_state *s, const struct rollout *r)
{
        for (int i = 0; i < r->n_outbox; i++) {
                if (r->outbox[i].number <= s->last_event)
                        continue;
                s->last_event = r->outbox[i].number;
                if (!s->events)
                        s->events = json_array();
                if (json_array_size(s->events) < EVENTS_MAX)
                        (void) json_array_append_new(s->events, event_to_json(&r->outbox[i]));
                kube_state_enlist(s);
        }
}

void kube_state_print(const json_t *doc, char out[static 17])
{
        char digest[DIGEST_TEXT_LEN + 1];
        AUTO(str) text = json_canonical(doc);

        digest_of(text, strlen(text), digest);
        (void) snprintf(out, 17, "%.16s", digest + strlen("sha256:"));
}

static void take_doc(struct kube_state *s, const json_t *doc)
{
        kube_state_print(doc, s->print);
        free(s->doc);
        s->doc = strcmp(s->print, s->written) == 0 && !s->flight ? NULL : json_text(doc);
        if (s->doc)
                kube_state_enlist(s);
}

/* told: what was last. */
static void tell_trouble(struct kube_state *s, char told[sizeof((struct desire_trouble *) 0)->reason],
                         const struct desire_trouble *trouble)
{
        if (strcmp(told, trouble->reason) == 0)
                return;
        (void) snprintf(told, sizeof trouble->reason, "%s", trouble->reason);
        if (*told)
                kube_events_trouble(s->k, s->t, trouble);
}

static void say(struct desire_trouble *out, const char *reason, const char *what, const char *about)
{
        (void) snprintf(out->reason, sizeof out->reason, "%s", reason);
        (void) snprintf(out->message, sizeof out->message, "%.100s%.150s", what, about);
        utf8_clean(out->message);
}

/* What only we know goes before what the controller says. */
static void trouble_of(const struct kube_platform *k, const struct kube_target *t, const struct desire_trouble *told,
                       struct desire_trouble *out)
{
        bool adopted = t->spec->route.mode == KUBE_ROUTE_ADOPTED, looked = k->routes && !t->reading;

        *out = told ? *told : (struct desire_trouble){ 0 };
        if (t->spec->invalid)
                return;
        if (t->rival)
                say(out, "RouteConflict", t->rival->name, ", which is older, has the route that this one wants");
        else if (!adopted || !looked || *out->reason)
                return;
        else if (!t->route.exists)
                say(out, "RouteNotFound", "there is no HTTPRoute ", t->spec->route.name);
        else if (!t->route.ours)
                say(out, "BackendsNotFound",
                    "the HTTPRoute cannot be adopted: ", t->route.trouble ? t->route.trouble : "no rule has both backends");
}

void kube_state_publish(struct kube_platform *k, const struct target *seen, int64_t followed, const struct desire_trouble *told)
{
        struct kube_target *t = kube_find(k, seen->now.target);
        struct desire_trouble trouble, stall;

        if (!t || !k->leading)
                return;
        struct kube_state *s = kube_state_of(k, t);
        s->unreadable = false;
        trouble_of(k, t, told, &trouble);
        (void) target_stalled(seen, &stall);
        struct kube_status_input in = { .spec = t->spec,
                                        .seen = seen,
                                        .generation = t->spec->generation,
                                        .followed = followed == t->spec->generation && !*trouble.reason,
                                        .trouble = &trouble,
                                        .stall = &stall,
                                        .now_ms = clock_wall_ms() };
        AUTO(json) doc = kube_status_doc(&in, &s->conditions);
        take_events(s, &seen->now);
        take_doc(s, doc);
        tell_trouble(s, s->trouble, &trouble);
        tell_trouble(s, s->stall, &stall);
}
