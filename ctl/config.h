/* Where the servers are and who we are: flags, environment (SLUICE_REGISTRY, ...), ~/.config/sluice/ctl.yaml, defaults. */
#pragma once

#include "ctl/parse.h"
#include "lib/err.h"
#include "lib/settings.h"

struct ctl_settings {
#define SETTING(name, type, fallback, reloadable, help) SETTING_C_##type name;
#include "ctl/settings.def"
#undef SETTING
};

/* Load what holds for this call. INVALID names the flag, variable or line that is wrong. */
int config_load(const struct call *call, struct ctl_settings *out, struct err *e);
void config_done(struct ctl_settings *s);

/* The configuration file's usual place; the caller frees it. NULL when there is no home folder. */
char *config_path(void);

extern const struct settings_spec config_spec;
