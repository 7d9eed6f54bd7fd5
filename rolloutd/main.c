/* rolloutd: settings, platform, tokens, the loop; and back down in the opposite order. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "rolloutd/controller.h"
#include "rolloutd/fsm_diagram.h"
#include "rolloutd/kube.h"
#include "rolloutd/local.h"

enum { TOKEN_FILE_MAX = 4096 };

struct service {
        struct settings settings;
        struct tokens *tokens;
        struct controller *controller;
        int argc;
        char **argv;
};

static int reload(void *arg, struct err *e)
{
        struct service *s = arg;

        if (settings_reload(&rolloutd_settings, &s->settings, s->argc, s->argv, e) < 0)
                return -1;
        log_set_level(s->settings.log_level);
        return 0;
}

static bool holds(const char *path, const char *text)
{
        AUTO(str) old = NULL;
        size_t len;

        return fs_exists(path) && fs_read(path, TOKEN_FILE_MAX, &old, &len, NULL) == 0 && strcmp(old, text) == 0;
}

/* With a full disk there is no writing, and then above all rolloutd must run: rolling back needs no new token. */
static int keep_token(const char *path, const char *line, struct err *e)
{
        if (holds(path, line) || fs_write_atomic(path, line, strlen(line), 0600, e) == 0)
                return 0;
        if (!fs_exists(path))
                return -1;
        LOG_WARN("new scorers get the token of the last start, because the present one cannot be written", "error", e->msg);
        return 0;
}

/* Scorers get their token in a file. Caller frees *path; NULL when there is no token at all. */
static int scorer_token(const struct settings *s, char **path, struct err *e)
{
        *path = NULL;
        if (s->scorer_token_file) {
                *path = xstrdup(s->scorer_token_file);
                return 0;
        }
        if (!s->registry_token)
                return 0;
        AUTO(str) made = xasprintf("%s/scorer-token", s->state_dir);
        AUTO(str) line = xasprintf("%s\n", s->registry_token);
        if (keep_token(made, line, e) < 0)
                return -1;
        *path = TAKE(made);
        return 0;
}

static struct platform *start_local(const struct settings *s, struct err *e)
{
        AUTO(str) token_file = NULL;

        if (scorer_token(s, &token_file, e) < 0)
                return NULL;
        const struct local_config config = {
                .state_dir = s->state_dir,
                .haproxy_bin = s->haproxy_bin,
                .scorer_bin = s->scorer_bin,
                .traffic_listen = s->traffic_listen,
                .registry_url = s->registry,
                .registry_token_file = token_file,
                .scorer_port_base = (int) s->scorer_port_base,
                .stop_serving_on_exit = s->stop_serving_on_exit,
                .drain_ms = s->scorer_drain,
                .stop_ms = s->scorer_stop,
        };
        return local_platform_new(&config, e);
}

static struct platform *start_kube(const struct settings *s, struct err *e)
{
        const struct kube_settings config = {
                .kubeconfig = s->kubeconfig,
                .context = s->kube_context,
                .namespace_ = s->kube_namespace,
                .lease = s->kube_lease,
                .identity = s->kube_identity,
                .pod = s->kube_pod,
                .registry_url = s->kube_registry ? s->kube_registry : s->registry,
                .registry_secret = s->kube_registry_secret,
                .lease_ms = s->kube_lease_duration,
        };

        return kube_platform_new(&config, e);
}

static const struct {
        const char *name;
        struct platform *(*start)(const struct settings *s, struct err *e);
} platforms[] = {
        { "local", start_local },
        { "kube", start_kube },
};

static int start_platform(const struct settings *s, struct platform **out, struct err *e)
{
        for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
                if (strcmp(platforms[i].name, s->platform) == 0) {
                        *out = platforms[i].start(s, e);
                        return *out ? 0 : -1;
                }
        return err_set(e, ERR_INVALID, "there is no platform \"%s\"", s->platform);
}

