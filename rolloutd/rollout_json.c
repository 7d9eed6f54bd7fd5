/* Records to and from JSON. */
#include "rolloutd/rollout_json.h"

#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/policy_json.h"
#include "rolloutd/judge_json.h"
#include "rolloutd/verdict_json.h"

enum { RECORD_FORMAT = 1 };

/* --- placed versions --- */

static json_t *placed_to_json(const struct placed *p)
{
        return json_pack("{s:I, s:i, s:s, s:s, s:I, s:b}", "version", (json_int_t) p->version, "replicas", p->replicas, "digest",
                         p->digest, "build", p->build, "until_ms", (json_int_t) p->until_ms, "left", p->left);
}

static int placed_from_json(json_t *doc, struct placed *p, struct err *e)
{
        json_int_t version, until_ms;
        const char *digest, *build = "";
        int left = false; /* records of earlier programs have neither */

        if (json_take("version", doc, e, "{s:I, s:i, s:s, s?s, s:I, s?b}", "version", &version, "replicas", &p->replicas,
                      "digest", &digest, "build", &build, "until_ms", &until_ms, "left", &left) < 0)
                return -1;
        if (version < 0 || p->replicas < 0 || p->replicas > ROLLOUT_REPLICAS_MAX || (*digest && !digest_is_valid(digest)) ||
            strlen(build) > ROLLOUT_BUILD_LEN)
                return err_set(e, ERR_INVALID, "version: number, replicas, digest or build out of range");
        p->version = version;
        p->until_ms = until_ms;
        p->left = left;
        snprintf(p->digest, sizeof p->digest, "%s", digest);
        snprintf(p->build, sizeof p->build, "%s", build);
        return 0;
}

static json_t *window_to_json(const struct rollout *r)
{
        json_t *list = json_array();

        for (int i = 0; i < r->n_window; i++)
                json_array_append_new(list, placed_to_json(&r->window[i]));
        return list;
}

static int window_from_json(json_t *list, struct rollout *r, struct err *e)
{
        json_t *item;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) > POLICY_WINDOW_MAX)
                return err_set(e, ERR_INVALID, "window: at most %d versions", POLICY_WINDOW_MAX);
        if (json_array_size(list) > 0)
                r->window = xcalloc(json_array_size(list), sizeof *r->window);
        json_array_foreach (list, i, item)
                if (placed_from_json(item, &r->window[i], e) < 0)
                        return -1;
        r->n_window = (int) json_array_size(list);
        return 0;
}

/* --- the outbox --- */

static json_t *outbox_to_json(const struct rollout *r)
{
        json_t *list = json_array();

        for (int i = 0; i < r->n_outbox; i++)
                json_array_append_new(list, event_to_json(&r->outbox[i]));
        return list;
}

static int outbox_from_json(json_t *list, struct rollout *r, struct err *e)
{
        json_t *item;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) > ROLLOUT_OUTBOX_MAX)
                return err_set(e, ERR_INVALID, "outbox: at most %d events", ROLLOUT_OUTBOX_MAX);
        if (json_array_size(list) > 0)
                r->outbox = xcalloc(json_array_size(list), sizeof *r->outbox);
        json_array_foreach (list, i, item)
                if (event_from_json(item, &r->outbox[i], e) < 0)
                        return -1;
        r->n_outbox = (int) json_array_size(list);
        return 0;
}

/* --- the two halves of a record: what is, and how far the rollout under way is --- */

static json_t *progress_to_json(const struct rollout *r)
{
        return json_pack("{s:i, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "step", r->step, "paused", r->paused,
                         "served", r->served, "stood", r->stood, "stood_at_ms", (json_int_t) r->stood_at_ms, "held_ms",
                         (json_int_t) r->held_ms, "starved_ms", (json_int_t) r->starved_ms, "starting_ms",
                         (json_int_t) r->starting_ms, "sampler", sampler_to_json(&r->sampler), "judge", judge_to_json(&r->judge),
                         "verdict", verdict_to_json(&r->verdict));
}

static int progress_from_json(json_t *doc, struct rollout *r, struct err *e)
{
        json_int_t stood_at_ms, held_ms, starved_ms, starting_ms;
        json_t *sampler, *judge, *verdict;
        int paused, served, stood;

        if (json_take("progress", doc, e, "{s:i, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "step", &r->step, "paused",
                      &paused, "served", &served, "stood", &stood, "stood_at_ms", &stood_at_ms, "held_ms", &held_ms, "starved_ms",
                      &starved_ms, "starting_ms", &starting_ms, "sampler", &sampler, "judge", &judge, "verdict", &verdict) < 0 ||
            sampler_from_json(sampler, &r->sampler, e) < 0 || judge_from_json(judge, &r->judge, e) < 0 ||
            verdict_from_json(verdict, &r->verdict, e) < 0)
                return -1;
        r->paused = paused;
        r->served = served;
        r->stood = stood;
        r->stood_at_ms = stood_at_ms;
        r->held_ms = held_ms;
        r->starved_ms = starved_ms;
        r->starting_ms = starting_ms;
        return 0;
}

