/* `ctl models` and `ctl versions`. */
#include <inttypes.h>

#include "ctl/cells.h"
#include "ctl/handlers.h"
#include "ctl/text.h"
#include "lib/clock.h"
#include "lib/mem.h"

/* "champion=2, shadow=3" of {"champion":2,"shadow":3}; the caller frees it. */
static char *aliases_text(json_t *aliases)
{
        struct strbuf b;
        const char *name;
        json_t *version;

        strbuf_init(&b, 4096);
        json_object_foreach (aliases, name, version)
                strbuf_addf(&b, "%s%s=%" PRId64, b.len ? ", " : "", name, (int64_t) json_integer_value(version));
        return strbuf_take(&b);
}

/* "champion, shadow" of ["champion","shadow"]; the caller frees it. */
static char *joined(const json_t *names)
{
        struct strbuf b;
        size_t i;
        json_t *name;

        strbuf_init(&b, 4096);
        json_array_foreach (names, i, name)
                strbuf_addf(&b, "%s%s", b.len ? ", " : "", json_is_string(name) ? json_string_value(name) : "?");
        return strbuf_take(&b);
}

static void model_row(struct table *t, const json_t *model)
{
        AUTO(str) aliases = aliases_text(json_object_get(model, "aliases"));

        cell_text(t, model, "name");
        cell_number(t, model, "versions");
        cell_number(t, model, "latest");
        table_cell(t, STYLE_PLAIN, "%s", aliases);
        cell_age(t, model, "created_at");
        cell_text(t, model, "created_by");
        cell_text(t, model, "description");
}

static struct table *model_table(void)
{
        return table_new((const char *[]){ "MODEL", ">VERSIONS", ">LATEST", "ALIASES", "CREATED", "BY", "DESCRIPTION", NULL });
}

static int model_show(struct ctl *c, const char *name, struct err *e)
{
        AUTO_ANSWER answer = { 0 };
        AUTO(table) t = model_table();

        if (client_get(c, SERVER_REGISTRY, "show the model", &answer, e, "/v1/models/%s", name))
                return -1;
        model_row(t, answer.doc);
        print_one(c, &answer, t, name);
        return 0;
}

int models_run(struct ctl *c, const struct call *call, struct err *e)
{
        AUTO_ANSWER answer = { 0 };
        AUTO(table) t = model_table();
        size_t i;
        json_t *model;

        if (call_arg(call, 0))
                return model_show(c, call_arg(call, 0), e);
        if (client_list(c, SERVER_REGISTRY, "/v1/models", "models", 0, &answer, e))
                return -1;
        json_array_foreach (json_object_get(answer.doc, "models"), i, model)
                model_row(t, model);
        print_list(c, &answer, t, "models", "name", "there are no models yet; ctl push MODEL FILE makes one");
        return 0;
}

static void version_row(struct table *t, const json_t *version)
{
        AUTO(str) aliases = joined(json_object_get(version, "aliases"));
        const char *digest = json_str(version, "digest");
        char size[TEXT_MAX];

        text_bytes(json_num(version, "size", 0), size);
        cell_number(t, version, "number");
        table_cell(t, STYLE_PLAIN, "%s", aliases);
        table_cell(t, STYLE_PLAIN, "%zu", json_array_size(json_object_get(version, "files")));
        table_cell(t, STYLE_PLAIN, "%s", size);
        cell_age(t, version, "created_at");
        cell_text(t, version, "created_by");
        table_cell(t, STYLE_DIM, "%.19s", digest ? digest : ""); /* sha256: and 12 digits */
        cell_text(t, version, "description");
}

static void version_files(struct table *t, const json_t *files)
{
        size_t i;
        json_t *file;

        json_array_foreach (files, i, file) {
                const char *path = json_str(file, "path"), *digest = json_str(file, "digest");
                char size[TEXT_MAX];
                text_bytes(json_num(file, "size", 0), size);
                table_cell(t, STYLE_DIM, "%s", i ? " " : "files");
                table_cell(t, STYLE_PLAIN, "%s  %s  %s", path ? path : "?", size, digest ? digest : "?");
        }
}

static void version_metadata(struct table *t, json_t *metadata)
{
        const char *key;
        json_t *value;

        json_object_foreach (metadata, key, value) {
                AUTO(str) label = xasprintf("metadata.%s", key);
                AUTO(str) json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
                cell_pair(t, label, json_is_string(value) ? json_string_value(value) : json);
        }
}

static struct table *version_table(const json_t *version)
{
        struct table *t = table_new((const char *[]){ "", "", NULL });
        AUTO(str) number = xasprintf("%" PRId64, json_num(version, "number", 0));
        AUTO(str) aliases = joined(json_object_get(version, "aliases"));
        const char *by = json_str(version, "created_by");
        char age[TEXT_MAX];

        text_age(json_str(version, "created_at"), clock_wall_ms(), age);
        AUTO(str) created = xasprintf("%s by %s", age, by ? by : "?");
        cell_pair(t, "model", json_str(version, "model"));
        cell_pair(t, "version", number);
        cell_pair(t, "aliases", aliases);
        cell_pair(t, "created", created);
        cell_pair(t, "description", json_str(version, "description"));
        cell_pair(t, "digest", json_str(version, "digest"));
        version_files(t, json_object_get(version, "files"));
        version_metadata(t, json_object_get(version, "metadata"));
        return t;
}

static int version_show(struct ctl *c, const char *model, const char *ref, struct err *e)
{
        AUTO_ANSWER answer = { 0 };

        if (client_get(c, SERVER_REGISTRY, "show the version", &answer, e, "/v1/models/%s/versions/%s", model, ref))
                return -1;
        AUTO(table) t = version_table(answer.doc);
        AUTO(str) number = xasprintf("%" PRId64, json_num(answer.doc, "number", 0));
        print_one(c, &answer, t, number);
        return 0;
}

int versions_run(struct ctl *c, const struct call *call, struct err *e)
{
        const char *model = call_arg(call, 0), *limit = call_flag(call, "limit");
        AUTO(str) path = xasprintf("/v1/models/%s/versions", model);
        AUTO(str) nothing = xasprintf("%s has no versions yet; ctl push %s FILE makes one", model, model);
        AUTO(table)
        t = table_new(
                (const char *[]){ ">VERSION", "ALIASES", ">FILES", ">SIZE", "CREATED", "BY", "DIGEST", "DESCRIPTION", NULL });
        AUTO_ANSWER answer = { 0 };
        size_t i;
        json_t *version;

        if (call_arg(call, 1))
                return version_show(c, model, call_arg(call, 1), e);
        if (client_list(c, SERVER_REGISTRY, path, "versions", limit ? atoll(limit) : 50, &answer, e))
                return -1;
        json_array_foreach (json_object_get(answer.doc, "versions"), i, version)
                version_row(t, version);
        print_list(c, &answer, t, "versions", "number", nothing);
        return 0;
}