static int start(struct service *s, struct daemon *d, struct err *e)
{
        const struct settings *set = &s->settings;
        AUTO(str) copy = NULL;
        AUTO(str) admin = NULL;
        struct platform *platform = NULL;

        if (settings_check(set, e) < 0 || fs_mkdirs(set->state_dir, 0755, e) < 0)
                return -1;
        copy = xasprintf("%s/tokens.json", set->state_dir);
        admin = set->admin_token_file ? xstrdup(set->admin_token_file) : xasprintf("%s/admin-token", set->state_dir);
        if (tokens_new(copy, admin, &s->tokens, e) < 0 || start_platform(set, &platform, e) < 0 ||
            controller_new(set, d, platform, s->tokens, &s->controller, e) < 0)
                return -1;
        s->controller->reload = reload;
        s->controller->reload_arg = s;
        return 0;
}

static int run(struct service *s, struct daemon *d)
{
        struct err e = { 0 };

        if (start(s, d, &e) < 0) {
                LOG_ERROR("cannot start", "error", e.msg);
                return err_exit_code(e.kind);
        }
        LOG_INFO("listening", "address", s->settings.listen, LOG_INT("port", http_server_port(s->controller->server)));
        if (controller_run(s->controller, &e) < 0) {
                LOG_ERROR("cannot go on", "error", e.msg);
                return err_exit_code(e.kind);
        }
        return 0;
}

static int check_policies(const char *folder, struct err *e)
{
        struct policies p = { 0 };
        int r = 0;

        if (policies_load(&p, folder, e) < 0)
                return -1;
        for (size_t i = 0; i < p.n; i++)
                printf("%s: %s\n", p.list[i].name, p.list[i].summary);
        for (size_t i = 0; i < p.n_broken; i++)
                (void) fprintf(stderr, "rolloutd: %s\n", p.broken[i].why);
        if (p.n_broken > 0)
                r = err_set(e, ERR_INVALID, "policies in %s: %zu of %zu cannot be used", folder, p.n_broken, p.n + p.n_broken);
        else if (p.n == 0)
                r = err_set(e, ERR_INVALID, "policies in %s: there is no *.yaml", folder);
        policies_done(&p);
        return r;
}

/* rolloutd --fsm, rolloutd --check-policies FOLDER: what needs no daemon. -1: neither was asked for. */
static int run_tool(int argc, char **argv)
{
        struct err e = { 0 };
        int r;

        if (argc == 2 && strcmp(argv[1], "--fsm") == 0) {
                fsm_print_doc(stdout);
                return 0;
        }
        if (argc < 2 || strcmp(argv[1], "--check-policies") != 0)
                return -1;
        if (argc == 3)
                r = check_policies(argv[2], &e);
        else
                r = err_set(&e, ERR_INVALID, "usage: rolloutd --check-policies FOLDER");
        if (r == 0)
                return 0;
        (void) fprintf(stderr, "rolloutd: %s\n", e.msg);
        return err_exit_code(e.kind);
}

int main(int argc, char **argv)
{
        struct service s = { .argc = argc, .argv = argv };
        struct daemon d;
        struct err e = { 0 };
        int r;

        daemon_init(&d, "rolloutd");
        r = run_tool(argc, argv);
        if (r >= 0)
                return r;
        r = settings_load(&rolloutd_settings, &s.settings, argc, argv, &e);
        if (r == SETTINGS_EXIT)
                return 0;
        if (r < 0) {
                (void) fprintf(stderr, "rolloutd: %s\n", e.msg);
                return err_exit_code(e.kind);
        }
        log_set_level(s.settings.log_level);
        r = run(&s, &d);
        controller_free(s.controller);
        tokens_free(s.tokens);
        settings_done(&rolloutd_settings, &s.settings);
        LOG_INFO("stopped", LOG_INT("status", r));
        daemon_done(&d);
        return r;
}
