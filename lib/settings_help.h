/* What --help, --version, --show-settings and --man print, all from the settings table. */
#pragma once

#include "lib/settings.h"

void settings_print(const struct settings_spec *spec, const void *s, const char *what);
