/* The settings table of registryd. */
#include "registryd/settings.h"

#include "lib/log.h"

static const struct setting rows[] = {
#define SETTING(name, type, fallback, reloadable, help)                                                                          \
        { #name, SETTING_##type, offsetof(struct settings, name), fallback, reloadable, help },
#include "registryd/settings.def"
#undef SETTING
};

const struct settings_spec registryd_settings = {
        .program = "registryd",
        .summary = "model registry: artifacts, versions and aliases over HTTP, stored in PostgreSQL",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .size = sizeof(struct settings),
};

static int in_range(const char *name, int64_t v, int64_t low, int64_t high, struct err *e)
{
        if (v < low || v > high)
                return err_set(e, ERR_INVALID, "%s must be from %lld to %lld, not %lld", name, (long long) low, (long long) high,
                               (long long) v);
        return 0;
}

int settings_check(const struct settings *s, struct err *e)
{
        enum log_level level;

        if (!s->listen || !s->data_dir || !s->log_level)
                return err_set(e, ERR_INVALID, "listen, data_dir and log_level must not be empty");
        if (log_level_parse(s->log_level, &level))
                return err_set(e, ERR_INVALID, "log_level must be debug, info, warn or error, not \"%s\"", s->log_level);
        if (in_range("db_pool", s->db_pool, 1, 500, e) || in_range("transfers", s->transfers, 1, 500, e) ||
            in_range("max_connections", s->max_connections, 1, 20000, e) ||
            in_range("db_timeout in ms", s->db_timeout, 100, 600000, e) ||
            in_range("idle_timeout in ms", s->idle_timeout, 1000, 3600000, e) ||
            in_range("drain in ms", s->drain, 0, 3600000, e) ||
            in_range("upload_grace in ms", s->upload_grace, 100, INT32_MAX, e))
                return -1;
        return in_range("max_blob_size in bytes", s->max_blob_size, 1, (int64_t) 1 << 50, e);
}
