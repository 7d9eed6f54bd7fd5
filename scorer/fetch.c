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

static int fetch_manifest(const struct fetch_config *config, void *arg, struct err *e)
{
        AUTO(str) path = xasprintf("/v1/models/%s/versions/%lld", config->model, (long long) config->version);
        AUTO(str) url = url_of(config, path);
        struct http_call call = { .url = url, .bearer = config->token, .timeout_ms = SILENCE_MS, .max_body = MANIFEST_MAX };
        AUTO_RESPONSE r;

        if (http_fetch(&call, &r, e) || http_check("fetch the version", &r, e))
                return -1;
        return manifest_read(r.body, r.body_len, config->model, config->version, arg, e);
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

static int fetch_files(const struct fetch_config *config, const struct manifest *m, char *data, struct err *e)
{
        for (size_t i = 0; i < m->n_files; i++) {
                struct download d = { .config = config, .file = &m->files[i], .data = i == m->model ? data : NULL };
                if (with_retries(config, fetch_file, &d, e))
                        return err_wrap(e, "file \"%.100s\"", m->files[i].path);
        }
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
        struct manifest m = { 0 };

        *out = (struct fetched){ 0 };
        int r = with_retries(config, fetch_manifest, &m, e) || check_size(config, &m, e);
        if (r == 0) {
                const struct manifest_file *file = &m.files[m.model];
                out->len = (size_t) file->size;
                out->data = xmalloc(out->len + 1);
                out->path = xstrdup(file->path);
                memcpy(out->digest, m.digest, sizeof out->digest);
                r = fetch_files(config, &m, out->data, e);
        }
        manifest_done(&m);
        if (r)
                fetched_done(out);
        return r ? err_wrap(e, "version %lld of \"%s\"", (long long) config->version, config->model) : 0;
}

void fetched_done(struct fetched *f)
{
        free(f->data);
        free(f->path);
        *f = (struct fetched){ 0 };
}
