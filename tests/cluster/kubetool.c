/*
 * The Kubernetes client by hand: one command, results as JSON lines on standard output. The cluster suite drives it.
 *
 *      kubetool [--kubeconfig=F] [--context=C] [--urgent] [--force] [--timeout-ms=N] [--least-ms=N] [--silence-ms=N] COMMAND ARGUMENT...
 *
 * KIND is GROUP/VERSION/PLURAL with an empty group for core, NS is - for cluster-wide.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/json.h"
#include "lib/kube_client.h"
#include "lib/kube_elect.h"
#include "lib/kube_list.h"
#include "lib/kube_modify.h"
#include "lib/kube_served.h"
#include "lib/kube_watch.h"

enum { ACT_MS = 20, JAM_CALLS = 60 };

struct tool {
        struct kube *kube;
        struct kube_call call; /* lane, timeout and force from the options */
        struct kube_resource resource;
        struct kube_watch *watch;
        struct kube_watch_options watch_options;
        struct kube_elect *elect;
        int64_t act_ms; /* next sign that we lead */
        int status;     /* exit status; -1: go on */
        int pending;    /* answers that are awaited */
        const char *key;
};

static void print_line(json_t *line)
{
        AUTO(json) owned = line;
        AUTO(str) text = json_text(owned);

        (void) printf("%s\n", text);
        (void) fflush(stdout);
}

static json_t *failure_line(const struct kube_failure *f)
{
        return json_pack("{s:s, s:s, s:s, s:i, s:I}", "failure", kube_reason_name(f->reason), "kind", err_kind_name(f->err.kind),
                         "message", f->err.msg, "status", f->status, "retry_after_ms", (json_int_t) f->retry_after_ms);
}

static void answer(struct tool *t, json_t *line, bool failed)
{
        print_line(line);
        if (failed)
                t->status = 1;
        if (--t->pending == 0 && t->status < 0)
                t->status = 0;
}

static void on_object(void *arg, json_t *object, const struct kube_failure *failure)
{
        answer(arg, failure ? failure_line(failure) : json_pack("{s:O}", "object", object), failure);
}

static void split_kind(char *kind, struct kube_resource *out) /* in place */
{
        out->group = strsep(&kind, "/");
        out->version = strsep(&kind, "/");
        out->plural = kind;
        if (!out->version || !out->plural) {
                (void) fprintf(stderr, "kubetool: a kind is GROUP/VERSION/PLURAL\n");
                exit(2);
        }
}

/* --- commands; argv holds what follows the command's name --- */

static json_t *parse_body(const char *text)
{
        struct err e;
        json_t *body;

        if (json_parse("body", text, strlen(text), &body, &e)) {
                (void) fprintf(stderr, "kubetool: %s\n", e.msg);
                exit(2);
        }
        return body;
}

static void target(struct tool *t, char **argv)
{
        split_kind(argv[0], &t->resource);
        t->call.resource = &t->resource;
        t->call.namespace_ = strcmp(argv[1], "-") ? argv[1] : NULL;
        t->call.name = argv[2];
}

static void call_verb(struct tool *t, enum kube_verb verb, char **argv, const char *body)
{
        AUTO(json) doc = body ? parse_body(body) : NULL;

        target(t, argv);
        t->call.verb = verb;
        t->call.body = doc;
        t->pending++;
        kube_start(t->kube, &t->call, on_object, t);
        t->call.body = NULL;
}

static void cmd_get(struct tool *t, char **argv)
{
        call_verb(t, KUBE_GET, argv, NULL);
}

static void cmd_create(struct tool *t, char **argv)
{
        call_verb(t, KUBE_CREATE, argv, argv[3]);
}

static void cmd_update(struct tool *t, char **argv)
{
        call_verb(t, KUBE_UPDATE, argv, argv[3]);
}

static void cmd_patch(struct tool *t, char **argv)
{
        call_verb(t, KUBE_JSON_PATCH, argv, argv[3]);
}

