/* libyaml's events folded into jansson values. */
#include "lib/yaml_json.h"

#include <string.h>

#include <yaml.h>

#include "lib/auto.h"

struct reader {
        const char *what;
        yaml_parser_t parser;
        int nodes, depth;
        struct err *e;
};

static int next_event(struct reader *r, yaml_event_t *ev)
{
        if (yaml_parser_parse(&r->parser, ev))
                return 0;
        return err_set(r->e, ERR_INVALID, "%s: line %zu: %s", r->what, r->parser.problem_mark.line + 1,
                       r->parser.problem ? r->parser.problem : "no YAML");
}

static int refuse(struct reader *r, const yaml_event_t *ev, const char *why)
{
        return err_set(r->e, ERR_INVALID, "%s: line %zu: %s", r->what, ev->start_mark.line + 1, why);
}

static const yaml_char_t *anchor_of(const yaml_event_t *ev)
{
        switch ((int) ev->type) {
        case YAML_SCALAR_EVENT:
                return ev->data.scalar.anchor;
        case YAML_SEQUENCE_START_EVENT:
                return ev->data.sequence_start.anchor;
        case YAML_MAPPING_START_EVENT:
                return ev->data.mapping_start.anchor;
        default:
                return NULL;
        }
}

/* Which would cut the text short for everyone who reads it as a string. */
static bool holds_nul(const yaml_event_t *ev)
{
        return memchr(ev->data.scalar.value, 0, ev->data.scalar.length);
}

static json_t *scalar(const yaml_event_t *ev)
{
        const char *text = (const char *) ev->data.scalar.value;
        bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

        if (plain && (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
                return json_null();
        return json_stringn(text, ev->data.scalar.length);
}

static int read_value(struct reader *r, const yaml_event_t *ev, json_t **out);

static int read_sequence(struct reader *r, json_t **out)
{
        AUTO(json) list = json_array();

        for (;;) {
                yaml_event_t ev;
                json_t *item = NULL;
                if (next_event(r, &ev))
                        return -1;
                bool end = ev.type == YAML_SEQUENCE_END_EVENT;
                int failed = end ? 0 : read_value(r, &ev, &item);
                yaml_event_delete(&ev);
                if (failed)
                        return -1;
                if (end)
                        break;
                json_array_append_new(list, item);
        }
        *out = TAKE(list);
        return 0;
}

static int read_member(struct reader *r, const yaml_event_t *key, json_t *map)
{
        const char *name = (const char *) key->data.scalar.value;
        yaml_event_t ev;
        json_t *value = NULL;

        if (key->type != YAML_SCALAR_EVENT || anchor_of(key) || holds_nul(key))
                return refuse(r, key, "a key must be plain text");
        if (strcmp(name, "<<") == 0)
                return refuse(r, key, "merge keys are not supported");
        if (json_object_get(map, name))
                return refuse(r, key, "the key is there twice");
        if (next_event(r, &ev))
                return -1;
        int failed = read_value(r, &ev, &value);
        if (!failed && json_object_setn_new(map, name, key->data.scalar.length, value))
                failed = refuse(r, key, "the key is no text");
        yaml_event_delete(&ev);
        return failed;
}

static int read_mapping(struct reader *r, json_t **out)
{
        AUTO(json) map = json_object();

        for (;;) {
                yaml_event_t ev;
                if (next_event(r, &ev))
                        return -1;
                bool end = ev.type == YAML_MAPPING_END_EVENT;
                int failed = end ? 0 : read_member(r, &ev, map);
                yaml_event_delete(&ev);
                if (failed)
                        return -1;
                if (end)
                        break;
        }
        *out = TAKE(map);
        return 0;
}

static int read_value(struct reader *r, const yaml_event_t *ev, json_t **out)
{
        if (anchor_of(ev) || ev->type == YAML_ALIAS_EVENT)
                return refuse(r, ev, "anchors and aliases are not supported");
        if (++r->nodes > YAML_MAX_NODES || r->depth >= YAML_MAX_DEPTH)
                return err_set(r->e, ERR_TOO_LARGE, "%s: over %d values or %d levels", r->what, YAML_MAX_NODES, YAML_MAX_DEPTH);
        if (ev->type == YAML_SCALAR_EVENT) {
                *out = holds_nul(ev) ? NULL : scalar(ev);
                return *out ? 0 : refuse(r, ev, "the value is no text");
        }
        r->depth++;
        int failed = ev->type == YAML_MAPPING_START_EVENT    ? read_mapping(r, out)
                     : ev->type == YAML_SEQUENCE_START_EVENT ? read_sequence(r, out)
                                                             : refuse(r, ev, "a value was expected");
        r->depth--;
        return failed;
}

/* Events of one type that frame the document: nothing in them matters. */
static int expect(struct reader *r, yaml_event_type_t type, const char *why)
{
        yaml_event_t ev;

        if (next_event(r, &ev))
                return -1;
        int failed = ev.type == type ? 0 : refuse(r, &ev, why);
        yaml_event_delete(&ev);
        return failed;
}

static int read_document(struct reader *r, json_t **out)
{
        yaml_event_t ev;
        json_t *value = NULL;

        if (expect(r, YAML_STREAM_START_EVENT, "no YAML") || expect(r, YAML_DOCUMENT_START_EVENT, "the document is empty") ||
            next_event(r, &ev))
                return -1;
        int failed = read_value(r, &ev, &value);
        yaml_event_delete(&ev);
        AUTO(json) doc = value;
        if (failed || expect(r, YAML_DOCUMENT_END_EVENT, "the document goes on") ||
            expect(r, YAML_STREAM_END_EVENT, "there is more than one document"))
                return -1;
        *out = TAKE(doc);
        return 0;
}

int yaml_json_parse(const char *what, const char *text, size_t len, json_t **out, struct err *e)
{
        struct reader r = { .what = what, .e = e };

        if (len > YAML_MAX_BYTES)
                return err_set(e, ERR_TOO_LARGE, "%s: over %d bytes", what, YAML_MAX_BYTES);
        if (!yaml_parser_initialize(&r.parser))
                return err_set(e, ERR_INTERNAL, "%s: no YAML parser", what);
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *) text, len);
        int failed = read_document(&r, out);
        yaml_parser_delete(&r.parser);
        return failed;
}