/* What a declaration has brought about. */
static json_t *declared_to_json(const struct rollout *r)
{
        return json_pack("{s:I, s:s, s:s, s:I, s:s, s:s, s:b, s:i}", "version", (json_int_t) r->followed.version, "digest",
                         r->followed.digest, "build", r->followed.build, "generation", (json_int_t) r->generation, "mark",
                         r->mark, "key", r->key, "paused", r->paused_by_spec, "surge", r->surge_percent);
}

static int declared_from_json(json_t *doc, struct rollout *r, struct err *e)
{
        const char *digest, *build, *mark, *key = ""; /* records of earlier programs have no key */
        json_int_t version, generation;
        int paused;

        if (!doc) /* records of earlier programs have none */
                return 0;
        if (json_take("declared", doc, e, "{s:I, s:s, s:s, s:I, s:s, s?s, s:b, s:i}", "version", &version, "digest", &digest,
                      "build", &build, "generation", &generation, "mark", &mark, "key", &key, "paused", &paused, "surge",
                      &r->surge_percent) < 0)
                return -1;
        if (version < 0 || (*digest && !digest_is_valid(digest)) || strlen(build) > ROLLOUT_BUILD_LEN ||
            strlen(mark) > ROLLOUT_MARK_LEN || strlen(key) > ROLLOUT_MARK_LEN || r->surge_percent < 0 || r->surge_percent > 100)
                return err_set(e, ERR_INVALID, "declared: version, digest, build, mark, key or surge out of range");
        r->followed.version = version;
        r->generation = generation;
        r->paused_by_spec = paused;
        snprintf(r->followed.digest, sizeof r->followed.digest, "%s", digest);
        snprintf(r->followed.build, sizeof r->followed.build, "%s", build);
        snprintf(r->mark, sizeof r->mark, "%s", mark);
        snprintf(r->key, sizeof r->key, "%s", key);
        return 0;
}

char *rollout_encode(const struct rollout *r)
{
        AUTO(json)
        doc = json_pack("{s:i, s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:o}",
                        "format", RECORD_FORMAT, "target", r->target, "model", r->model, "phase", phase_name(r->phase),
                        "rollout_id", (json_int_t) r->rollout_id, "stable", placed_to_json(&r->stable), "candidate",
                        placed_to_json(&r->candidate), "window", window_to_json(r), "policy",
                        r->policy->n_steps ? policy_to_json(r->policy) : json_null(), "declared", declared_to_json(r), "progress",
                        progress_to_json(r), "actor", r->actor, "started_by", r->started_by, "reason", r->reason, "note", r->note,
                        "rejected", r->rejected, "started_at", time_to_json(r->started_ms), "updated_at",
                        time_to_json(r->updated_ms), "last_event", (json_int_t) r->last_event, "outbox", outbox_to_json(r));

        return json_text(doc);
}

/* What the members say one by one may still not fit together. */
static int check_whole(const struct rollout *r, struct err *e)
{
        bool needs_policy = r->phase != PHASE_IDLE || r->rollout_id > 0;

        if (needs_policy && r->policy->n_steps == 0)
                return err_set(e, ERR_INVALID, "phase %s without a policy", phase_name(r->phase));
        if (r->step < 0 || (r->step > 0 && r->step >= r->policy->n_steps))
                return err_set(e, ERR_INVALID, "step %d does not exist in the policy", r->step);
        if (phase_is_under_way(r->phase) && r->candidate.version == 0)
                return err_set(e, ERR_INVALID, "phase %s without a candidate", phase_name(r->phase));
        if ((r->phase == PHASE_DONE || r->phase == PHASE_ROLLED_BACK || r->phase == PHASE_ROLLING_BACK ||
             r->phase == PHASE_CANARY) &&
            r->stable.version == 0)
                return err_set(e, ERR_INVALID, "phase %s without a stable version", phase_name(r->phase));
        return 0;
}

static int take_policy(json_t *doc, struct policy_pool *pool, struct rollout *r, struct err *e)
{
        struct policy p;

        if (json_is_null(doc))
                return 0;
        if (policy_from_json(doc, &p, e) < 0)
                return -1;
        r->policy = policy_share(pool, &p);
        return 0;
}

static int take_head(int format, const char *target, const char *model, const char *phase, struct rollout *r, struct err *e)
{
        if (format != RECORD_FORMAT)
                return err_set(e, ERR_INVALID, "record: format %d; this program reads format %d", format, RECORD_FORMAT);
        if (name_check("model", model, e) < 0 || target_check(target, e) < 0)
                return -1;
        rollout_init(r, target, model);
        if (phase_parse(phase, &r->phase) < 0)
                return err_set(e, ERR_INVALID, "record: there is no phase \"%.20s\"", phase);
        return 0;
}

