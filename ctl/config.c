/* ctl's settings, by the machinery of lib/settings.h. */
#include "ctl/config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"

static const struct setting rows[] = {
#define SETTING(name, type, fallback, reloadable, help)                                                                          \
        { #name, SETTING_##type, offsetof(struct ctl_settings, name), fallback, reloadable, help },
#include "ctl/settings.def"
#undef SETTING
};

const struct settings_spec config_spec = {
        .program = "ctl",
        .summary = "command line of Sluice",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .size = sizeof(struct ctl_settings),
        .env = "SLUICE_",
};

char *config_path(void)
{
        const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

        if (base && *base == '/')
                return xasprintf("%s/sluice/ctl.yaml", base);
        return home && *home ? xasprintf("%s/.config/sluice/ctl.yaml", home) : NULL;
}

/* The global flags that are settings, spelled as settings_load() wants them. */
static const char *const setting_flags[] = { "config", "registry", "rollout", "token-file", "output", "timeout" };
enum { N_SETTING_FLAGS = sizeof setting_flags / sizeof *setting_flags };

static int load(const struct call *call, struct ctl_settings *out, struct err *e)
{
        AUTO(str) usual = config_path();
        char program[] = "ctl";
        char *argv[2 + N_SETTING_FLAGS] = { program };
        int argc = 1;

        for (int i = 0; i < N_SETTING_FLAGS; i++) {
                const char *value = call_flag(call, setting_flags[i]);
                if (!value && i == 0 && usual && !getenv("SLUICE_CONFIG") && fs_exists(usual))
                        value = usual;
                if (value)
                        argv[argc++] = xasprintf("--%s=%s", setting_flags[i], value);
        }
        int r = settings_load(&config_spec, out, argc, argv, e);
        while (argc > 1)
                free(argv[--argc]);
        return r < 0 ? -1 : 0;
}

static int check(const struct ctl_settings *s, struct err *e)
{
        if (!s->registry || value_check(VALUE_URL, "registry", s->registry, e))
                return s->registry ? -1 : err_set(e, ERR_INVALID, "the address of the registry is empty");
        if (!s->rollout || value_check(VALUE_URL, "rollout", s->rollout, e))
                return s->rollout ? -1 : err_set(e, ERR_INVALID, "the address of rolloutd is empty");
        if (s->timeout <= 0)
                return err_set(e, ERR_INVALID, "timeout must be more than nothing");
        return value_check(VALUE_OUTPUT, "output", s->output ? s->output : "", e);
}

static void trim_slashes(char *url)
{
        for (size_t n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
                url[n - 1] = '\0';
}

int config_load(const struct call *call, struct ctl_settings *out, struct err *e)
{
        if (load(call, out, e) || check(out, e)) {
                if (e)
                        e->kind = ERR_INVALID; /* a token file that is absent is misuse, not an absent model */
                return -1;
        }
        trim_slashes(out->registry);
        trim_slashes(out->rollout);
        return 0;
}

void config_done(struct ctl_settings *s)
{
        settings_done(&config_spec, s);
}
