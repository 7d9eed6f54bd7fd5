/* Reading a manifest and computing its digest. */
#include "registryd/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"

void manifest_free(struct manifest *m)
{
        free(m->metadata);
        free(m->file_list);
        free(m);
}

static int read_files(const json_t *list, struct manifest *m, struct err *e)
{
        size_t i;
        json_t *item;

        if (!json_is_array(list))
                return err_set(e, ERR_INVALID, "version: files must be a list");
        if (json_array_size(list) > FILES_MAX)
                return err_set(e, ERR_INVALID, "a version has 1 to %d files, not %zu", FILES_MAX, json_array_size(list));
        json_array_foreach (list, i, item) {
                struct manifest_file *f = &m->files[m->n_files++];
                json_int_t size;
                if (json_take("version: file", item, e, "{s:s, s:s, s:I}", "path", &f->path, "digest", &f->digest, "size", &size))
                        return -1;
                f->size = size;
        }
        return manifest_check(m->files, m->n_files, e);
}

static int add_sizes(struct manifest *m, struct err *e)
{
        for (size_t i = 0; i < m->n_files; i++)
                if (__builtin_add_overflow(m->size, m->files[i].size, &m->size))
                        return err_set(e, ERR_INVALID, "version: the sizes add up to more than fits");
        return 0;
}

/* The canonical form of docs/api.md, and its SHA-256. */
static void make_canonical(struct manifest *m, json_t *metadata)
{
        AUTO(json) files = json_array();

        for (size_t i = 0; i < m->n_files; i++)
                (void) json_array_append_new(files, json_pack("{s:s, s:s, s:I}", "digest", m->files[i].digest, "path",
                                                              m->files[i].path, "size", (json_int_t) m->files[i].size));
        AUTO(json) whole = json_pack("{s:O, s:O}", "files", files, "metadata", metadata);
        AUTO(str) text = json_canonical(whole);

        digest_of(text, strlen(text), m->digest);
        m->metadata = json_canonical(metadata);
        m->file_list = json_canonical(files);
}

static bool is_deeper(const json_t *v, int levels)
{
        size_t i;
        json_t *item;
        const char *key;

        if (!json_is_object(v) && !json_is_array(v))
                return false;
        if (levels == 0)
                return true;
        json_array_foreach (v, i, item)
                if (is_deeper(item, levels - 1))
                        return true;
        json_object_foreach ((json_t *) v, key, item)
                if (is_deeper(item, levels - 1))
                        return true;
        return false;
}

static int fill(json_t *doc, struct manifest *m, struct err *e)
{
        json_t *files, *metadata = NULL;
        AUTO(json) none = json_object();

        m->description = "";
        if (json_take("version", doc, e, "{s:o, s?o, s?s}", "files", &files, "metadata", &metadata, "description",
                      &m->description))
                return -1;
        if (metadata && !json_is_object(metadata))
                return err_set(e, ERR_INVALID, "version: metadata must be an object");
        if (is_deeper(metadata, METADATA_DEPTH))
                return err_set(e, ERR_INVALID, "version: metadata is nested over %d levels deep", METADATA_DEPTH);
        if (read_files(files, m, e) || add_sizes(m, e) || text_check("description", m->description, DESCRIPTION_MAX, e))
                return -1;
        make_canonical(m, metadata ? metadata : none);
        if (strlen(m->metadata) > METADATA_MAX)
                return err_set(e, ERR_INVALID, "metadata is over %d bytes", METADATA_MAX);
        return 0;
}

int manifest_new(json_t *doc, struct manifest **out, struct err *e)
{
        AUTO(manifest) m = xcalloc(1, sizeof *m);

        if (fill(doc, m, e))
                return -1;
        *out = TAKE(m);
        return 0;
}
