/* What the files of settings share. */
#pragma once

#include "lib/settings.h"

/* The row called name[0..n), '-' and '_' being the same; *is_file is set when it is the "-file" spelling of a secret. */
const struct setting *settings_find(const struct settings_spec *spec, const char *name, size_t n, bool *is_file);

/* Parse text into the row's member of the settings at `out`. */
int settings_set(const struct setting *row, void *out, const char *text, struct err *e);

/* The same; when is_file, text names the file whose first line is the value. `where` introduces the error. */
int settings_assign(const struct setting *row, bool is_file, void *out, const char *text, const char *where, struct err *e);

int settings_load_file(const struct settings_spec *spec, void *out, const char *path, struct err *e);
