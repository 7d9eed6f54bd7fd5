/* Metric cells in one hash table a row, and their exposition. */
#include "lib/metrics.h"

#include <assert.h>
#include <dirent.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <uthash.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/proc.h"
#include "lib/strbuf.h"

enum { CELLS_MAX = 10000, LABELS_MAX = 8, LABELS_MAX_BYTES = 4096, TEXT_MAX_BYTES = 256 << 20 };

const double METRICS_LATENCY_BUCKETS[19] = { 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02,
                                             0.025,   0.03,   0.04,  0.05,  0.075, 0.1,   0.25,   0.5,  1 };

const double METRICS_LONG_BUCKETS[13] = { 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400, 259200, 1209600 };

struct ladder { /* of a histogram's buckets */
        const double *bounds;
        size_t n;
};

struct metric_cell {
        const struct ladder *ladder;
        _Atomic uint64_t count; /* counter */
        _Atomic double value;   /* gauge's value, histogram's sum */
        _Atomic uint64_t *hits; /* histogram: one a bucket and one for +Inf, not cumulative */
        char *labels;           /* model="credit",version="2": also the key */
        UT_hash_handle hh;
};

struct metrics {
        const struct metric_row *rows;
        size_t n_rows;
        struct ladder *ladders;     /* one a row */
        double started_s;           /* Unix time at which this process started */
        pthread_mutex_t lock;       /* of the tables, not of the cells in them */
        struct metric_cell **cells; /* hash table of each row */
};

/* Backslash, quote and newline as the format wants them; it also wants UTF-8, so what is not ASCII becomes '?'. */
static void add_escaped(struct strbuf *b, const char *s, bool quotes)
{
        for (; *s; s++) {
                if (*s == '\\' || (quotes && *s == '"'))
                        strbuf_addf(b, "\\%c", *s);
                else if (*s == '\n')
                        strbuf_adds(b, "\\n");
                else
                        strbuf_addc(b, (unsigned char) *s < 0x80 ? *s : '?');
        }
}

/* `name="value",...` for the row's labels; every value past the given ones is the last of them. */
static void render_labels(struct strbuf *b, const char *names, const char *const *values, size_t n_values)
{
        for (size_t i = 0; *names; i++) {
                size_t n = strcspn(names, ",");
                if (i)
                        strbuf_addc(b, ',');
                strbuf_add(b, names, n);
                strbuf_adds(b, "=\"");
                add_escaped(b, values[i < n_values ? i : n_values - 1], true);
                strbuf_addc(b, '"');
                names += n + (names[n] == ',');
        }
}

static struct metric_cell *make_cell(struct metrics *m, size_t row, const char *labels)
{
        struct metric_cell *c = xcalloc(1, sizeof *c);

        c->ladder = &m->ladders[row];
        c->labels = xstrdup(labels);
        if (m->rows[row].type == METRIC_HISTOGRAM)
                c->hits = xcalloc(c->ladder->n + 1, sizeof *c->hits);
        HASH_ADD_KEYPTR(hh, m->cells[row], c->labels, strlen(c->labels), c);
        return c;
}

static struct metric_cell *find_cell(struct metrics *m, size_t row, const char *labels)
{
        struct metric_cell *c;

        HASH_FIND_STR(m->cells[row], labels, c);
        return c;
}

struct metrics *metrics_new(const struct metric_row *rows, size_t n_rows, const double *buckets, size_t n_buckets)
{
        struct metrics *m = xcalloc(1, sizeof *m);

        *m = (struct metrics){ .rows = rows, .n_rows = n_rows };
        m->ladders = xcalloc(n_rows, sizeof *m->ladders);
        for (size_t i = 0; i < n_rows; i++)
                m->ladders[i] = (struct ladder){ buckets, n_buckets };
        (void) pthread_mutex_init(&m->lock, NULL);
        int64_t boot_ms = clock_wall_ms() - clock_ms();
        m->started_s = (double) boot_ms / 1000 + (double) proc_start_time(getpid()) / (double) sysconf(_SC_CLK_TCK);
        m->cells = xcalloc(n_rows, sizeof *m->cells);
        for (size_t i = 0; i < n_rows; i++)
                if (!*rows[i].labels) /* shown as 0 before it first counts */
                        (void) make_cell(m, i, "");
        return m;
}

