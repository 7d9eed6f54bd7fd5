/* The settings table of rolloutd. */
#include "rolloutd/settings.h"

#include <string.h>

#include "lib/log.h"
#include "lib/names.h"

enum { SPOOL_LEAST = 65536 };

static const struct setting rows[] = {
#define SETTING(name, type, fallback, reloadable, help)                                                                          \
        { #name, SETTING_##type, offsetof(struct settings, name), fallback, reloadable, help },
#include "rolloutd/settings.def"
#undef SETTING
};

static const struct settings_tool tools[] = {
        { "check-policies", "FOLDER", "check the policies of a folder, name all that cannot be used" },
        { NULL, NULL, NULL },
};

const struct settings_spec rolloutd_settings = {
        .program = "rolloutd",
        .summary = "rollout controller: moves traffic to new model versions step by step, and back when they are worse",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .size = sizeof(struct settings),
        .tools = tools,
};

static int in_range(const char *name, int64_t ms, int64_t low, int64_t high, struct err *e)
{
        if (ms < low || ms > high)
                return err_set(e, ERR_INVALID, "%s must be %lld to %lld ms, not %lld", name, (long long) low, (long long) high,
                               (long long) ms);
        return 0;
}

static int check_url(const char *name, const char *url, struct err *e)
{
        if (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0)
                return 0;
        return err_set(e, ERR_INVALID, "%s must be like http://HOST:PORT, not \"%s\"", name, url);
}

static int check_log(const struct settings *s, struct err *e)
{
        if (!s->region)
                return err_set(e, ERR_INVALID, "region must not be empty");
        if (s->decision_spool < SPOOL_LEAST)
                return err_set(e, ERR_INVALID, "decision_spool must be at least %d bytes, not %lld", SPOOL_LEAST,
                               (long long) s->decision_spool);
        return name_check("region", s->region, e);
}

static int check_kube(const struct settings *s, struct err *e)
{
        if (!s->kube_lease)
                return err_set(e, ERR_INVALID, "kube_lease must not be empty");
        if (s->kube_lease_duration % 1000)
                return err_set(e, ERR_INVALID, "kube_lease_duration must be whole seconds");
        if (s->kube_registry && check_url("kube_registry", s->kube_registry, e) < 0)
                return -1;
        return in_range("kube_lease_duration", s->kube_lease_duration, 10000, 3600000, e);
}

int settings_check(const struct settings *s, struct err *e)
{
        enum log_level level;

        if (!s->listen || !s->state_dir || !s->registry || !s->prometheus || !s->policies || !s->platform || !s->log_level ||
            !s->default_policy)
                return err_set(e, ERR_INVALID,
                               "listen, state_dir, registry, prometheus, policies, default_policy, platform and log_level must "
                               "not be empty");
        if (log_level_parse(s->log_level, &level))
                return err_set(e, ERR_INVALID, "log_level must be debug, info, warn or error, not \"%s\"", s->log_level);
        if (strcmp(s->platform, "local") != 0 && strcmp(s->platform, "kube") != 0)
                return err_set(e, ERR_INVALID, "platform must be local or kube, not \"%s\"", s->platform);
        if (strcmp(s->platform, "kube") == 0 && check_kube(s, e) < 0)
                return -1;
        if (name_check("default_policy", s->default_policy, e) < 0 || check_log(s, e) < 0 ||
            check_url("registry", s->registry, e) < 0 || check_url("prometheus", s->prometheus, e) < 0 ||
            in_range("tick", s->tick, 50, 300000, e) < 0 || in_range("scrape_interval", s->scrape_interval, 50, 300000, e) < 0 ||
            in_range("token_sync", s->token_sync, 100, 86400000, e) < 0)
                return -1;
        return 0;
}
