/*
 * The Kubernetes platform by hand: leads, and carries out operations given as JSON lines on standard input. The cluster suite drives it.
 *
 *      platformtool KUBECONFIG NAMESPACE [REGISTRY [SECRET [POD]]]
 *
 *      {"do":"deploy","target":"NS.NAME","release":"7.1","replicas":2,"role":"candidate","digest":"","build":""}
 *      {"do":"retire","target":"NS.NAME","release":"7.1"}
 *      {"do":"route","target":"NS.NAME","weights":{"7":9500,"7.1":500},"urgent":false}
 *      {"do":"observe","target":"NS.NAME"}
 *      {"do":"load","target":"NS.NAME"}              its record once more; all are loaded at the start
 *      {"do":"save","target":"NS.NAME","record":TEXT,"expected":N}
 *      {"do":"record","target":"NS.NAME","event":EVENT}
 *      {"do":"history","target":"NS.NAME","before":N,"limit":N}
 *      {"do":"publish","target":"NS.NAME","phase":"DONE","stable":"7","candidate":"8","followed":N,"trouble":REASON,"event":EVENT}
 *      {"do":"unmark","target":"NS.NAME","mark":ID}
 *
 * Each is answered by one line, in the order in which they end: {"do":...,"failure":KIND|null,"message":...}, operations with the time
 * they took in us; observe with the world, load with the records, save with the revision, history with the events.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/release.h"
#include "rolloutd/kube.h"
#include "rolloutd/target.h"
#include "rolloutd/verdict_json.h"

enum { FDS_MAX = 16, LINE_MAX_BYTES = 1 << 16 };

struct tool {
        struct platform *p;
        bool loaded;
};

struct job {
        char what[16];
        int64_t asked_us;
};

static void print_line(json_t *line)
{
        AUTO(json) owned = line;
        AUTO(str) text = json_text(owned);

        (void) printf("%s\n", text);
        (void) fflush(stdout);
}

static json_t *outcome(const char *what, const struct err *failure)
{
        return json_pack("{s:s, s:s?, s:s}", "do", what, "failure", failure ? err_kind_name(failure->kind) : NULL, "message",
                         failure ? failure->msg : "");
}

static void on_done(void *arg, const struct err *failure)
{
        struct job *job = arg;
        json_t *line = outcome(job->what, failure);

        (void) json_object_set_new(line, "us", json_integer(clock_us() - job->asked_us));
        print_line(line);
        free(job);
}

static void on_world(void *arg, const struct world *seen, const struct err *failure)
{
        json_t *line = outcome("observe", failure), *versions = json_object();

        (void) arg;
        for (int i = 0; seen && i < seen->n_versions; i++) {
                const struct version_status *v = &seen->versions[i];
                (void) json_object_set_new(versions, release_text(v->version).text,
                                           json_pack("{s:i, s:i, s:b, s:i, s:s}", "wanted", v->wanted, "ready", v->ready,
                                                     "failed", v->failed, "weight", v->weight_bp, "message", v->message));
        }
        (void) json_object_set_new(line, "releases", versions);
        (void) json_object_set_new(line, "router", json_string(seen ? seen->router_message : ""));
        (void) json_object_set_new(line, "router_ok", json_boolean(seen && seen->router_ok));
        print_line(line);
}

static void on_wanted(void *arg, const struct desire *d)
{
        (void) arg;
        print_line(
                json_pack("{s:s, s:s, s:s, s:s}", "wanted", d->target, "ref", d->ref, "build", d->build, "invalid", d->invalid));
}

static void on_gone(void *arg, const char *target)
{
        (void) arg;
        print_line(json_pack("{s:s}", "gone", target));
}

static void on_load(void *arg, const struct platform_record *records, size_t n, const struct err *failure)
{
        struct tool *t = arg;
        json_t *line = json_pack("{s:i, s:s}", "loaded", (int) n, "message", failure ? failure->msg : ""), *list = json_object();

        for (size_t i = 0; i < n; i++)
                (void) json_object_set_new(list, records[i].target,
                                           json_pack("{s:s, s:I}", "record", records[i].json, "revision", records[i].revision));
        (void) json_object_set_new(line, "records", list);
        if (t->loaded)
                (void) json_object_set_new(line, "do", json_string("load"));
        t->loaded |= !failure;
        print_line(line);
}

static void on_saved(void *arg, int64_t revision, const struct err *failure)
{
        json_t *line = outcome("save", failure);

        (void) arg;
        (void) json_object_set_new(line, "revision", json_integer(revision));
        print_line(line);
}

static void on_history(void *arg, const char *events, const struct err *failure)
{
        json_t *line = outcome("history", failure);

        (void) arg;
        (void) json_object_set_new(line, "events", events ? json_loads(events, 0, NULL) : json_null());
        print_line(line);
}

static int64_t key_of(const char *release)
{
        struct err e;
        int64_t key;

        if (release_parse(release, &key, &e)) {
                (void) fprintf(stderr, "platformtool: %s\n", e.msg);
                exit(2);
        }
        return key;
}

static void deploy(struct tool *t, json_t *command, struct job *job)
{
        static const char *const roles[] = { "stable", "candidate", "kept" };
        const char *target, *release, *role = "stable", *digest = "", *build = "";
        struct deployment d = { .replicas = 1 };

        if (json_unpack(command, "{s:s, s:s, s?i, s?s, s?s, s?s}", "target", &target, "release", &release, "replicas",
                        &d.replicas, "role", &role, "digest", &digest, "build", &build))
                exit(2);
        d.version = key_of(release);
        for (int r = PLACED_STABLE; r <= PLACED_KEPT; r++)
                if (strcmp(roles[r], role) == 0)
                        d.role = (enum placed_role) r;
        (void) snprintf(d.digest, sizeof d.digest, "%s", digest);
        (void) snprintf(d.build, sizeof d.build, "%s", build);
        t->p->ops->deploy(t->p, target, &d, on_done, job);
}

static void route(struct tool *t, json_t *command, struct job *job)
{
        struct weight w[WORLD_VERSIONS_MAX];
        const char *target, *release;
        json_t *weights, *bp;
        int n = 0, urgent = 0;

        if (json_unpack(command, "{s:s, s:o, s?b}", "target", &target, "weights", &weights, "urgent", &urgent))
                exit(2);
        json_object_foreach (weights, release, bp)
                w[n++] = (struct weight){ key_of(release), (int) json_integer_value(bp) };
        t->p->ops->route(t->p, target, w, n, urgent, on_done, job);
}

static const char *text_in(json_t *command, const char *name, const char *fallback)
{
        const char *text = json_string_value(json_object_get(command, name));

        return text ? text : fallback;
}

static int64_t number_in(json_t *command, const char *name)
{
        return json_integer_value(json_object_get(command, name));
}

/* A target as the controller would have it, as far as the command says. */
static void publish(struct tool *t, json_t *command)
{
        static const struct target_env env = { 0 };
        struct target *seen = target_new(&env, text_in(command, "target", ""), "fraud");
        struct desire_trouble trouble = { 0 };
        json_t *event = json_object_get(command, "event");
        struct err e;

        (void) phase_parse(text_in(command, "phase", "IDLE"), &seen->now.phase);
        if (json_object_get(command, "stable"))
                seen->now.stable = (struct placed){ .version = key_of(text_in(command, "stable", "")), .replicas = 1 };
        if (json_object_get(command, "candidate"))
                seen->now.candidate = (struct placed){ .version = key_of(text_in(command, "candidate", "")), .replicas = 1 };
        (void) snprintf(seen->now.note, sizeof seen->now.note, "%s", text_in(command, "note", ""));
        (void) snprintf(trouble.reason, sizeof trouble.reason, "%s", text_in(command, "trouble", ""));
        (void) snprintf(trouble.message, sizeof trouble.message, "%s", text_in(command, "trouble", ""));
        if (event) {
                seen->now.outbox = xcalloc(1, sizeof *seen->now.outbox);
                seen->now.n_outbox = 1;
                if (event_from_json(event, seen->now.outbox, &e))
                        exit(2);
        }
        t->p->ops->publish(t->p, seen, number_in(command, "followed"), &trouble);
        target_free(seen);
}

