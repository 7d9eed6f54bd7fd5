/* `ctl pull`: fetch a version's files, each under its final name only when its digest is right. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/handlers.h"
#include "ctl/output.h"
#include "ctl/pull_file.h"
#include "ctl/text.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/names.h"
#include "lib/sha256.h"

/* One row of the manifest, believed only as far as it is checked. */
static int take_row(json_t *row, struct pull_file *f, struct err *e)
{
        json_int_t size;

        if (json_peek("file of the version", row, e, "{s:s, s:s, s:I}", "path", &f->path, "digest", &f->digest, "size", &size) ||
            path_check(f->path, e))
                return -1;
        if (!digest_is_valid(f->digest) || size < 0)
                return err_set(e, ERR_INTERNAL, "%s: the registry's digest or size makes no sense", f->path);
        f->size = size;
        return 0;
}

static int pull_files(struct ctl *c, const json_t *version, const char *folder, int64_t *fetched, struct err *e)
{
        const json_t *files = json_object_get(version, "files");
        size_t i;
        json_t *row;

        json_array_foreach (files, i, row) {
                struct pull_file f = { .folder = folder };
                if (take_row(row, &f, e)) {
                        if (e)
                                e->kind = ERR_INTERNAL; /* no fault of the caller's */
                        return err_wrap(e, "the registry's answer");
                }
                if (pull_file(c, &f, fetched, e))
                        return -1;
        }
        return 0;
}

/* What is there and is no folder cannot hold the files. */
static int check_folder(const char *folder, struct err *e)
{
        struct stat st;

        if (stat(folder, &st) == 0 && !S_ISDIR(st.st_mode))
                return err_set(e, ERR_INVALID, "%s is a file; the files of a version go into a folder", folder);
        if (access(folder, F_OK) && errno == ENOTDIR)
                return err_set(e, ERR_INVALID, "%s cannot be a folder: a part of that path is a file", folder);
        return 0;
}

int pull_run(struct ctl *c, const struct call *call, struct err *e)
{
        const char *model = call->args[0], *ref = call->args[1];
        AUTO_ANSWER version = { 0 };
        char size[TEXT_MAX], got[TEXT_MAX];
        int64_t fetched = 0;

        if (client_get(c, SERVER_REGISTRY, "look up the version", &version, e, "/v1/models/%s/versions/%s", model, ref))
                return -1;
        int64_t number = json_num(version.doc, "number", 0);
        AUTO(str) usual = xasprintf("%s-%" PRId64, model, number);
        const char *folder = call_arg(call, 2) ? call_arg(call, 2) : usual;
        if (check_folder(folder, e) || pull_files(c, version.doc, folder, &fetched, e))
                return -1;
        size_t n_files = json_array_size(json_object_get(version.doc, "files"));
        text_bytes(json_num(version.doc, "size", 0), size);
        text_bytes(fetched, got);
        if (c->output == OUTPUT_JSON)
                output_json(c, version.text);
        else if (c->output == OUTPUT_NAME)
                output_line("%s", folder);
        else
                output_line("%s version %" PRId64 " is in %s: %zu file%s, %s, %s of it fetched now", model, number, folder,
                            n_files, n_files == 1 ? "" : "s", size, got);
        return 0;
}