static void cmd_merge(struct tool *t, char **argv)
{
        call_verb(t, KUBE_MERGE_PATCH, argv, argv[3]);
}

static void cmd_apply(struct tool *t, char **argv)
{
        call_verb(t, KUBE_APPLY, argv, argv[3]);
}

static void cmd_delete(struct tool *t, char **argv) /* ... UID VERSION, - for none */
{
        AUTO(json)
        options = kube_delete_options(strcmp(argv[3], "-") ? argv[3] : NULL, strcmp(argv[4], "-") ? argv[4] : NULL, "Background");
        AUTO(str) text = json_text(options);

        call_verb(t, KUBE_DELETE, argv, text);
}

static int count_up(void *arg, json_t *object, struct err *e)
{
        const struct tool *t = arg;
        json_t *data = json_object_get(object, "data");
        char text[32];

        if (!json_is_object(data))
                return err_set(e, ERR_INVALID, "there is no data");
        const char *old = json_string_value(json_object_get(data, t->key));
        (void) snprintf(text, sizeof text, "%ld", (old ? strtol(old, NULL, 10) : 0) + 1);
        json_object_set_new(data, t->key, json_string(text));
        return 1;
}

static void cmd_count(struct tool *t, char **argv) /* data.KEY one up, under optimistic concurrency */
{
        target(t, argv);
        t->key = argv[3];
        t->pending++;
        kube_modify_start(t->kube, &t->call, count_up, on_object, t);
}

static void on_page(void *arg, json_t *items)
{
        json_t *object;
        size_t i;

        (void) arg;
        json_array_foreach (items, i, object)
                print_line(json_pack("{s:s}", "name", kube_meta(object, "name")));
}

static void on_listed(void *arg, const char *version, const struct kube_failure *failure)
{
        answer(arg, failure ? failure_line(failure) : json_pack("{s:s}", "version", version), failure);
}

static void cmd_list(struct tool *t, char **argv)
{
        target(t, argv);
        t->pending++;
        kube_list_start(t->kube, &(struct kube_list_call){ .resource = &t->resource,
                                                           .namespace_ = t->call.namespace_,
                                                           .selector = argv[2],
                                                           .page = on_page,
                                                           .done = on_listed,
                                                           .arg = t });
}

static void on_change(void *arg, enum kube_change change, const json_t *object)
{
        static const char *const words[] = { [KUBE_ADDED] = "added", [KUBE_CHANGED] = "changed", [KUBE_DELETED] = "deleted" };
        json_t *data = json_object_get(object, "data");

        (void) arg;
        print_line(json_pack("{s:s, s:s, s:O*}", "change", words[change], "name", kube_meta(object, "name"), "data", data));
}

static void on_synced(void *arg)
{
        const struct tool *t = arg;

        print_line(json_pack("{s:I}", "synced", (json_int_t) kube_cache_count(kube_watch_cache(t->watch))));
}

static void on_trouble(void *arg, const struct kube_failure *why)
{
        (void) arg;
        print_line(failure_line(why));
}

static void cmd_watch(struct tool *t, char **argv)
{
        target(t, argv);
        t->watch_options.resource = &t->resource;
        t->watch_options.namespace_ = t->call.namespace_;
        t->watch_options.selector = argv[2];
        t->watch_options.changed = on_change;
        t->watch_options.synced = on_synced;
        t->watch_options.trouble = on_trouble;
        t->watch_options.arg = t;
        t->watch = kube_watch_start(t->kube, &t->watch_options);
}

static void on_leading(void *arg, int64_t epoch)
{
        (void) arg;
        print_line(json_pack("{s:I}", "leading", (json_int_t) epoch));
}

static void on_lost(void *arg)
{
        struct tool *t = arg;

        print_line(json_pack("{s:b}", "lost", 1));
        t->status = 3;
}