/* True: the command was one about what is remembered and told. */
static bool remember(struct tool *t, const char *what, json_t *command)
{
        const struct platform_ops *ops = t->p->ops;
        const char *target = text_in(command, "target", "");
        AUTO(str) event = json_dumps(json_object_get(command, "event"), JSON_COMPACT | JSON_ENCODE_ANY);
        struct job *job;

        if (strcmp(what, "load") == 0) {
                ops->reload(t->p, target, on_load, t);
        } else if (strcmp(what, "save") == 0) {
                ops->save(t->p, target, text_in(command, "record", ""), number_in(command, "expected"), on_saved, t);
        } else if (strcmp(what, "history") == 0) {
                ops->history(t->p, target, number_in(command, "before"), (int) number_in(command, "limit"), on_history, t);
        } else if (strcmp(what, "record") == 0) {
                job = xcalloc(1, sizeof *job);
                (void) snprintf(job->what, sizeof job->what, "record");
                ops->record(t->p, target, event ? event : "", on_done, job);
        } else if (strcmp(what, "publish") == 0) {
                publish(t, command);
                print_line(outcome(what, NULL));
        } else if (strcmp(what, "unmark") == 0) {
                ops->unmark(t->p, target, text_in(command, "mark", ""));
                print_line(outcome(what, NULL));
        } else {
                return false;
        }
        return true;
}