static void free_cells(struct metrics *m, size_t row)
{
        struct metric_cell *c, *next;

        HASH_ITER (hh, m->cells[row], c, next) {
                HASH_DEL(m->cells[row], c);
                free(c->labels);
                free(c->hits);
                free(c);
        }
}

void metrics_free(struct metrics *m)
{
        if (!m)
                return;
        for (size_t i = 0; i < m->n_rows; i++)
                free_cells(m, i);
        free(m->cells);
        free(m->ladders);
        (void) pthread_mutex_destroy(&m->lock);
        free(m);
}

void metrics_set_buckets(struct metrics *m, int row, const double *buckets, size_t n)
{
        size_t r = (size_t) row;

        m->ladders[r] = (struct ladder){ buckets, n };
        free_cells(m, r);
        if (!*m->rows[r].labels)
                (void) make_cell(m, r, "");
}

void metrics_clear(struct metrics *m, int row)
{
        assert(*m->rows[row].labels);
        (void) pthread_mutex_lock(&m->lock);
        free_cells(m, (size_t) row);
        (void) pthread_mutex_unlock(&m->lock);
}

static size_t count_labels(const char *names)
{
        size_t n = *names != '\0';

        for (; *names; names++)
                n += *names == ',';
        return n;
}

struct metric_cell *metrics_cell(struct metrics *m, int row, ...)
{
        static const char *const other[] = { "other" };
        size_t r = (size_t) row, n = count_labels(m->rows[r].labels);
        const char *values[LABELS_MAX] = { "" };
        AUTO_STRBUF labels;
        va_list ap;

        assert(n <= LABELS_MAX);
        strbuf_init(&labels, LABELS_MAX_BYTES);
        va_start(ap, row);
        for (size_t i = 0; i < n; i++) {
                const char *value = va_arg(ap, const char *);
                values[i] = value ? value : "";
        }
        va_end(ap);
        render_labels(&labels, m->rows[r].labels, values, n);
        (void) pthread_mutex_lock(&m->lock);
        struct metric_cell *c = strbuf_ok(&labels) ? find_cell(m, r, strbuf_str(&labels)) : NULL;
        if (!c && (HASH_COUNT(m->cells[r]) >= CELLS_MAX || !strbuf_ok(&labels))) {
                strbuf_reset(&labels);
                render_labels(&labels, m->rows[r].labels, other, 1);
                c = find_cell(m, r, strbuf_str(&labels));
        }
        if (!c)
                c = make_cell(m, r, strbuf_str(&labels));
        (void) pthread_mutex_unlock(&m->lock);
        return c;
}

void metric_inc(struct metric_cell *c)
{
        metric_add(c, 1);
}

void metric_add(struct metric_cell *c, uint64_t n)
{
        (void) atomic_fetch_add_explicit(&c->count, n, memory_order_relaxed);
}

void metric_count_to(struct metric_cell *c, uint64_t n)
{
        atomic_store_explicit(&c->count, n, memory_order_relaxed);
}

void metric_set(struct metric_cell *c, double v)
{
        atomic_store_explicit(&c->value, v, memory_order_relaxed);
}

static void add_sum(struct metric_cell *c, double v)
{
        double sum = atomic_load_explicit(&c->value, memory_order_relaxed);

        while (!atomic_compare_exchange_weak_explicit(&c->value, &sum, sum + v, memory_order_relaxed, memory_order_relaxed))
                ;
}

void metric_observe(struct metric_cell *c, double v)
{
        size_t i = 0;

        while (i < c->ladder->n && v > c->ladder->bounds[i])
                i++;
        (void) atomic_fetch_add_explicit(&c->hits[i], 1, memory_order_relaxed);
        add_sum(c, v);
}

void metric_observe_all(struct metric_cell *c, const uint32_t *hits, size_t n, double sum)
{
        assert(n == c->ladder->n + 1);
        for (size_t i = 0; i < n; i++)
                if (hits[i])
                        (void) atomic_fetch_add_explicit(&c->hits[i], hits[i], memory_order_relaxed);
        add_sum(c, sum);
}

uint64_t metric_count(const struct metric_cell *c)
{
        uint64_t n = 0;

        if (!c->hits)
                return atomic_load_explicit(&c->count, memory_order_relaxed);
        for (size_t i = 0; i <= c->ladder->n; i++)
                n += atomic_load_explicit(&c->hits[i], memory_order_relaxed);
        return n;
}

