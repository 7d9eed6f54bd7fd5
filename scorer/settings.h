/* The settings of scorer, from settings.def. */
#pragma once

#include "lib/settings.h"

struct settings {
#define SETTING(name, type, ...) SETTING_C_##type name;
#include "scorer/settings.def"
#undef SETTING
};

extern const struct settings_spec scorer_settings;

/* What the table cannot say; also gives a model_file its model and version where they are not set. */
int settings_check(struct settings *s, struct err *e);