static void carry_out(struct tool *t, char *line)
{
        const char *what = "", *target = "", *release = "";
        AUTO(json) command = json_loads(line, 0, NULL);

        (void) json_unpack(command, "{s:s, s:s, s?s}", "do", &what, "target", &target, "release", &release);
        if (remember(t, what, command))
                return;
        struct job *job = xcalloc(1, sizeof *job);
        (void) snprintf(job->what, sizeof job->what, "%s", what);
        job->asked_us = clock_us();
        if (strcmp(what, "deploy") == 0) {
                deploy(t, command, job);
        } else if (strcmp(what, "retire") == 0) {
                t->p->ops->retire(t->p, target, key_of(release), on_done, job);
        } else if (strcmp(what, "route") == 0) {
                route(t, command, job);
        } else {
                free(job);
                t->p->ops->observe(t->p, target, on_world, t);
        }
}

/* Standard input is nonblocking by poll(2): one line is one write of the test's. False at its end. */
static bool read_commands(struct tool *t)
{
        static char text[LINE_MAX_BYTES];
        ssize_t n = read(STDIN_FILENO, text, sizeof text - 1);
        char *rest = text, *line;

        if (n <= 0)
                return false;
        text[n] = '\0';
        while ((line = strsep(&rest, "\n")))
                if (*line)
                        carry_out(t, line);
        return true;
}

static void run(struct tool *t)
{
        struct pollfd fds[FDS_MAX] = { { .fd = STDIN_FILENO, .events = POLLIN } };

        for (;;) {
                int64_t wake = t->p->ops->run(t->p, clock_ms());
                unsigned n = t->p->ops->poll_fds(t->p, fds + 1, FDS_MAX - 1);
                fds[0].fd = t->loaded ? STDIN_FILENO : -1;
                (void) poll(fds, n + 1, wake < 0 || wake > 1000 ? 1000 : (int) wake);
                if (t->loaded && fds[0].revents && !read_commands(t))
                        return;
        }
}

int main(int argc, char **argv)
{
        const struct platform_listener listener = { .wanted = on_wanted, .gone = on_gone };
        struct kube_settings s = { 0 };
        struct tool t = { 0 };
        struct err e;

        mem_init();
        if (argc < 3)
                return 2;
        s.kubeconfig = argv[1];
        s.namespace_ = s.lease = argv[2];
        s.lease_ms = 10000;
        s.registry_url = argc > 3 ? argv[3] : NULL;
        s.registry_secret = argc > 4 ? argv[4] : NULL;
        s.pod = argc > 5 ? argv[5] : NULL;
        t.p = kube_platform_new(&s, &e);
        if (!t.p) {
                (void) fprintf(stderr, "platformtool: %s\n", e.msg);
                return 2;
        }
        t.p->ops->listen(t.p, &listener);
        t.p->ops->load(t.p, on_load, &t);
        run(&t);
        t.p->ops->free(t.p);
        return 0;
}
