/* A target as docs/api.md's ROLLOUT: its record, what it waits for, and what was last seen of the world. */
#include "rolloutd/api.h"
#include "rolloutd/rollout_json.h"
#include "rolloutd/verdict_json.h"

static json_t *running_of(const struct version_status *s)
{
        return json_pack("{s:o, s:i, s:i, s:o, s:b, s:s}", "release", release_to_json(s->version), "wanted", s->wanted, "ready",
                         s->ready, "weight", s->weight_bp < 0 ? json_null() : percent_to_json(s->weight_bp), "failed", s->failed,
                         "message", s->message);
}

json_t *api_view(const struct target *t)
{
        json_t *doc, *running = json_array();
        struct desire_trouble stall;
        char message[600];

        target_message(t, message, sizeof message);
        doc = rollout_view(&t->now, &(struct rollout_view){ .revision = t->revision, .message = message });
        for (int i = 0; i < t->world.n_versions; i++)
                json_array_append_new(running, running_of(&t->world.versions[i]));
        json_object_set_new(doc, "running", running);
        json_object_set_new(doc, "trouble",
                            t->trouble ? json_pack("{s:s, s:s}", "reason", t->trouble->reason, "message", t->trouble->message)
                                       : json_null());
        json_object_set_new(doc, "stalled",
                            target_stalled(t, &stall) ? json_pack("{s:s, s:s}", "reason", stall.reason, "message", stall.message)
                                                      : json_null());
        json_object_set_new(doc, "router",
                            t->world_known && t->world.router_ok ? json_string("ok")
                            : t->world.router_message            ? json_string(t->world.router_message)
                                                                 : json_null());
        return doc;
}
