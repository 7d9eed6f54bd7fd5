/* Migrations at the start, orphan collection afterwards. */
#include "registryd/keeper.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/pg_migrate.h"
#include "lib/random.h"
#include "registryd/registry.h"
#include "registryd/store.h"

enum { MIGRATE_MS = 600000, COLLECT_MS = 30000, COLLECT_EVERY_MS = 60000 };

static const struct backoff_policy RETRY = { .base_ms = 100, .cap_ms = 2000 };

struct keeper {
        struct registry *reg;
        char *uri;
        pthread_t thread;
        atomic_bool ready;
        pthread_mutex_t lock; /* everything below */
        pthread_cond_t changed;
        bool stop, poked;
        struct err failure; /* kind is ERR_NONE while all is well */
};

/* Sleep until poked, stopped or `ms` have passed. False when stopped. */
static bool rest(struct keeper *k, int64_t ms)
{
        struct timespec until;

        (void) clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ns = until.tv_nsec + ms % 1000 * 1000000;
        until.tv_sec += ms / 1000 + ns / 1000000000;
        until.tv_nsec = ns % 1000000000;
        (void) pthread_mutex_lock(&k->lock);
        while (!k->stop && !k->poked && pthread_cond_timedwait(&k->changed, &k->lock, &until) == 0)
                continue;
        k->poked = false;
        bool go_on = !k->stop;
        (void) pthread_mutex_unlock(&k->lock);
        return go_on;
}

static int migrate(struct keeper *k, struct err *e)
{
        struct pg_config config = { .uri = k->uri, .program = "registryd-migrate", .lock_timeout_ms = 10000 };
        int64_t connect_by = clock_ms() + k->reg->settings->db_timeout;
        AUTO(pg_conn) c = NULL;
        int applied = 0;

        if (pg_connect(&config, connect_by, &c, e))
                return -1;
        pg_set_deadline(c, clock_ms() + MIGRATE_MS);
        if (pg_migrate(c, "registry", registry_migrations, registry_migration_count, &applied, e))
                return -1;
        LOG_INFO("the database is ready", LOG_INT("migrations_applied", applied));
        return 0;
}

static void fail(struct keeper *k, const struct err *why)
{
        (void) pthread_mutex_lock(&k->lock);
        k->failure = *why;
        (void) pthread_mutex_unlock(&k->lock);
        (void) kill(getpid(), SIGTERM);
}

/* Until it works; a database that is away is waited for. False when stopped or when it cannot work. */
static bool prepare(struct keeper *k)
{
        struct backoff b = { 0 };
        struct err e = { 0 };

        while (migrate(k, &e)) {
                if (!err_is_retryable(e.kind)) {
                        fail(k, &e);
                        return false;
                }
                if (b.tries == 5) /* a server that is just starting is nothing to report */
                        LOG_WARN("the database is not there yet", "error", e.msg);
                (void) backoff_next(&RETRY, &b, clock_ms(), random_u32());
                if (!rest(k, b.wait_ms))
                        return false;
        }
        pg_pause(k->reg->db, NULL);
        pg_pause(k->reg->transfers, NULL);
        atomic_store(&k->ready, true);
        return true;
}

/* In small transactions until nothing is left; a failure waits for the next round. */
static void collect(struct keeper *k)
{
        struct collected done = { .more = true };
        struct err e = { 0 };
        int64_t chunks = 0;

        while (done.more && !atomic_load(&k->reg->draining)) {
                if (upload_store_collect(k->reg->transfers, clock_ms() + COLLECT_MS, k->reg->settings->upload_grace, &done, &e)) {
                        LOG_WARN("cannot delete the rest of unfinished uploads now", "error", e.msg);
                        break;
                }
                chunks += done.chunks;
                metric_add(metrics_cell(k->reg->metrics, METRIC_collected), (uint64_t) done.chunks);
        }
        if (chunks)
                LOG_INFO("deleted the chunks of unfinished uploads", LOG_INT("chunks", chunks));
}

static void *keep(void *arg)
{
        struct keeper *k = arg;
        int64_t every = k->reg->settings->upload_grace / 2;

        if (!prepare(k))
                return NULL;
        do
                collect(k);
        while (rest(k, every < COLLECT_EVERY_MS ? every : COLLECT_EVERY_MS));
        return NULL;
}

struct keeper *keeper_start(struct registry *reg, const char *uri)
{
        struct keeper *k = xcalloc(1, sizeof *k);
        pthread_condattr_t attr;

        k->reg = reg;
        k->uri = xstrdup(uri);
        (void) pthread_mutex_init(&k->lock, NULL);
        (void) pthread_condattr_init(&attr);
        (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&k->changed, &attr);
        (void) pthread_condattr_destroy(&attr);
        if (pthread_create(&k->thread, NULL, keep, k))
                abort();
        return k;
}

static void wake(struct keeper *k, bool *flag)
{
        (void) pthread_mutex_lock(&k->lock);
        *flag = true;
        (void) pthread_cond_signal(&k->changed);
        (void) pthread_mutex_unlock(&k->lock);
}

void keeper_poke(struct keeper *k)
{
        wake(k, &k->poked);
}

void keeper_stop(struct keeper *k)
{
        if (!k)
                return;
        wake(k, &k->stop);
        (void) pthread_join(k->thread, NULL);
        (void) pthread_cond_destroy(&k->changed);
        (void) pthread_mutex_destroy(&k->lock);
        free(k->uri);
        free(k);
}

bool keeper_is_ready(struct keeper *k)
{
        return atomic_load(&k->ready);
}

bool keeper_has_failed(struct keeper *k, struct err *why)
{
        (void) pthread_mutex_lock(&k->lock);
        bool failed = k->failure.kind != ERR_NONE;
        if (failed)
                *why = k->failure;
        (void) pthread_mutex_unlock(&k->lock);
        return failed;
}
