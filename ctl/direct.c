/* The order of a rollback without rolloutd, and what is said about it. */
#include "ctl/direct.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/kube_talk.h"
#include "ctl/output.h"
#include "ctl/text.h"
#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/names.h"
#include "lib/release.h"

enum { CALL_MS = 5000 };

static const struct kube_resource rollouts = { "sluice.dev", "v1alpha1", "modelrollouts" };
static const struct kube_resource deployments = { "apps", "v1", "deployments" };

/* --- who and what --- */

/* [NAMESPACE.]NAME; a namespace has no dot. */
static int split_target(struct direct *d, struct err *e)
{
        const char *target = d->rq->target, *dot = strchr(target, '.'), *name = dot ? dot + 1 : target;
        const char *home = d->rq->namespace_ ? d->rq->namespace_ : kube_config_of(d->kube)->namespace_;
        int n = dot ? snprintf(d->namespace_, sizeof d->namespace_, "%.*s", (int) (dot - target), target)
                    : snprintf(d->namespace_, sizeof d->namespace_, "%s", home && *home ? home : "default");

        if (n >= (int) sizeof d->namespace_ || snprintf(d->name, sizeof d->name, "%s", name) >= (int) sizeof d->name)
                return err_set(e, ERR_INVALID, "\"%s\" is not the name of a ModelRollout: [NAMESPACE.]NAME", target);
        d->hand = (struct kubectl){ .kubeconfig = d->rq->kubeconfig, .context = d->rq->context, .namespace_ = d->namespace_ };
        return 0;
}

/* As far as rolloutd takes it for a name. */
static void who(char out[static NAME_MAX_LEN + 1])
{
        const struct passwd *me = getpwuid(getuid());
        const char *user = getenv("USER");

        if (!user || name_check("user", user, NULL))
                user = me ? me->pw_name : "";
        (void) snprintf(out, NAME_MAX_LEN + 1, "%s", name_check("user", user, NULL) ? "ctl" : user);
}

static void make_mark(struct direct *d)
{
        char by[NAME_MAX_LEN + 1];

        who(by);
        d->mark = json_pack("{s:s, s:s, s:s, s:s*}", "sluice.dev/rollback-to", release_text(d->aim.release).text,
                            "sluice.dev/rollback-by", by, "sluice.dev/rollback-at", d->rq->at, "sluice.dev/rollback-reason",
                            d->rq->reason);
}

/* --- reading --- */

static int read_rollout(struct direct *d, struct err *e)
{
        struct kube_call call = {
                .verb = KUBE_GET, .resource = &rollouts, .namespace_ = d->namespace_, .name = d->name, .timeout_ms = CALL_MS
        };
        struct kube_failure why;

        if (kube_talk(d->kube, &call, &d->rollout, &why) == 0)
                return 0;
        if (why.reason == KUBE_NOT_FOUND)
                return err_set(e, ERR_NOT_FOUND, "there is no ModelRollout %s/%s at %s", d->namespace_, d->name,
                               kube_config_of(d->kube)->server);
        return err_set(e, why.err.kind, "%s", why.err.msg);
}

/* It has to be there; how many pods it has is good to know, but not knowing it stops nothing. */
static int read_release(struct direct *d, struct err *e)
{
        char name[RELEASE_OBJECT_MAX + 1];
        struct kube_call call = {
                .verb = KUBE_GET, .resource = &deployments, .namespace_ = d->namespace_, .name = name, .timeout_ms = CALL_MS
        };
        struct kube_failure why;
        json_t *found = NULL;

        d->replicas = -1;
        release_object_name(d->name, d->aim.release, name);
        if (kube_talk(d->kube, &call, &found, &why) == 0) {
                int replicas = (int) json_num(json_object_get(found, "spec"), "replicas", 1);
                d->replicas = replicas < d->aim.replicas ? replicas : -1;
                json_decref(found);
                return 0;
        }
        if (why.reason == KUBE_NOT_FOUND)
                return err_set(e, ERR_CONFLICT, "release %s is not in the cluster any more: there is no Deployment %s/%s",
                               release_text(d->aim.release).text, d->namespace_, name);
        ctl_note(d->c, "whether release %s has pods is not known: %s", release_text(d->aim.release).text, why.err.msg);
        return 0;
}

/* --- writing --- */

static void merge(struct direct *d, const struct kube_resource *kind, const char *name, const char *subresource, json_t *body,
                  struct kube_failure *why)
{
        AUTO(json) own = body;
        struct kube_call call = { .verb = KUBE_MERGE_PATCH,
                                  .resource = kind,
                                  .namespace_ = d->namespace_,
                                  .name = name,
                                  .subresource = subresource,
                                  .body = own,
                                  .field_manager = "sluice-ctl",
                                  .timeout_ms = CALL_MS };

        *why = (struct kube_failure){ .err.kind = ERR_NONE };
        (void) kube_talk(d->kube, &call, NULL, why);
}

static void mark(struct direct *d)
{
        struct kube_failure why;

        merge(d, &rollouts, d->name, NULL, json_pack("{s:{s:O}}", "metadata", "annotations", d->mark), &why);
        d->marked = why.err.kind == ERR_NONE;
        if (!d->marked)
                ctl_note(d->c, "the ModelRollout could not be marked, so rolloutd may undo this: %s", why.err.msg);
}

