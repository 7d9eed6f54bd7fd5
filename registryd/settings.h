/* The settings of registryd, from settings.def. */
#pragma once

#include "lib/settings.h"

struct settings {
#define SETTING(name, type, ...) SETTING_C_##type name;
#include "registryd/settings.def"
#undef SETTING
};

extern const struct settings_spec registryd_settings;

/* What the table cannot say: counts of at least 1, a known log level. */
int settings_check(const struct settings *s, struct err *e);
