/* The settings file: one flat YAML mapping. */
#include <string.h>

#include <yaml.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/settings_private.h"

enum { FILE_MAX_BYTES = 1 << 20 };

/* One "key: value" pair of the file, which is a flat YAML mapping. */
static int load_pair(const struct settings_spec *spec, void *out, const char *path, const yaml_event_t *key,
                     const yaml_event_t *value, struct err *e)
{
        bool is_file;

        if (key->type != YAML_SCALAR_EVENT || value->type != YAML_SCALAR_EVENT)
                return err_set(e, ERR_INVALID, "%s line %zu: expected \"name: value\"", path, key->start_mark.line + 1);
        const char *name = (const char *) key->data.scalar.value;
        const struct setting *row = settings_find(spec, name, strlen(name), &is_file);
        if (!row)
                return err_set(e, ERR_INVALID, "%s line %zu: there is no setting \"%s\"", path, key->start_mark.line + 1, name);
        AUTO(str) where = xasprintf("%s line %zu: %s", path, key->start_mark.line + 1, name);
        return settings_assign(row, is_file, out, (const char *) value->data.scalar.value, where, e);
}

static int next_event(yaml_parser_t *p, yaml_event_t *ev, const char *path, struct err *e)
{
        if (yaml_parser_parse(p, ev))
                return 0;
        *ev = (yaml_event_t){ 0 };
        return err_set(e, ERR_INVALID, "%s line %zu: %s", path, p->problem_mark.line + 1, p->problem ? p->problem : "not YAML");
}

static int load_mapping(const struct settings_spec *spec, void *out, const char *path, yaml_parser_t *p, struct err *e)
{
        for (;;) {
                yaml_event_t key = { 0 }, value = { 0 };
                int r = next_event(p, &key, path, e);
                if (r == 0 && key.type == YAML_MAPPING_END_EVENT) {
                        yaml_event_delete(&key);
                        return 0;
                }
                if (r == 0)
                        r = next_event(p, &value, path, e);
                if (r == 0)
                        r = load_pair(spec, out, path, &key, &value, e);
                yaml_event_delete(&key);
                yaml_event_delete(&value);
                if (r)
                        return -1;
        }
}

/* The one mapping that the file holds; an empty file has none. */
static int load_documents(const struct settings_spec *spec, void *out, const char *path, yaml_parser_t *p, struct err *e)
{
        bool seen = false, more = true;

        while (more) {
                yaml_event_t ev;
                if (next_event(p, &ev, path, e))
                        return -1;
                yaml_event_type_t type = ev.type;
                yaml_event_delete(&ev);
                if (type == YAML_MAPPING_START_EVENT && !seen) {
                        if (load_mapping(spec, out, path, p, e))
                                return -1;
                        seen = true;
                } else if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT || type == YAML_SCALAR_EVENT ||
                           type == YAML_ALIAS_EVENT) {
                        return err_set(e, ERR_INVALID, "%s must be one list of \"name: value\" lines", path);
                }
                more = type != YAML_STREAM_END_EVENT;
        }
        return 0;
}

int settings_load_file(const struct settings_spec *spec, void *out, const char *path, struct err *e)
{
        AUTO(str) text = NULL;
        yaml_parser_t p;
        size_t len;

        if (fs_read(path, FILE_MAX_BYTES, &text, &len, e))
                return -1;
        if (!yaml_parser_initialize(&p))
                return err_set(e, ERR_INTERNAL, "no YAML parser");
        yaml_parser_set_input_string(&p, (const unsigned char *) text, len);
        int r = load_documents(spec, out, path, &p, e);
        yaml_parser_delete(&p);
        return r;
}
