/* Fetch or read, parse, compile, check, warm. */
#include "scorer/loader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fs.h"
#include "lib/names.h"
#include "scorer/fetch.h"
#include "scorer/xgb_load.h"

/* A document takes a few times its text; a hostile one no more than this. */
enum { MEMORY_PER_BYTE = 16, MEMORY_LEAST = 1 << 20 };

static int fetch(struct loader *l, struct fetched *f, struct err *e)
{
        const struct settings *s = l->settings_;
        struct fetch_config config = { .registry = s->registry,
                                       .token = s->registry_token,
                                       .model = s->model,
                                       .max_bytes = s->max_size,
                                       .wait_ms = s->registry_wait,
                                       .digest = s->digest,
                                       .cache = { s->cache_dir, s->cache_size },
                                       .cancel = &l->cancel_ };

        return version_parse(s->version, &config.version, e) || fetch_version(&config, f, e) ? -1 : 0;
}

static int read_files(const struct settings *s, struct fetched *f, struct err *e)
{
        if (fs_read(s->model_file, (size_t) s->max_size, &f->data, &f->len, e))
                return -1;
        digest_of(f->data, f->len, f->digest);
        if (s->digest && strcmp(s->digest, f->digest) != 0)
                return err_set(e, ERR_INVALID, "%s: its digest is %s, and has to be %s", s->model_file, f->digest, s->digest);
        return s->golden_file ? fs_read(s->golden_file, (size_t) s->max_size, &f->golden, &f->golden_len, e) : 0;
}

static int make_model(struct loader *l, const struct fetched *f, struct err *e)
{
        const struct settings *s = l->settings_;
        const char *name = s->model_file ? s->model_file : f->path;
        struct model model;

        if (xgb_load(f->data, f->len, f->len * MEMORY_PER_BYTE + MEMORY_LEAST, &model, e) ||
            v2_open(&l->v2, s->model, s->version, s->output_name, s->max_rows, &model, e))
                return err_wrap(e, "the model %.200s is refused", name);
        if (model_warm(&l->v2.model, e) == 0)
                return 0;
        v2_close(&l->v2);
        return err_wrap(e, "the model %.200s is refused", name);
}

/* Nobody is served before this; the golden rows' own way of failing is to be wrong about the model, so the version is refused too. */
static int prepare(struct loader *l, const struct fetched *f, struct err *e)
{
        struct golden golden = { 0 };

        atomic_store(&l->doing, "the golden rows are being scored");
        if (f->golden && golden_check(&l->v2, f->golden, f->golden_len, &golden, e)) {
                v2_close(&l->v2);
                return err_wrap(e, "the model is refused");
        }
        atomic_store(&l->doing, "the model is being warmed up");
        warm_up(&l->v2, &golden, l->settings_->warm_up_max, &l->cancel_, &l->warm_up);
        l->golden_rows = golden.n_rows;
        golden_done(&golden);
        return 0;
}

static int load(struct loader *l, struct fetched *f, struct err *e)
{
        int r = l->settings_->model_file ? read_files(l->settings_, f, e) : fetch(l, f, e);

        return r || make_model(l, f, e) || prepare(l, f, e) ? -1 : 0;
}

static void *run(void *arg)
{
        struct loader *l = arg;
        struct fetched f = { 0 };
        int64_t begun_ms = clock_ms();
        uint64_t one = 1;

        l->failed_ = load(l, &f, &l->err) < 0;
        if (l->failed_)
                atomic_store(&l->doing, l->err.msg);
        l->cached = f.cached;
        memcpy(l->digest, f.digest, sizeof l->digest);
        fetched_done(&f);
        l->took_ms = clock_ms() - begun_ms;
        if (write(l->fd, &one, sizeof one) != sizeof one)
                abort(); /* an eventfd takes a one */
        return NULL;
}

int loader_start(struct loader *l, const struct settings *s, struct err *e)
{
        l->settings_ = s;
        l->fd = eventfd(0, EFD_CLOEXEC);
        if (l->fd < 0)
                return err_errno(e, errno, "eventfd");
        int number = pthread_create(&l->thread_, NULL, run, l);
        if (number) {
                (void) close(l->fd);
                return err_errno(e, number, "start the loading thread");
        }
        l->running_ = true;
        return 0;
}

void loader_cancel(struct loader *l)
{
        atomic_store(&l->cancel_, true);
}

int loader_join(struct loader *l)
{
        if (l->running_) {
                (void) pthread_join(l->thread_, NULL);
                (void) close(l->fd);
                l->running_ = false;
        }
        return l->failed_ ? -1 : 0;
}

void loader_done(struct loader *l)
{
        (void) loader_join(l);
        v2_close(&l->v2);
}
