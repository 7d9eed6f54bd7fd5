/* Reading and verifying a version's manifest. */
#include "scorer/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"

enum { FILES_MAX = 1000 };

void manifest_done(struct manifest *m)
{
        json_decref(m->doc);
        free(m->files);
        *m = (struct manifest){ 0 };
}

static int by_path(const void *a, const void *b)
{
        return strcmp(((const struct manifest_file *) a)->path, ((const struct manifest_file *) b)->path);
}

static int read_files(json_t *list, struct manifest *m, struct err *e)
{
        size_t i, n = json_array_size(list);
        json_t *item;

        if (n == 0 || n > FILES_MAX)
                return err_set(e, ERR_INVALID, "a version has 1 to %d files, not %zu", FILES_MAX, n);
        m->files = xcalloc(n, sizeof *m->files);
        json_array_foreach (list, i, item) {
                struct manifest_file *f = &m->files[m->n_files++];
                json_int_t size;
                if (json_peek("file", item, e, "{s:s, s:s, s:I}", "path", &f->path, "digest", &f->digest, "size", &size))
                        return -1;
                if (!digest_is_valid(f->digest) || size < 0)
                        return err_set(e, ERR_INVALID, "file \"%.100s\" has no valid digest and size", f->path);
                f->size = size;
        }
        qsort(m->files, m->n_files, sizeof *m->files, by_path);
        return 0;
}

/* The canonical form of docs/api.md. */
static void digest_canonical(const struct manifest *m, json_t *metadata, char out[static DIGEST_TEXT_LEN + 1])
{
        AUTO(json) files = json_array();

        for (size_t i = 0; i < m->n_files; i++)
                (void) json_array_append_new(files, json_pack("{s:s, s:s, s:I}", "digest", m->files[i].digest, "path",
                                                              m->files[i].path, "size", (json_int_t) m->files[i].size));
        AUTO(json) whole = json_pack("{s:O, s:O}", "files", files, "metadata", metadata);
        AUTO(str) text = json_canonical(whole);

        digest_of(text, strlen(text), out);
}

static size_t find(const struct manifest *m, const char *path)
{
        size_t i = 0;

        while (i < m->n_files && strcmp(m->files[i].path, path) != 0)
                i++;
        return i;
}

/* The file that metadata.scorer.MEMBER names; n_files when it names none. */
static int choose_named(const struct manifest *m, const json_t *metadata, const char *member, size_t *out, struct err *e)
{
        const json_t *name = json_object_get(json_object_get(metadata, "scorer"), member);

        *out = m->n_files;
        if (!name)
                return 0;
        if (!json_is_string(name))
                return err_set(e, ERR_INVALID, "metadata.scorer.%s has to be a string", member);
        *out = find(m, json_string_value(name));
        if (*out == m->n_files)
                return err_set(e, ERR_INVALID, "metadata.scorer.%s names \"%.100s\", which the version does not have", member,
                               json_string_value(name));
        return 0;
}

static int choose_golden(struct manifest *m, const json_t *metadata, struct err *e)
{
        if (choose_named(m, metadata, "golden", &m->golden, e))
                return -1;
        if (m->golden == m->n_files)
                m->golden = find(m, "golden.jsonl");
        return 0;
}

static int choose_model(struct manifest *m, const json_t *metadata, struct err *e)
{
        size_t found = 0;

        if (choose_named(m, metadata, "file", &m->model, e))
                return -1;
        if (m->model < m->n_files)
                return 0;
        for (size_t i = 0; i < m->n_files; i++) {
                const char *dot = strrchr(m->files[i].path, '.');
                if (!dot || (strcmp(dot, ".json") != 0 && strcmp(dot, ".ubj") != 0))
                        continue;
                m->model = i;
                found++;
        }
        if (found != 1)
                return err_set(e, ERR_INVALID,
                               "the version has %zu files ending in .json or .ubj; metadata.scorer.file has to say "
                               "which one is the model",
                               found);
        return 0;
}

static int check(struct manifest *m, const char *model, int64_t version, struct err *e)
{
        json_t *files, *metadata;
        const char *digest, *name;
        json_int_t number;

        if (json_peek("version", m->doc, e, "{s:s, s:I, s:s, s:o, s:o}", "model", &name, "number", &number, "digest", &digest,
                      "files", &files, "metadata", &metadata))
                return -1;
        if (strcmp(name, model) != 0 || number != version)
                return err_set(e, ERR_INVALID, "the registry answered with version %lld of \"%.64s\"", (long long) number, name);
        if (read_files(files, m, e))
                return -1;
        digest_canonical(m, metadata, m->digest);
        if (strcmp(m->digest, digest) != 0)
                return err_set(e, ERR_INVALID, "the manifest has digest %s, the registry says %.80s", m->digest, digest);
        return choose_model(m, metadata, e) || choose_golden(m, metadata, e) ? -1 : 0;
}

int manifest_read(const char *text, size_t len, const char *model, int64_t version, struct manifest *m, struct err *e)
{
        *m = (struct manifest){ 0 };
        if (json_parse("version", text, len, &m->doc, e))
                return -1;
        int r = check(m, model, version, e);
        if (r)
                manifest_done(m);
        return r;
}
