/* Downloading a version: retried while the registry is away, refused when anything is not what its digest says. */
#include "scorer/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/http_client.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "scorer/manifest.h"

enum { SILENCE_MS = 5000, MANIFEST_MAX = 4 << 20, NAP_MS = 20 };

DEFINE_AUTO(sha256, struct sha256 *, sha256_free);

/* One file on its way. */
struct download {
        const struct fetch_config *config;
        const struct manifest_file *file;
        struct sha256 *hash;
        char *data; /* file->size bytes, or NULL when only the digest matters */
        int64_t received;
        struct err why; /* of giving up */
};

typedef int (*attempt_fn)(const struct fetch_config *config, void *arg, struct err *e);

static bool cancelled(const struct fetch_config *config)
{
        return config->cancel && atomic_load(config->cancel);
}

static int nap(const struct fetch_config *config, int64_t wait_ms, struct err *e)
{
        int64_t until_ms = clock_ms() + wait_ms;

        while (clock_ms() < until_ms) {
                if (cancelled(config))
                        return err_set(e, ERR_UNAVAILABLE, "stopped while waiting for the registry");
                (void) usleep(NAP_MS * 1000);
        }
        return 0;
}

static int with_retries(const struct fetch_config *config, attempt_fn attempt, void *arg, struct err *e)
{
        struct backoff_policy policy = {
                .base_ms = 100, .cap_ms = 2000, .give_up_ms = config->wait_ms, .max_tries = config->wait_ms ? 0 : 1
        };
        struct backoff b = { 0 };
        int r;

        while ((r = attempt(config, arg, e)) != 0) {
                if (!err_is_retryable(e->kind) || cancelled(config) || !backoff_next(&policy, &b, clock_ms(), random_u32()))
                        break;
                if (b.tries == 1)
                        LOG_WARN("trying again", "registry", config->registry, "error", e->msg);
                if (nap(config, b.wait_ms, e))
                        break;
        }
        if (r == 0 && b.tries > 0)
                LOG_INFO("the registry answers again", "registry", config->registry, LOG_INT("tries", b.tries + 1));
        return r;
}

static char *url_of(const struct fetch_config *config, const char *path)
{
        size_t len = strlen(config->registry);

        while (len > 0 && config->registry[len - 1] == '/')
                len--;
        return xasprintf("%.*s%s", (int) len, config->registry, path);
}

/* A version on its way. */
struct errand {
        struct manifest manifest;
        bool cached; /* the manifest is from the cache: only what is needed is asked for */
};

static int read_manifest(const struct fetch_config *config, const char *text, size_t len, struct manifest *m, struct err *e)
{
        if (manifest_read(text, len, config->model, config->version, m, e))
                return -1;
        if (!config->digest || strcmp(config->digest, m->digest) == 0)
                return 0;
        (void) err_set(e, ERR_INVALID, "its digest is %s, and has to be %s", m->digest, config->digest);
        manifest_done(m);
        return -1;
}

static int recall_manifest(const struct fetch_config *config, struct errand *out)
{
        AUTO(str) text = NULL;
        struct err e;
        size_t len;

        if (cache_get_version(&config->cache, config->model, config->version, &text, &len))
                return -1;
        out->cached = read_manifest(config, text, len, &out->manifest, &e) == 0;
        if (!out->cached)
                cache_drop_version(&config->cache, config->model, config->version);
        return out->cached ? 0 : -1;
}

static void not_kept(const struct err *e)
{
        LOG_WARN("the cache cannot keep a file", "error", e->msg);
}

static int fetch_manifest(const struct fetch_config *config, void *arg, struct err *e)
{
        struct errand *errand = arg;
        struct err ignored;
        AUTO(str) path = xasprintf("/v1/models/%s/versions/%lld", config->model, (long long) config->version);
        AUTO(str) url = url_of(config, path);
        struct http_call call = { .url = url, .bearer = config->token, .timeout_ms = SILENCE_MS, .max_body = MANIFEST_MAX };
        AUTO_RESPONSE r;

        if (http_fetch(&call, &r, e) || http_check("fetch the version", &r, e)) {
                if (!err_is_retryable(e->kind) || recall_manifest(config, errand))
                        return -1;
                LOG_WARN("the registry is away: the version is taken from the cache", "error", e->msg);
                return 0;
        }
        if (read_manifest(config, r.body, r.body_len, &errand->manifest, e))
                return -1;
        if (cache_put_version(&config->cache, config->model, config->version, r.body, r.body_len, &ignored))
                not_kept(&ignored);
        return 0;
}