static int decode(json_t *doc, struct policy_pool *pool, struct rollout *r, struct err *e)
{
        const char *model, *target = NULL, *phase, *actor, *reason, *note, *rejected = "", *started_by = "";
        json_t *stable, *candidate, *window, *policy, *declared = NULL, *progress, *started, *updated, *outbox;
        json_int_t rollout_id, last_event;
        int format;

        if (json_take("record", doc, e,
                      "{s:i, s?s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s?o, s:o, s:s, s?s, s:s, s:s, s?s, s:o, s:o, s:I, s:o}",
                      "format", &format, "target", &target, "model", &model, "phase", &phase, "rollout_id", &rollout_id, "stable",
                      &stable, "candidate", &candidate, "window", &window, "policy", &policy, "declared", &declared, "progress",
                      &progress, "actor", &actor, "started_by", &started_by, "reason", &reason, "note", &note, "rejected",
                      &rejected, "started_at", &started, "updated_at", &updated, "last_event", &last_event, "outbox",
                      &outbox) < 0 ||
            take_head(format, target ? target : model, model, phase, r, e) < 0)
                return -1;
        if (placed_from_json(stable, &r->stable, e) < 0 || placed_from_json(candidate, &r->candidate, e) < 0 ||
            window_from_json(window, r, e) < 0 || take_policy(policy, pool, r, e) < 0 || declared_from_json(declared, r, e) < 0 ||
            progress_from_json(progress, r, e) < 0 || time_from_json(started, &r->started_ms, e) < 0 ||
            time_from_json(updated, &r->updated_ms, e) < 0 || outbox_from_json(outbox, r, e) < 0)
                return err_wrap(e, "record of %s", r->target);
        r->rollout_id = rollout_id;
        r->last_event = last_event;
        snprintf(r->actor, sizeof r->actor, "%s", actor);
        snprintf(r->started_by, sizeof r->started_by, "%s", started_by);
        snprintf(r->reason, sizeof r->reason, "%s", reason);
        snprintf(r->note, sizeof r->note, "%s", note);
        snprintf(r->rejected, sizeof r->rejected, "%s", rejected);
        return check_whole(r, e) < 0 ? err_wrap(e, "record of %s", r->target) : 0;
}

int rollout_decode(const char *text, struct policy_pool *pool, struct rollout *out, struct err *e)
{
        struct rollout r = { 0 };
        AUTO(json) doc = NULL;

        if (json_parse("record", text, strlen(text), &doc, e) < 0)
                return -1;
        if (decode(doc, pool, &r, e) < 0) {
                rollout_done(&r);
                return -1;
        }
        *out = r;
        return 0;
}

/* --- the API's view --- */

/* The candidate's share of the requests seen in this step, in percent with two digits. */
static json_t *observed(const struct rollout *r)
{
        int64_t b = r->judge.step[ARM_CANDIDATE].requests, n = b + r->judge.step[ARM_STABLE].requests;

        if (!phase_is_under_way(r->phase) || n == 0)
                return json_null();
        return json_real((double) (b * 10000 / n) / 100);
}

static json_t *window_view(const struct rollout *r)
{
        json_t *list = json_array();

        for (int i = 0; i < r->n_window; i++)
                json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:b}", "version", version_to_json(r->window[i].version),
                                                      "release", release_to_json(r->window[i].version), "until",
                                                      time_to_json(r->window[i].until_ms), "left", r->window[i].left));
        return list;
}

json_t *rollout_view(const struct rollout *r, const struct rollout_view *more)
{
        int64_t hold_left_ms = rollout_hold_left_ms(r);

        return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:b, s:o, s:s, s:o, s:o, s:I, s:I, s:o, "
                         "s:o, s:s, s:s, s:s}",
                         "target", r->target, "model", r->model, "phase", phase_name(r->phase), "stable",
                         version_to_json(r->stable.version), "stable_release", release_to_json(r->stable.version), "candidate",
                         version_to_json(r->candidate.version), "candidate_release", release_to_json(r->candidate.version),
                         "policy", r->policy->n_steps ? json_string(r->policy->name) : json_null(), "step", r->step, "steps",
                         policy_steps_view(r->policy), "weight_asked", percent_to_json(rollout_weight_bp(r)), "weight_observed",
                         observed(r), "paused", r->paused, "hold_left_ms",
                         hold_left_ms >= 0 ? json_integer(hold_left_ms) : json_null(), "message", more->message, "verdict",
                         verdict_to_json(&r->verdict), "window", window_view(r), "revision", (json_int_t) more->revision,
                         "rollout_id", (json_int_t) r->rollout_id, "started_at", time_to_json(r->started_ms), "updated_at",
                         time_to_json(r->updated_ms), "actor", r->actor, "started_by", r->started_by, "reason", r->reason);
}
