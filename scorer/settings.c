/* The settings table of scorer. */
#include "scorer/settings.h"

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/names.h"
#include "lib/sha256.h"

static const struct setting rows[] = {
#define SETTING(name, type, fallback, reloadable, help)                                                                          \
        { #name, SETTING_##type, offsetof(struct settings, name), fallback, reloadable, help },
#include "scorer/settings.def"
#undef SETTING
};

const struct settings_spec scorer_settings = {
        .program = "scorer",
        .summary = "scoring pod: serves one version of one model by the Open Inference Protocol",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .size = sizeof(struct settings),
};

static int check_ranges(const struct settings *s, struct err *e)
{
        const struct {
                const char *name;
                int64_t value, low, high;
        } ranges[] = {
                { "registry_wait in ms", s->registry_wait, 0, INT64_C(1) << 40 },
                { "max_size in bytes", s->max_size, 1, INT64_C(4) << 30 },
                { "cache_size in bytes", s->cache_size, 0, INT64_C(1) << 50 },
                { "warm_up_max in ms", s->warm_up_max, 0, 3600000 },
                { "max_rows", s->max_rows, 1, 65536 },
                { "max_body in bytes", s->max_body, 256, 256 << 20 },
                { "threads", s->threads, 0, 1024 },
                { "max_connections", s->max_connections, 1, 100000 },
                { "idle_timeout in ms", s->idle_timeout, 1000, 86400000 },
                { "drain_delay in ms", s->drain_delay, 0, 3600000 },
                { "drain in ms", s->drain, 0, 3600000 },
        };

        for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
                if (ranges[i].value < ranges[i].low || ranges[i].value > ranges[i].high)
                        return err_set(e, ERR_INVALID, "%s must be from %lld to %lld, not %lld", ranges[i].name,
                                       (long long) ranges[i].low, (long long) ranges[i].high, (long long) ranges[i].value);
        return 0;
}

static void name_the_file(struct settings *s)
{
        if (s->model_file && !s->model)
                s->model = xstrdup("model");
        if (s->model_file && !s->version)
                s->version = xstrdup("1");
}

int settings_check(struct settings *s, struct err *e)
{
        enum log_level level;
        int64_t number;

        name_the_file(s);
        if (!s->listen || !s->output_name || !s->log_level)
                return err_set(e, ERR_INVALID, "listen, output_name and log_level must not be empty");
        if (log_level_parse(s->log_level, &level))
                return err_set(e, ERR_INVALID, "log_level must be debug, info, warn or error, not \"%s\"", s->log_level);
        if (!s->model_file && (!s->registry || !s->model || !s->version))
                return err_set(e, ERR_INVALID, "registry, model and version say what to serve; or model_file does");
        if (s->digest && !digest_is_valid(s->digest))
                return err_set(e, ERR_INVALID, "digest \"%.80s\" is not like sha256: and 64 hex digits", s->digest);
        if (s->golden_file && !s->model_file)
                return err_set(e, ERR_INVALID,
                               "golden_file belongs to a model_file; a version of a registry brings golden.jsonl");
        if (name_check("model", s->model, e) || version_parse(s->version, &number, e))
                return -1;
        return check_ranges(s, e);
}
