/* Rules for versions, preconditions and text. */
#include "registryd/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/names.h"
#include "lib/sha256.h"

static int by_path(const void *a, const void *b)
{
        return strcmp(((const struct manifest_file *) a)->path, ((const struct manifest_file *) b)->path);
}

static int file_check(const struct manifest_file *f, struct err *e)
{
        if (path_check(f->path, e))
                return -1;
        if (!digest_is_valid(f->digest))
                return err_set(e, ERR_INVALID, "file \"%s\": \"%.80s\" is not \"sha256:\" and 64 lower-case hex digits", f->path,
                               f->digest);
        if (f->size < 0)
                return err_set(e, ERR_INVALID, "file \"%s\": size %lld is negative", f->path, (long long) f->size);
        return 0;
}

/* No folder of `f` may be a file of its own. */
static int folders_check(const struct manifest_file *f, const struct manifest_file *files, size_t n, struct err *e)
{
        char folder[PATH_MAX_LEN + 1];
        struct manifest_file key = { .path = folder };

        for (const char *slash = strchr(f->path, '/'); slash; slash = strchr(slash + 1, '/')) {
                size_t len = (size_t) (slash - f->path);
                memcpy(folder, f->path, len);
                folder[len] = '\0';
                if (bsearch(&key, files, n, sizeof *files, by_path))
                        return err_set(e, ERR_INVALID, "\"%s\" is a file, and a folder in \"%s\"", folder, f->path);
        }
        return 0;
}

int manifest_check(struct manifest_file *files, size_t n, struct err *e)
{
        if (n == 0 || n > FILES_MAX)
                return err_set(e, ERR_INVALID, "a version has 1 to %d files, not %zu", FILES_MAX, n);
        for (size_t i = 0; i < n; i++)
                if (file_check(&files[i], e))
                        return -1;
        qsort(files, n, sizeof *files, by_path);
        for (size_t i = 1; i < n; i++)
                if (strcmp(files[i - 1].path, files[i].path) == 0)
                        return err_set(e, ERR_INVALID, "path \"%s\" appears twice", files[i].path);
        for (size_t i = 0; i < n; i++)
                if (folders_check(&files[i], files, n, e))
                        return -1;
        return 0;
}

int version_ref_parse(const char *text, struct version_ref *out, struct err *e)
{
        struct version_ref ref = { .name = "" };

        if (text[0] == '@') {
                ref.name = text + 1;
                if (name_check("alias", ref.name, e))
                        return -1;
        } else if (strncmp(text, "sha256:", 7) == 0) {
                if (!digest_is_valid(text))
                        return err_set(e, ERR_INVALID, "\"%.80s\" is not a digest like sha256: and 64 lower-case hex digits",
                                       text);
                ref.name = text;
        } else if (version_parse(text, &ref.number, e)) {
                return -1;
        }
        *out = ref;
        return 0;
}

static int revision_parse(const char *tag, int64_t *revision, struct err *e)
{
        char *end = NULL;

        errno = 0;
        if (tag[0] == '"' && tag[1] >= '1' && tag[1] <= '9')
                *revision = strtoll(tag + 1, &end, 10);
        if (!end || errno || strcmp(end, "\"") != 0)
                return err_set(e, ERR_INVALID, "If-Match must be \"REVISION\" with its quotes, or *; not %.64s", tag);
        return 0;
}

int precondition_parse(const char *if_match, const char *if_none_match, struct precondition *out, struct err *e)
{
        struct precondition p = { .must_exist = if_match, .must_not_exist = if_none_match };

        if (if_match && if_none_match)
                return err_set(e, ERR_INVALID, "If-Match and If-None-Match exclude each other");
        if (if_none_match && strcmp(if_none_match, "*") != 0)
                return err_set(e, ERR_INVALID, "If-None-Match must be *; not %.64s", if_none_match);
        if (if_match && strcmp(if_match, "*") != 0 && revision_parse(if_match, &p.revision, e))
                return -1;
        *out = p;
        return 0;
}

int precondition_check(const struct precondition *p, int64_t revision, struct err *e)
{
        if (p->must_not_exist && revision)
                return err_set(e, ERR_PRECONDITION, "it exists, at revision %lld", (long long) revision);
        if (p->must_exist && !revision)
                return err_set(e, ERR_PRECONDITION, "it does not exist");
        if (p->revision && p->revision != revision)
                return err_set(e, ERR_PRECONDITION, "it is at revision %lld, not %lld", (long long) revision,
                               (long long) p->revision);
        return 0;
}

int decision_check(const struct decision *d, struct err *e)
{
        if (target_check(d->target, e) || name_check("model", d->model, e))
                return -1;
        if (strlen(d->kind) > DECISION_KIND_MAX || strlen(d->reason) > REASON_MAX)
                return err_set(e, ERR_INVALID, "event %lld: its kind has at most %d bytes, its reason %d", (long long) d->number,
                               DECISION_KIND_MAX, REASON_MAX);
        if (d->number < 1)
                return err_set(e, ERR_INVALID, "events are numbered from 1 up, not %lld", (long long) d->number);
        if (d->at_ms <= 0)
                return err_set(e, ERR_INVALID, "event %lld: at is no time after 1970", (long long) d->number);
        if (d->epoch < 0)
                return err_set(e, ERR_INVALID, "event %lld: epoch %lld is negative", (long long) d->number, (long long) d->epoch);
        if (d->event_bytes > DECISION_EVENT_MAX)
                return err_set(e, ERR_INVALID, "event %lld is over %d bytes", (long long) d->number, DECISION_EVENT_MAX);
        return 0;
}

int text_check(const char *what, const char *text, size_t max, struct err *e)
{
        if (strlen(text) > max)
                return err_set(e, ERR_INVALID, "%s is over %zu bytes", what, max);
        for (const unsigned char *p = (const unsigned char *) text; *p; p++)
                if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
                        return err_set(e, ERR_INVALID, "%s holds control character 0x%02x", what, *p);
        return 0;
}

int token_check(const char *token, struct err *e)
{
        size_t len = strlen(token);

        if (len < 20 || len > 256)
                return err_set(e, ERR_INVALID, "a token has 20 to 256 characters, not %zu", len);
        for (const char *p = token; *p; p++)
                if (*p <= ' ' || *p > '~')
                        return err_set(e, ERR_INVALID, "a token holds visible ASCII characters only");
        return 0;
}
