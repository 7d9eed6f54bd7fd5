/* Cells, and answers in the three formats. */
#include "ctl/cells.h"

#include <inttypes.h>

#include "ctl/text.h"
#include "lib/clock.h"

void cell_text(struct table *t, const json_t *doc, const char *key)
{
        const char *text = json_str(doc, key);

        table_cell(t, STYLE_PLAIN, "%s", text ? text : "");
}

void cell_number(struct table *t, const json_t *doc, const char *key)
{
        const json_t *v = json_object_get(doc, key);

        if (json_is_integer(v))
                table_cell(t, STYLE_PLAIN, "%" PRId64, (int64_t) json_integer_value(v));
        else
                table_cell(t, STYLE_DIM, "-");
}

void cell_age(struct table *t, const json_t *doc, const char *key)
{
        char age[TEXT_MAX];

        text_age(json_str(doc, key), clock_wall_ms(), age);
        table_cell(t, STYLE_PLAIN, "%s", age);
}

void cell_pair(struct table *t, const char *label, const char *text)
{
        table_cell(t, STYLE_DIM, "%s", label);
        table_cell(t, STYLE_PLAIN, "%s", text ? text : "");
}

void print_one(const struct ctl *c, const struct answer *a, const struct table *t, const char *name)
{
        if (c->output == OUTPUT_JSON)
                output_json(c, a->text);
        else if (c->output == OUTPUT_NAME)
                output_line("%s", name);
        else
                output_table(c, t);
}

void print_list(const struct ctl *c, const struct answer *a, const struct table *t, const char *list, const char *name,
                const char *nothing)
{
        const json_t *rows = json_object_get(a->doc, list), *next = json_object_get(a->doc, "next");

        if (c->output == OUTPUT_JSON) {
                output_json(c, a->text);
        } else if (c->output == OUTPUT_NAME) {
                output_names(rows, name);
        } else if (json_array_size(rows) == 0) {
                ctl_note(c, "%s", nothing);
        } else {
                output_table(c, t);
                if (next && !json_is_null(next))
                        ctl_note(c, "there are more; --limit 0 lists all");
        }
}
