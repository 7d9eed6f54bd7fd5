/* A bounded pool. Idle connections are a stack, so that a quiet program uses few and the buffers of the others can go. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/pg_conn.h"
#include "lib/random.h"

static const struct backoff_policy RECONNECT = { .base_ms = 50, .cap_ms = 1000 };

struct pg {
        struct pg_config config;
        char *uri, *program;
        pthread_mutex_t lock; /* everything below */
        pthread_cond_t changed;
        struct pg_conn *idle;
        int n_idle, n_open; /* n_open counts idle, borrowed and being opened */
        const char *paused;
        struct backoff backoff; /* since the last success */
        int64_t retry_at_ms;
        struct err why;
};

struct pg *pg_new(const struct pg_config *config, const char *paused)
{
        struct pg *db = xcalloc(1, sizeof *db);
        pthread_condattr_t attr;

        db->config = *config;
        db->config.uri = db->uri = xstrdup(config->uri);
        db->config.program = db->program = xstrdup(config->program);
        db->paused = paused;
        (void) pthread_mutex_init(&db->lock, NULL);
        (void) pthread_condattr_init(&attr);
        (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&db->changed, &attr);
        (void) pthread_condattr_destroy(&attr);
        return db;
}

void pg_free(struct pg *db)
{
        if (!db)
                return;
        while (db->idle) {
                struct pg_conn *c = db->idle;
                db->idle = c->next;
                pg_conn_close(c);
        }
        (void) pthread_cond_destroy(&db->changed);
        (void) pthread_mutex_destroy(&db->lock);
        free(db->uri);
        free(db->program);
        free(db);
}

void pg_pause(struct pg *db, const char *reason)
{
        (void) pthread_mutex_lock(&db->lock);
        db->paused = reason;
        (void) pthread_mutex_unlock(&db->lock);
}

void pg_retry_now(struct pg *db)
{
        (void) pthread_mutex_lock(&db->lock);
        db->backoff = (struct backoff){ 0 };
        db->retry_at_ms = 0;
        (void) pthread_mutex_unlock(&db->lock);
}

void pg_get_stats(struct pg *db, struct pg_stats *out)
{
        (void) pthread_mutex_lock(&db->lock);
        *out = (struct pg_stats){ .in_use = db->n_open - db->n_idle, .idle = db->n_idle, .max = db->config.max_connections };
        (void) pthread_mutex_unlock(&db->lock);
}

static void forget(struct pg *db, struct pg_conn *c)
{
        pg_conn_close(c);
        (void) pthread_mutex_lock(&db->lock);
        db->n_open--;
        (void) pthread_cond_signal(&db->changed);
        (void) pthread_mutex_unlock(&db->lock);
}

/* With db->lock held; false when the deadline has passed. */
static bool wait_for_change(struct pg *db, int64_t deadline_ms)
{
        int left = clock_left(deadline_ms, INT32_MAX);
        struct timespec until;

        if (left == 0)
                return false;
        (void) clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ns = until.tv_nsec + (int64_t) (left % 1000) * 1000000;
        until.tv_sec += left / 1000 + ns / 1000000000;
        until.tv_nsec = ns % 1000000000;
        (void) pthread_cond_timedwait(&db->changed, &db->lock, &until);
        return true;
}

/* With db->lock held: an idle connection in *out, or NULL in it and a place reserved for a new one; -1 says why neither. */
static int take_place(struct pg *db, int64_t deadline_ms, struct pg_conn **out, struct err *e)
{
        for (;;) {
                if (db->paused)
                        return err_set(e, ERR_UNAVAILABLE, "%s", db->paused);
                if (db->idle) {
                        *out = db->idle;
                        db->idle = db->idle->next;
                        db->n_idle--;
                        return 0;
                }
                if (clock_ms() < db->retry_at_ms)
                        return err_set(e, ERR_UNAVAILABLE, "%s", db->why.msg);
                if (db->n_open < db->config.max_connections) {
                        db->n_open++;
                        *out = NULL;
                        return 0;
                }
                if (!wait_for_change(db, deadline_ms))
                        return err_set(e, ERR_UNAVAILABLE, "all %d database connections are busy", db->config.max_connections);
        }
}

static int open_in_place(struct pg *db, int64_t deadline_ms, struct pg_conn **out, struct err *e)
{
        struct err why = { 0 };
        int r = pg_conn_open(&db->config, deadline_ms, out, &why);

        (void) pthread_mutex_lock(&db->lock);
        if (r) {
                (void) backoff_next(&RECONNECT, &db->backoff, clock_ms(), random_u32());
                db->retry_at_ms = clock_ms() + db->backoff.wait_ms;
                db->why = why;
                db->n_open--;
                (void) pthread_cond_broadcast(&db->changed);
        } else {
                db->backoff = (struct backoff){ 0 };
                db->retry_at_ms = 0;
                (*out)->pool = db;
        }
        (void) pthread_mutex_unlock(&db->lock);
        /* Whatever the reason (also a refused login): the caller of our caller can only try again later. */
        return r ? err_set(e, ERR_UNAVAILABLE, "%s", why.msg) : 0;
}

int pg_get(struct pg *db, int64_t deadline_ms, struct pg_conn **out, struct err *e)
{
        for (;;) {
                struct pg_conn *c = NULL;

                (void) pthread_mutex_lock(&db->lock);
                int r = take_place(db, deadline_ms, &c, e);
                (void) pthread_mutex_unlock(&db->lock);
                if (r)
                        return -1;
                if (!c)
                        return open_in_place(db, deadline_ms, out, e);
                if (pg_conn_is_usable(c)) {
                        c->deadline_ms = deadline_ms;
                        *out = c;
                        return 0;
                }
                forget(db, c);
        }
}

void pg_put(struct pg_conn *c)
{
        struct pg *db = c->pool;

        if (!db) {
                pg_conn_close(c);
                return;
        }
        if (!pg_conn_is_usable(c)) {
                forget(db, c);
                return;
        }
        (void) pthread_mutex_lock(&db->lock);
        c->next = db->idle;
        db->idle = c;
        db->n_idle++;
        (void) pthread_cond_signal(&db->changed);
        (void) pthread_mutex_unlock(&db->lock);
}