static void add_sample(struct strbuf *b, const char *name, const char *suffix, const char *labels)
{
        strbuf_addf(b, "%s%s", name, suffix);
        if (*labels)
                strbuf_addf(b, "{%s}", labels);
        strbuf_addc(b, ' ');
}

/* The count is the sum of the buckets that are printed, so that the two agree while other threads observe. */
static void add_histogram(struct strbuf *b, const char *name, const struct metric_cell *c)
{
        const char *comma = *c->labels ? "," : "";
        uint64_t n = 0;

        for (size_t i = 0; i < c->ladder->n; i++) {
                n += atomic_load_explicit(&c->hits[i], memory_order_relaxed);
                strbuf_addf(b, "%s_bucket{%s%sle=\"%.15g\"} %llu\n", name, c->labels, comma, c->ladder->bounds[i],
                            (unsigned long long) n);
        }
        n += atomic_load_explicit(&c->hits[c->ladder->n], memory_order_relaxed);
        strbuf_addf(b, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, c->labels, comma, (unsigned long long) n);
        add_sample(b, name, "_sum", c->labels);
        strbuf_addf(b, "%.17g\n", atomic_load_explicit(&c->value, memory_order_relaxed));
        add_sample(b, name, "_count", c->labels);
        strbuf_addf(b, "%llu\n", (unsigned long long) n);
}

static void add_head(struct strbuf *b, const char *name, const char *type, const char *help)
{
        strbuf_addf(b, "# HELP %s ", name);
        add_escaped(b, help, false);
        strbuf_addf(b, "\n# TYPE %s %s\n", name, type);
}

static void add_row(struct strbuf *b, const struct metrics *m, size_t i)
{
        static const char *const types[] = {
                [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"
        };
        const struct metric_row *row = &m->rows[i];

        if (!m->cells[i])
                return;
        add_head(b, row->name, types[row->type], row->help);
        for (const struct metric_cell *c = m->cells[i]; c; c = c->hh.next) {
                if (row->type == METRIC_HISTOGRAM) {
                        add_histogram(b, row->name, c);
                        continue;
                }
                add_sample(b, row->name, "", c->labels);
                if (row->type == METRIC_COUNTER)
                        strbuf_addf(b, "%llu\n", (unsigned long long) metric_count(c));
                else
                        strbuf_addf(b, "%.17g\n", atomic_load_explicit(&c->value, memory_order_relaxed));
        }
}

static unsigned open_fds(void)
{
        DIR *d = opendir("/proc/self/fd");
        unsigned n = 0;

        if (!d)
                return 0;
        while (readdir(d))
                n++;
        (void) closedir(d);
        return n < 3 ? 0 : n - 3; /* ".", ".." and the one that lists */
}

static void add_process(struct strbuf *b, const struct metrics *m)
{
        unsigned long long pages = 0;
        struct timespec cpu = { 0 };

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
        AUTO(file) f = fopen("/proc/self/statm", "re");
        if (f && fscanf(f, "%*u %llu", &pages) != 1)
                pages = 0;
        const struct {
                const char *name, *type, *help;
                double value;
        } rows[] = {
                { "process_resident_memory_bytes", "gauge", "resident memory", (double) pages * (double) sysconf(_SC_PAGESIZE) },
                { "process_cpu_seconds_total", "counter", "user and system time",
                  (double) cpu.tv_sec + (double) cpu.tv_nsec / 1e9 },
                { "process_open_fds", "gauge", "open file descriptors", open_fds() },
                { "process_start_time_seconds", "gauge", "Unix time of the start", m->started_s },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                add_head(b, rows[i].name, rows[i].type, rows[i].help);
                strbuf_addf(b, "%s %.17g\n", rows[i].name, rows[i].value);
        }
}

char *metrics_text(struct metrics *m, size_t *len)
{
        AUTO_STRBUF b;

        strbuf_init(&b, TEXT_MAX_BYTES);
        (void) pthread_mutex_lock(&m->lock);
        for (size_t i = 0; i < m->n_rows; i++)
                add_row(&b, m, i);
        (void) pthread_mutex_unlock(&m->lock);
        add_process(&b, m);
        if (len)
                *len = b.len;
        return strbuf_take(&b);
}