static int take_piece(void *arg, const void *data, size_t len)
{
        struct download *d = arg;

        if (cancelled(d->config))
                return err_set(&d->why, ERR_UNAVAILABLE, "stopped while downloading");
        if ((int64_t) len > d->file->size - d->received)
                return err_set(&d->why, ERR_INVALID, "it is longer than the %lld bytes that the manifest says",
                               (long long) d->file->size);
        if (d->data)
                memcpy(d->data + d->received, data, len);
        sha256_update(d->hash, data, len);
        d->received += (int64_t) len;
        return 0;
}

static int verify(struct download *d, struct err *e)
{
        char digest[DIGEST_TEXT_LEN + 1];

        if (d->received != d->file->size)
                return err_set(e, ERR_INVALID, "it has %lld bytes, the manifest says %lld", (long long) d->received,
                               (long long) d->file->size);
        sha256_final_text(d->hash, digest);
        if (strcmp(digest, d->file->digest) != 0)
                return err_set(e, ERR_INVALID, "its bytes have digest %s, the manifest says %s", digest, d->file->digest);
        return 0;
}

static int fetch_file(const struct fetch_config *config, void *arg, struct err *e)
{
        struct download *d = arg;
        AUTO(str) path = xasprintf("/v1/blobs/%s", d->file->digest);
        AUTO(str) url = url_of(config, path);
        AUTO(sha256) hash = sha256_new();
        struct http_call call = { .url = url, .bearer = config->token, .write = take_piece, .arg = d, .timeout_ms = SILENCE_MS };
        AUTO_RESPONSE r;

        d->hash = hash;
        d->received = 0;
        d->why = (struct err){ 0 };
        if (http_fetch(&call, &r, e)) {
                if (d->why.kind)
                        *e = d->why;
                return -1;
        }
        return http_check("fetch the file", &r, e) || verify(d, e) ? -1 : 0;
}

static int download(const struct fetch_config *config, const struct manifest_file *file, char *data, struct err *e)
{
        struct download d = { .config = config, .file = file, .data = data };

        return with_retries(config, fetch_file, &d, e) ? err_wrap(e, "file \"%.100s\"", file->path) : 0;
}

/* Into memory, and into the cache. */
static int fetch_needed(const struct fetch_config *config, const struct manifest_file *file, char **out, struct err *e)
{
        struct err ignored;

        if (cache_get(&config->cache, file->digest, (size_t) file->size, out) == 0)
                return 0;
        AUTO(str) data = xmalloc((size_t) file->size + 1);
        if (download(config, file, data, e))
                return -1;
        data[file->size] = '\0';
        if (cache_put(&config->cache, file->digest, data, (size_t) file->size, &ignored))
                not_kept(&ignored);
        *out = TAKE(data);
        return 0;
}

/* What is not needed is only seen to be there and whole, and only while there is a registry to see it in. */
static int fetch_files(const struct fetch_config *config, const struct errand *errand, struct fetched *out, struct err *e)
{
        const struct manifest *m = &errand->manifest;

        for (size_t i = 0; i < m->n_files; i++) {
                const struct manifest_file *file = &m->files[i];
                int r = 0;
                if (i == m->model)
                        r = fetch_needed(config, file, &out->data, e);
                else if (i == m->golden)
                        r = fetch_needed(config, file, &out->golden, e);
                else if (!errand->cached)
                        r = download(config, file, NULL, e);
                if (r)
                        return -1;
        }
        out->len = (size_t) m->files[m->model].size;
        out->golden_len = out->golden ? (size_t) m->files[m->golden].size : 0;
        out->path = xstrdup(m->files[m->model].path);
        out->cached = errand->cached;
        memcpy(out->digest, m->digest, sizeof out->digest);
        return 0;
}

static int check_size(const struct fetch_config *config, const struct manifest *m, struct err *e)
{
        int64_t left = config->max_bytes;

        for (size_t i = 0; i < m->n_files; i++) {
                if (m->files[i].size > left)
                        return err_set(e, ERR_TOO_LARGE, "the version's files are over the %lld bytes of max_size",
                                       (long long) config->max_bytes);
                left -= m->files[i].size;
        }
        return 0;
}

int fetch_version(const struct fetch_config *config, struct fetched *out, struct err *e)
{
        struct errand errand = { 0 };

        *out = (struct fetched){ 0 };
        int r = (!config->digest || recall_manifest(config, &errand)) && with_retries(config, fetch_manifest, &errand, e);
        if (r == 0)
                r = check_size(config, &errand.manifest, e) || fetch_files(config, &errand, out, e);
        manifest_done(&errand.manifest);
        if (r)
                fetched_done(out);
        return r ? err_wrap(e, "version %lld of \"%s\"", (long long) config->version, config->model) : 0;
}

void fetched_done(struct fetched *f)
{
        free(f->data);
        free(f->path);
        free(f->golden);
        *f = (struct fetched){ 0 };
}
