/* Collecting what a push will send. */
#include "ctl/push_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/git.h"
#include "ctl/progress.h"
#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/names.h"

DEFINE_AUTO(sha256, struct sha256 *, sha256_free);

enum { READ_BYTES = 1 << 18 };

void push_plan_done(struct push_plan *plan)
{
        for (size_t i = 0; i < plan->n_files; i++) {
                free(plan->files[i].local);
                free(plan->files[i].path);
        }
        free(plan->files);
        json_decref(plan->metadata);
        *plan = (struct push_plan){ 0 };
}

/* FILE=PATH at the first '=', unless a file of the whole name exists. */
static void split(const char *arg, struct push_file *f)
{
        const char *equals = strchr(arg, '=');
        const char *slash = strrchr(arg, '/');

        if (equals && !fs_exists(arg)) {
                f->local = xstrndup(arg, (size_t) (equals - arg));
                f->path = xstrdup(equals + 1);
        } else {
                f->local = xstrdup(arg);
                f->path = xstrdup(slash ? slash + 1 : arg);
        }
}

static int check_file(struct push_file *f, struct err *e)
{
        struct stat st;

        if (stat(f->local, &st))
                return err_errno(e, errno, "%s", f->local);
        if (S_ISDIR(st.st_mode))
                return err_set(e, ERR_INVALID, "%s is a folder; name its files", f->local);
        if (!S_ISREG(st.st_mode))
                return err_set(e, ERR_INVALID, "%s is no regular file; it is read twice, so it has to be one", f->local);
        f->size = st.st_size;
        if (path_check(f->path, e))
                return err_wrap(e, "%s", f->local);
        return 0;
}

int push_files(const struct call *call, struct push_plan *plan, struct err *e)
{
        size_t n = call->n_args - 1;

        if (n > PUSH_FILES_MAX)
                return err_set(e, ERR_INVALID, "a version has at most %d files, not %zu", PUSH_FILES_MAX, n);
        plan->files = xcalloc(n, sizeof *plan->files);
        for (size_t i = 0; i < n; i++) {
                struct push_file *f = &plan->files[plan->n_files++];
                split(call->args[i + 1], f);
                if (check_file(f, e))
                        return -1;
                for (size_t k = 0; k < i; k++)
                        if (strcmp(plan->files[k].path, f->path) == 0)
                                return err_set(e, ERR_INVALID, "%s and %s would both be called %s; name one FILE=PATH",
                                               plan->files[k].local, f->local, f->path);
        }
        return 0;
}

int push_add_pair(json_t *metadata, const char *pair, struct err *e)
{
        const char *equals = strchr(pair, '=');
        bool is_json = equals > pair && equals[-1] == ':';
        AUTO(str) key = xstrndup(pair, (size_t) (equals - pair) - is_json);
        AUTO(json) value = NULL;
        json_error_t where;

        if (json_object_get(metadata, key))
                return err_set(e, ERR_INVALID, "--meta %s: given twice", key);
        if (is_json)
                value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);
        else
                value = json_string(equals + 1);
        if (!value && is_json)
                return err_set(e, ERR_INVALID, "--meta %s: no JSON: %s; text goes after = without the colon", key, where.text);
        if (!value || json_object_set(metadata, key, value))
                return err_set(e, ERR_INVALID, "--meta %s: no UTF-8", key);
        return 0;
}

static int add_lineage(const struct ctl *c, json_t *metadata, struct err *e)
{
        AUTO(json) git = NULL;
        struct err why = { 0 };

        if (git_lineage(".", &git, &why)) {
                ctl_note(c, "no Git commit recorded: %s", why.msg);
                return 0;
        }
        if (!git)
                return 0;
        if (json_object_get(metadata, "git"))
                return err_set(e, ERR_INVALID, "--meta git: that is where the Git commit goes; add --no-git to set it yourself");
        ctl_note(c, "recording Git commit %.12s%s (--no-git leaves it out)", json_string_value(json_object_get(git, "commit")),
                 json_is_true(json_object_get(git, "dirty")) ? " with uncommitted changes" : "");
        return json_object_set(metadata, "git", git);
}

int push_metadata(const struct ctl *c, const struct call *call, struct push_plan *plan, struct err *e)
{
        const char *pair;

        plan->metadata = json_object();
        for (size_t i = 0; (pair = call_each(call, "meta", &i));)
                if (push_add_pair(plan->metadata, pair, e))
                        return -1;
        if (!call_has(call, "no-git") && add_lineage(c, plan->metadata, e))
                return -1;
        AUTO(str) text = json_text(plan->metadata);
        if (strlen(text) > PUSH_METADATA_MAX)
                return err_set(e, ERR_INVALID, "the metadata is over %d bytes", PUSH_METADATA_MAX);
        return 0;
}

static int hash_file(const struct ctl *c, struct push_file *f, char *buffer, struct err *e)
{
        __attribute__((cleanup(fd_release_))) fd_t_ fd = open(f->local, O_RDONLY | O_CLOEXEC);
        AUTO(sha256) hash = sha256_new();
        struct progress bar;
        ssize_t n;

        if (fd < 0)
                return err_errno(e, errno, "open %s", f->local);
        progress_begin(&bar, c, f->path, "hashed", f->size, 0);
        f->size = 0;
        while ((n = read(fd, buffer, READ_BYTES)) > 0) {
                sha256_update(hash, buffer, (size_t) n);
                f->size += n;
                progress_add(&bar, n);
        }
        progress_clear(&bar);
        if (n < 0)
                return err_errno(e, errno, "read %s", f->local);
        sha256_final_text(hash, f->digest);
        return 0;
}

int push_hash(const struct ctl *c, struct push_plan *plan, struct err *e)
{
        AUTO(str) buffer = xmalloc(READ_BYTES);

        for (size_t i = 0; i < plan->n_files; i++)
                if (hash_file(c, &plan->files[i], buffer, e))
                        return -1;
        return 0;
}