static void cmd_lease(struct tool *t, char **argv) /* NS NAME IDENTITY LEASE_MS RENEW_MS RETRY_MS */
{
        struct kube_elect_options o = {
                .namespace_ = argv[0],
                .name = argv[1],
                .identity = argv[2],
                .times = { .lease_ms = atoll(argv[3]), .renew_ms = atoll(argv[4]), .retry_ms = atoll(argv[5]) },
                .leading = on_leading,
                .lost = on_lost,
                .exit_status = 3,
                .arg = t
        };

        t->elect = kube_elect_new(t->kube, &o);
}

static void on_served(void *arg, const struct kube_resource *best, const struct kube_failure *failure)
{
        answer(arg, failure ? failure_line(failure) : json_pack("{s:s?}", "served", best ? best->version : NULL), failure);
}

static void cmd_served(struct tool *t, char **argv) /* KIND KIND */
{
        static struct kube_resource candidates[2];

        split_kind(argv[0], &candidates[0]);
        split_kind(argv[1], &candidates[1]);
        t->pending++;
        kube_served_start(t->kube, candidates, 2, on_served, t);
}

static void on_jammed(void *arg, json_t *object, const struct kube_failure *failure)
{
        (void) object;
        answer(arg, json_pack("{s:s}", "normal", failure ? kube_reason_name(failure->reason) : "ok"), false);
}

static void on_urgent(void *arg, json_t *object, const struct kube_failure *failure)
{
        (void) object;
        answer(arg, json_pack("{s:s}", "urgent", failure ? kube_reason_name(failure->reason) : "ok"), false);
}

static void cmd_jam(struct tool *t, char **argv) /* many reads of the object, and then an urgent write of it */
{
        AUTO(json) patch = parse_body(argv[3]);

        target(t, argv);
        t->call.verb = KUBE_GET;
        for (int i = 0; i < JAM_CALLS; i++)
                kube_start(t->kube, &t->call, on_jammed, t);
        t->call.verb = KUBE_MERGE_PATCH;
        t->call.lane = KUBE_URGENT;
        t->call.body = patch;
        kube_start(t->kube, &t->call, on_urgent, t);
        t->call.body = NULL;
        t->pending += JAM_CALLS + 1;
}

static const struct {
        const char *name;
        int args;
        void (*run)(struct tool *t, char **argv);
        const char *usage;
} commands[] = {
        { "get", 3, cmd_get, "KIND NS NAME" },
        { "create", 4, cmd_create, "KIND NS NAME BODY" },
        { "update", 4, cmd_update, "KIND NS NAME BODY" },
        { "patch", 4, cmd_patch, "KIND NS NAME BODY" },
        { "merge", 4, cmd_merge, "KIND NS NAME BODY" },
        { "apply", 4, cmd_apply, "KIND NS NAME BODY" },
        { "delete", 5, cmd_delete, "KIND NS NAME UID VERSION" },
        { "count", 4, cmd_count, "KIND NS NAME KEY" },
        { "list", 2, cmd_list, "KIND NS [SELECTOR]" },
        { "watch", 2, cmd_watch, "KIND NS [SELECTOR]" },
        { "lease", 6, cmd_lease, "NS NAME IDENTITY LEASE_MS RENEW_MS RETRY_MS" },
        { "served", 2, cmd_served, "KIND KIND" },
        { "jam", 4, cmd_jam, "KIND NS NAME BODY" },
};

/* --- the loop --- */

static void on_released(void *arg, const struct kube_failure *failure)
{
        struct tool *t = arg;

        print_line(failure ? failure_line(failure) : json_pack("{s:b}", "released", 1));
        t->status = failure != NULL;
}

static void stop(struct tool *t)
{
        if (t->elect)
                kube_elect_release(t->elect, on_released);
        else
                t->status = 0;
}

/* What a controller would do under the lease: a sign of life, but only while it may. */
static int64_t act(struct tool *t, int64_t now_ms)
{
        if (now_ms < t->act_ms)
                return t->act_ms - now_ms;
        if (kube_elect_may_act(t->elect, clock_ms(), ACT_MS))
                print_line(json_pack("{s:I, s:I}", "acts", (json_int_t) clock_ms(), "epoch",
                                     (json_int_t) kube_elect_epoch(t->elect)));
        t->act_ms = now_ms + ACT_MS;
        return ACT_MS;
}

