/* The settings of rolloutd, from settings.def. */
#pragma once

#include "lib/settings.h"

struct settings {
#define SETTING(name, type, ...) SETTING_C_##type name;
#include "rolloutd/settings.def"
#undef SETTING
};

extern const struct settings_spec rolloutd_settings;

int settings_check(const struct settings *s, struct err *e); /* what the table cannot say */
