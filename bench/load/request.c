/* Requests from rows of a CSV file, or from a file of bodies. */
#include "bench/load/request.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/strbuf.h"

struct table {
        char *names[REQUESTS_COLUMNS_MAX]; /* borrowed from the text */
        int n_columns;
        int skip;     /* a column, or -1 */
        char **cells; /* row by row */
        size_t n_rows;
};

static void add_request(struct requests *out, const char *host, const char *path, const char *body, size_t len)
{
        struct strbuf b;

        strbuf_init(&b, len + 4096);
        strbuf_addf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", path,
                    host, len);
        strbuf_add(&b, body, len);
        if ((out->n & (out->n - 1)) == 0)
                out->all = xrealloc(out->all, out->n ? 2 * out->n : 1, sizeof *out->all);
        out->all[out->n].len = b.len;
        out->all[out->n++].text = strbuf_take(&b);
}

void requests_done(struct requests *r)
{
        for (size_t i = 0; i < r->n; i++)
                free(r->all[i].text);
        free(r->all);
        *r = (struct requests){ 0 };
}

/* Cut `line` at its commas in place; returns how many cells it has, -1 if more than `max`. */
static int split(char *line, char **cells, int max)
{
        int n = 0;

        for (char *next = line; next; n++) {
                if (n == max)
                        return -1;
                cells[n] = strsep(&next, ",");
        }
        return n;
}

/* A number as JSON writes it, or nothing. */
static bool cell_ok(const char *cell)
{
        AUTO(json) value = json_loads(cell, JSON_DECODE_ANY, NULL);

        return *cell == '\0' || json_is_number(value);
}

static int read_header(char *line, const char *leave_out, struct table *t, struct err *e)
{
        t->n_columns = split(line, t->names, REQUESTS_COLUMNS_MAX);
        t->skip = -1;
        if (t->n_columns < 0)
                return err_set(e, ERR_TOO_LARGE, "there are over %d columns", REQUESTS_COLUMNS_MAX);
        for (int c = 0; leave_out && c < t->n_columns; c++)
                if (strcmp(t->names[c], leave_out) == 0)
                        t->skip = c;
        if (leave_out && t->skip < 0)
                return err_set(e, ERR_INVALID, "there is no column \"%s\" to leave out", leave_out);
        return 0;
}

static int read_row(char *line, struct table *t, size_t number, struct err *e)
{
        char *cells[REQUESTS_COLUMNS_MAX];
        int n = split(line, cells, REQUESTS_COLUMNS_MAX);

        if (n != t->n_columns)
                return err_set(e, ERR_INVALID, "line %zu has %d cells, the header %d", number, n, t->n_columns);
        for (int c = 0; c < n; c++)
                if (c != t->skip && !cell_ok(cells[c]))
                        return err_set(e, ERR_INVALID, "line %zu, column \"%s\": \"%.32s\" is no number", number, t->names[c],
                                       cells[c]);
        if ((t->n_rows & (t->n_rows - 1)) == 0)
                t->cells = xrealloc(t->cells, (t->n_rows ? 2 * t->n_rows : 1) * (size_t) n, sizeof *t->cells);
        memcpy(t->cells + t->n_rows++ * (size_t) n, cells, (size_t) n * sizeof *cells);
        return 0;
}

static int read_table(char *text, const char *leave_out, struct table *t, struct err *e)
{
        size_t number = 0;

        for (char *line; (line = strsep(&text, "\n"));) {
                line[strcspn(line, "\r")] = '\0';
                if (*line == '\0')
                        continue;
                if ((number++ == 0 ? read_header(line, leave_out, t, e) : read_row(line, t, number, e)) < 0)
                        return -1;
        }
        return t->n_rows ? 0 : err_set(e, ERR_INVALID, "there are no rows");
}

static void add_tensor(struct strbuf *b, const struct table *t, int column, size_t first, int batch)
{
        strbuf_adds(b, "{\"name\":");
        json_quote(b, t->names[column]);
        strbuf_addf(b, ",\"shape\":[%d],\"datatype\":\"FP32\",\"data\":[", batch);
        for (int i = 0; i < batch; i++) {
                const char *cell = t->cells[(first + (size_t) i) % t->n_rows * (size_t) t->n_columns + (size_t) column];

                if (i > 0)
                        strbuf_addc(b, ',');
                strbuf_adds(b, *cell ? cell : "null");
        }
        strbuf_adds(b, "]}");
}

static int add_batches(const struct table *t, int batch, const char *host, const char *path, struct requests *out, struct err *e)
{
        for (size_t first = 0; first < t->n_rows; first += (size_t) batch) {
                AUTO_STRBUF b;
                const char *comma = "";

                strbuf_init(&b, 64 << 20);
                strbuf_adds(&b, "{\"inputs\":[");
                for (int c = 0; c < t->n_columns; c++) {
                        if (c == t->skip)
                                continue;
                        strbuf_adds(&b, comma);
                        add_tensor(&b, t, c, first, batch);
                        comma = ",";
                }
                strbuf_adds(&b, "]}");
                if (!strbuf_ok(&b))
                        return err_set(e, ERR_TOO_LARGE, "a request of %d rows is over 64 MiB", batch);
                add_request(out, host, path, strbuf_str(&b), b.len);
        }
        return 0;
}

int requests_from_csv(const char *file, const char *leave_out, int batch, const char *host, const char *path,
                      struct requests *out, struct err *e)
{
        struct table t = { 0 };
        char *text;
        int rc;

        if (fs_read(file, REQUESTS_FILE_MAX, &text, NULL, e) < 0)
                return -1;
        rc = read_table(text, leave_out, &t, e);
        if (rc == 0)
                rc = add_batches(&t, batch, host, path, out, e);
        free(t.cells);
        free(text);
        return rc == 0 ? 0 : err_wrap(e, "%s", file);
}

int requests_from_lines(const char *file, const char *host, const char *path, struct requests *out, struct err *e)
{
        AUTO(str) text = NULL;
        char *rest;

        if (fs_read(file, REQUESTS_FILE_MAX, &text, NULL, e) < 0)
                return -1;
        rest = text;
        for (char *line; (line = strsep(&rest, "\n"));)
                if (*line != '\0')
                        add_request(out, host, path, line, strlen(line));
        return out->n ? 0 : err_set(e, ERR_INVALID, "%s: there are no bodies", file);
}