static int64_t run_all(struct tool *t)
{
        int64_t wake = kube_run(t->kube), wait = wake;

        if (t->watch)
                wait = kube_watch_run(t->watch, clock_ms());
        wake = wait < wake ? wait : wake;
        if (t->elect) {
                wait = kube_elect_run(t->elect, clock_ms());
                wake = wait < wake ? wait : wake;
                wait = act(t, clock_ms());
                wake = wait < wake ? wait : wake;
        }
        return wake;
}

static int loop(struct tool *t, struct daemon *d)
{
        struct pollfd fds[KUBE_POLL_FDS + 1];

        t->status = -1;
        while (t->status < 0) {
                int64_t wake = run_all(t);
                unsigned n = kube_poll_fds(t->kube, fds);
                fds[n++] = (struct pollfd){ .fd = d->fd, .events = POLLIN };
                if (t->status < 0)
                        (void) poll(fds, n, (int) wake);
                if (daemon_next(d) == DAEMON_DRAIN)
                        stop(t);
        }
        return t->status;
}

static int usage(void)
{
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
                (void) fprintf(stderr, "kubetool %s %s\n", commands[i].name, commands[i].usage);
        return 2;
}

static void parse_options(int argc, char **argv, struct kube_config_options *o, struct tool *t)
{
        static const struct option rows[] = {
                { "kubeconfig", required_argument, NULL, 'k' },
                { "context", required_argument, NULL, 'c' },
                { "insecure", no_argument, NULL, 'i' },
                { "urgent", no_argument, NULL, 'u' },
                { "force", no_argument, NULL, 'f' },
                { "timeout-ms", required_argument, NULL, 't' },
                { "least-ms", required_argument, NULL, 'l' },
                { "silence-ms", required_argument, NULL, 's' },
                { "manager", required_argument, NULL, 'm' },
                { NULL, 0, NULL, 0 },
        };

        for (int opt; (opt = getopt_long(argc, argv, "+", rows, NULL)) != -1;) {
                switch (opt) {
                case 'k':
                        o->path = optarg;
                        break;
                case 'c':
                        o->context = optarg;
                        break;
                case 'i':
                        o->allow_insecure = true;
                        break;
                case 'u':
                        t->call.lane = KUBE_URGENT;
                        break;
                case 'f':
                        t->call.force = true;
                        break;
                case 'm':
                        t->call.field_manager = optarg;
                        break;
                case 't':
                        t->call.timeout_ms = atoll(optarg);
                        break;
                case 'l':
                        t->watch_options.least_ms = atoll(optarg);
                        break;
                case 's':
                        t->watch_options.silence_ms = atoll(optarg);
                        break;
                default:
                        exit(usage());
                }
        }
}

int main(int argc, char **argv)
{
        struct kube_config_options o = { 0 };
        struct kube_config config;
        struct tool t = { 0 };
        struct daemon d;
        struct err e;
        size_t c = 0;

        daemon_init(&d, "kubetool");
        parse_options(argc, argv, &o, &t);
        char **args = argv + optind + 1;
        while (c < sizeof commands / sizeof *commands && optind < argc && strcmp(commands[c].name, argv[optind]) != 0)
                c++;
        if (optind >= argc || c == sizeof commands / sizeof *commands || argc - optind - 1 < commands[c].args)
                return usage();
        if (kube_config_load(&o, &config, &e)) {
                print_line(json_pack("{s:s, s:s, s:s}", "failure", "Config", "kind", err_kind_name(e.kind), "message", e.msg));
                return 1;
        }
        t.kube = kube_new(&config);
        commands[c].run(&t, args);
        int status = loop(&t, &d);
        kube_elect_free(t.elect);
        kube_watch_free(t.watch);
        kube_free(t.kube);
        daemon_done(&d);
        return status;
}
