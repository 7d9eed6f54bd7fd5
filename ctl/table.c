/* Tables: cells are kept as clean text, widths are counted when printing. */
#include "ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/text.h"
#include "lib/auto.h"
#include "lib/mem.h"

enum { COLUMNS_MAX = 12, CELL_MAX_BYTES = 4096 };

struct cell {
        char *text;
        enum style style;
};

struct table {
        const char *headings[COLUMNS_MAX];
        size_t n_columns, n_cells;
        struct cell *cells;
};

struct table *table_new(const char *const *headings)
{
        struct table *t = xcalloc(1, sizeof *t);

        while (t->n_columns < COLUMNS_MAX && headings[t->n_columns]) {
                t->headings[t->n_columns] = headings[t->n_columns];
                t->n_columns++;
        }
        return t;
}

void table_free(struct table *t)
{
        for (size_t i = 0; t && i < t->n_cells; i++)
                free(t->cells[i].text);
        if (t)
                free(t->cells);
        free(t);
}

void table_cell(struct table *t, enum style style, const char *fmt, ...)
{
        AUTO_STRBUF raw;
        struct strbuf clean;
        va_list ap;

        strbuf_init(&raw, CELL_MAX_BYTES);
        strbuf_init(&clean, 3 * CELL_MAX_BYTES); /* a bad byte becomes three */
        va_start(ap, fmt);
        strbuf_addv(&raw, fmt, ap);
        va_end(ap);
        text_clean(&clean, raw.len ? strbuf_str(&raw) : "-", 0);
        t->cells = xrealloc(t->cells, t->n_cells + 1, sizeof *t->cells);
        t->cells[t->n_cells++] = (struct cell){ strbuf_take(&clean), style };
}

void style_add(struct strbuf *out, bool color, enum style style, const char *text)
{
        static const char *const codes[] = {
                [STYLE_PLAIN] = "", [STYLE_DIM] = "2",   [STYLE_GOOD] = "32",
                [STYLE_BAD] = "31", [STYLE_BUSY] = "33", [STYLE_BOLD] = "1",
        };

        if (color && style != STYLE_PLAIN)
                strbuf_addf(out, "\033[%sm%s\033[0m", codes[style], text);
        else
                strbuf_adds(out, text);
}

static void pad(struct strbuf *out, size_t n)
{
        while (n--)
                strbuf_addc(out, ' ');
}

static void print_cell(const char *text, enum style style, bool right, bool last, size_t width, bool color, struct strbuf *out)
{
        size_t gap = width - text_width(text);

        if (right)
                pad(out, gap);
        style_add(out, color, style, text);
        if (!right && !last)
                pad(out, gap);
        strbuf_adds(out, last ? "\n" : "  ");
}

void table_print(const struct table *t, bool color, struct strbuf *out)
{
        size_t width[COLUMNS_MAX] = { 0 };
        bool headed = false;

        for (size_t c = 0; c < t->n_columns; c++) {
                width[c] = text_width(t->headings[c]) - (*t->headings[c] == '>');
                headed |= *t->headings[c] && strcmp(t->headings[c], ">") != 0;
        }
        for (size_t i = 0; i < t->n_cells; i++) {
                size_t w = text_width(t->cells[i].text), c = i % t->n_columns;
                width[c] = w > width[c] ? w : width[c];
        }
        for (size_t c = 0; headed && c < t->n_columns; c++) {
                bool right = *t->headings[c] == '>';
                print_cell(t->headings[c] + right, STYLE_BOLD, right, c + 1 == t->n_columns, width[c], color, out);
        }
        for (size_t i = 0; i < t->n_cells; i++) {
                size_t c = i % t->n_columns;
                print_cell(t->cells[i].text, t->cells[i].style, *t->headings[c] == '>', c + 1 == t->n_columns, width[c], color,
                           out);
        }
}
