/* Verdicts, events and the sampler's memory to and from JSON. */
#include "rolloutd/verdict_json.h"

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"

json_t *time_to_json(int64_t wall_ms)
{
        char text[RFC3339_MAX];

        if (wall_ms == 0)
                return json_null();
        clock_rfc3339(wall_ms, text);
        return json_string(text);
}

int time_from_json(json_t *v, int64_t *wall_ms, struct err *e)
{
        *wall_ms = 0;
        if (json_is_null(v) || (json_is_string(v) && clock_rfc3339_parse(json_string_value(v), wall_ms) == 0))
                return 0;
        return err_set(e, ERR_INVALID, "a time is not like 2026-01-02T03:04:05.678Z");
}

json_t *percent_to_json(int weight_bp)
{
        return weight_bp % 100 ? json_real(weight_bp / 100.0) : json_integer(weight_bp / 100);
}

json_t *version_to_json(int64_t key)
{
        return key ? json_integer(release_version(key)) : json_null();
}

json_t *release_to_json(int64_t key)
{
        return key ? json_string(release_text(key).text) : json_null();
}

/* --- verdicts --- */

json_t *verdict_to_json(const struct verdict *v)
{
        json_t *numbers;

        if (v->at_ms == 0)
                return json_null();
        numbers = json_object();
        for (int i = 0; i < v->n_numbers; i++)
                json_object_set_new(numbers, v->numbers[i].name, json_real(v->numbers[i].value));
        return json_pack("{s:s, s:o, s:s, s:o, s:o}", "state", verdict_state_name(v->state), "gate",
                         *v->gate ? json_string(v->gate) : json_null(), "reason", v->reason, "numbers", numbers, "at",
                         time_to_json(v->at_ms));
}

static int numbers_from_json(json_t *doc, struct verdict *v, struct err *e)
{
        const char *name;
        json_t *value;

        json_object_foreach (doc, name, value) {
                if (v->n_numbers == VERDICT_NUMBERS_MAX || !json_is_number(value) || strlen(name) >= VERDICT_NUMBER_NAME)
                        return err_set(e, ERR_INVALID, "verdict: numbers are at most %d with short names", VERDICT_NUMBERS_MAX);
                snprintf(v->numbers[v->n_numbers].name, VERDICT_NUMBER_NAME, "%s", name);
                v->numbers[v->n_numbers++].value = json_number_value(value);
        }
        return 0;
}

int verdict_from_json(json_t *doc, struct verdict *out, struct err *e)
{
        const char *state, *reason;
        json_t *gate, *numbers, *at;
        struct verdict v = { 0 };

        *out = v;
        if (json_is_null(doc))
                return 0;
        if (json_take("verdict", doc, e, "{s:s, s:o, s:s, s:o, s:o}", "state", &state, "gate", &gate, "reason", &reason,
                      "numbers", &numbers, "at", &at) < 0 ||
            time_from_json(at, &v.at_ms, e) < 0 || numbers_from_json(numbers, &v, e) < 0)
                return -1;
        if (verdict_state_parse(state, &v.state) < 0)
                return err_set(e, ERR_INVALID, "verdict: there is no state \"%.20s\"", state);
        snprintf(v.gate, sizeof v.gate, "%s", json_is_string(gate) ? json_string_value(gate) : "");
        snprintf(v.reason, sizeof v.reason, "%s", reason);
        *out = v;
        return 0;
}

/* --- events --- */

json_t *event_to_json(const struct event *ev)
{
        return json_pack("{s:I, s:I, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "number",
                         (json_int_t) ev->number, "rollout_id", (json_int_t) ev->rollout_id, "at", time_to_json(ev->at_ms),
                         "kind", ev->kind, "row", ev->row, "from", phase_name(ev->from), "to", phase_name(ev->to), "stable",
                         version_to_json(ev->stable), "stable_release", release_to_json(ev->stable), "candidate",
                         version_to_json(ev->candidate), "candidate_release", release_to_json(ev->candidate), "weight",
                         percent_to_json(ev->weight_bp), "why", ev->why, "actor", ev->actor, "verdict",
                         verdict_to_json(&ev->verdict));
}

/* Events of earlier programs have no releases, or no versions either. */
static int64_t key_from_json(const json_t *version, const json_t *release)
{
        int64_t key = json_integer_value(version);

        if (json_is_string(release))
                (void) release_parse(json_string_value(release), &key, NULL);
        return key;
}

int event_from_json(json_t *doc, struct event *out, struct err *e)
{
        const char *kind, *row, *from, *to, *why, *actor;
        json_int_t number, rollout_id;
        json_t *at, *verdict, *stable = NULL, *candidate = NULL, *stable_release = NULL, *candidate_release = NULL;
        struct event ev = { 0 };
        double weight;

        if (json_take("event", doc, e, "{s:I, s:I, s:o, s:s, s:s, s:s, s:s, s?o, s?o, s?o, s?o, s:F, s:s, s:s, s:o}", "number",
                      &number, "rollout_id", &rollout_id, "at", &at, "kind", &kind, "row", &row, "from", &from, "to", &to,
                      "stable", &stable, "stable_release", &stable_release, "candidate", &candidate, "candidate_release",
                      &candidate_release, "weight", &weight, "why", &why, "actor", &actor, "verdict", &verdict) < 0 ||
            time_from_json(at, &ev.at_ms, e) < 0 || verdict_from_json(verdict, &ev.verdict, e) < 0)
                return -1;
        if (phase_parse(from, &ev.from) < 0 || phase_parse(to, &ev.to) < 0 || !(weight >= 0 && weight <= 100))
                return err_set(e, ERR_INVALID, "event %lld: phases or weight out of range", (long long) number);
        ev.number = number;
        ev.rollout_id = rollout_id;
        ev.stable = key_from_json(stable, stable_release);
        ev.candidate = key_from_json(candidate, candidate_release);
        ev.weight_bp = (int) (weight * 100 + .5);
        snprintf(ev.kind, sizeof ev.kind, "%s", kind);
        snprintf(ev.row, sizeof ev.row, "%s", row);
        snprintf(ev.why, sizeof ev.why, "%s", why);
        snprintf(ev.actor, sizeof ev.actor, "%s", actor);
        *out = ev;
        return 0;
}

/* --- the sampler's memory --- */

json_t *sampler_to_json(const struct sampler *s)
{
        json_t *list = json_array();

        for (int i = 0; i < s->n; i++)
                json_array_append_new(list,
                                      json_pack("{s:s, s:I, s:I}", "instance", s->marks[i].instance, "version",
                                                (json_int_t) s->marks[i].version, "until_ms", (json_int_t) s->marks[i].until_ms));
        return list;
}

int sampler_from_json(json_t *list, struct sampler *out, struct err *e)
{
        struct sampler s = { 0 };
        json_t *item;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) > SAMPLER_INSTANCES_MAX)
                return err_set(e, ERR_INVALID, "sampler: at most %d marks", SAMPLER_INSTANCES_MAX);
        json_array_foreach (list, i, item) {
                json_int_t version, until_ms;
                const char *instance;

                if (json_take("mark", item, e, "{s:s, s:I, s:I}", "instance", &instance, "version", &version, "until_ms",
                              &until_ms) < 0) {
                        sampler_done(&s);
                        return -1;
                }
                struct sampler_mark *m = sampler_add(&s);

                snprintf(m->instance, sizeof m->instance, "%s", instance);
                m->version = version;
                m->until_ms = until_ms;
        }
        *out = s;
        return 0;
}