static void scale(struct direct *d)
{
        char name[RELEASE_OBJECT_MAX + 1];
        struct kube_failure why;

        if (d->replicas < 0)
                return;
        release_object_name(d->name, d->aim.release, name);
        merge(d, &deployments, name, "scale", json_pack("{s:{s:i}}", "spec", "replicas", d->aim.replicas), &why);
        if (why.err.kind == ERR_NONE)
                return;
        ctl_note(d->c, "Deployment %s has %d of %d replicas and could not be scaled: %s", name, d->replicas, d->aim.replicas,
                 why.err.msg);
        d->replicas = -1;
}

/* --- telling --- */

static void print_commands(const struct ctl *c, const char *text)
{
        AUTO(str) copy = xstrdup(text);
        char *rest = copy;
        AUTO(json) list = json_array();

        if (c->output != OUTPUT_JSON) {
                for (char *line; (line = strsep(&rest, "\n"));)
                        if (*line)
                                output_line("%s", line);
                return;
        }
        for (char *line; (line = strsep(&rest, "\n"));)
                if (*line)
                        (void) json_array_append_new(list, json_string(line));
        AUTO(json) doc = json_pack("{s:O}", "commands", list);
        AUTO(str) json = json_text(doc);
        output_json(c, json);
}

static void print_by_hand(struct direct *d)
{
        AUTO_STRBUF lines;

        strbuf_init(&lines, KUBECTL_MAX_BYTES);
        direct_by_hand(d, &lines);
        print_commands(d->c, strbuf_str(&lines));
}

static void print_done_json(const struct direct *d, int64_t took_ms)
{
        AUTO(json)
        doc = json_pack("{s:s, s:s, s:s, s:s, s:s, s:O?, s:O?, s:b, s:b, s:o, s:I}", "target", d->rq->target, "namespace",
                        d->namespace_, "name", d->name, "release", release_text(d->aim.release).text, "route", d->aim.route,
                        "before", d->before, "after", d->after, "accepted", !*d->waits, "marked", d->marked, "scaled",
                        d->replicas < 0 ? json_null() : json_pack("{s:i, s:i}", "from", d->replicas, "to", d->aim.replicas),
                        "took_ms", (json_int_t) took_ms);
        AUTO(str) text = json_text(doc);

        output_json(d->c, text);
}

static void print_shares(const struct direct *d)
{
        AUTO_STRBUF line;
        const char *key;
        json_t *bp;

        strbuf_init(&line, 4096);
        json_object_foreach (d->after, key, bp) {
                char percent[TEXT_MAX];
                text_percent((double) json_integer_value(bp) / 100, percent);
                strbuf_addf(&line, "%s%s %s", line.len ? ", " : "", key, percent);
        }
        output_line("%s.%s: HTTPRoute %s now has %s", d->namespace_, d->name, d->aim.route, strbuf_str(&line));
}

static void print_done(const struct direct *d, int64_t took_ms)
{
        const struct release_text release = release_text(d->aim.release);

        if (d->c->output == OUTPUT_JSON) {
                print_done_json(d, took_ms);
                return;
        }
        if (d->c->output == OUTPUT_NAME) {
                output_line("%s", release.text);
                return;
        }
        output_line("%s.%s: all traffic is on release %s (%s), after %lld ms, without rolloutd", d->namespace_, d->name,
                    release.text, d->aim.reason, (long long) took_ms);
        print_shares(d);
        if (*d->waits)
                output_line("%s.%s: but %s", d->namespace_, d->name, d->waits);
        if (d->replicas >= 0)
                output_line("%s.%s: release %s had %d replicas and gets %d: its pods have to start first", d->namespace_, d->name,
                            release.text, d->replicas, d->aim.replicas);
        if (d->marked)
                output_line("%s.%s: marked; rolloutd will make the rollback its own as soon as it runs, and remove the mark",
                            d->namespace_, d->name);
}

/* --- all of it --- */

static int aim(struct direct *d, struct err *e)
{
        if (read_rollout(d, e))
                return -1;
        if (direct_aim(d->rollout, d->rq->to, d->rq->maybe_done, &d->aim, e))
                return err_wrap(e, "%s.%s", d->namespace_, d->name);
        json_decref(TAKE(d->mark));
        make_mark(d);
        return read_release(d, e);
}

/* By hand it may work later, or for somebody with more rights. */
static bool hand_helps(const struct err *why)
{
        return why->kind == ERR_UNAVAILABLE || why->kind == ERR_TIMEOUT || why->kind == ERR_UNAUTHORIZED ||
               why->kind == ERR_FORBIDDEN || why->kind == ERR_CONFLICT || why->kind == ERR_INTERNAL;
}

static int act(struct direct *d, struct err *e)
{
        int64_t begun_ms = clock_ms();

        if (aim(d, e)) {
                if (!d->rollout && hand_helps(e))
                        print_by_hand(d);
                return -1;
        }
        if (d->rq->dry_run) {
                print_by_hand(d);
                return 0;
        }
        mark(d);
        if (direct_shift(d, e)) {
                if (hand_helps(e))
                        print_by_hand(d);
                return err_wrap(e, "the traffic was not moved");
        }
        scale(d);
        print_done(d, clock_ms() - begun_ms);
        return 0;
}

int direct_rollback(struct ctl *c, struct kube *k, const struct direct_request *rq, struct err *e)
{
        struct direct d = { .c = c, .kube = k, .rq = rq, .replicas = -1 };

        if (split_target(&d, e))
                return -1;
        make_mark(&d);
        int r = act(&d, e);
        json_decref(d.rollout);
        json_decref(d.mark);
        json_decref(d.before);
        json_decref(d.after);
        return r;
}
