/* `ctl push`: send the files that the registry lacks, then register the version. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "ctl/alias.h"
#include "ctl/client.h"
#include "ctl/handlers.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/push_plan.h"
#include "ctl/text.h"
#include "lib/mem.h"

/* The model is there, or is made now. */
static int ensure_model(struct ctl *c, const char *model, bool create, struct err *e)
{
        AUTO(str) path = xasprintf("/v1/models/%s", model);
        AUTO(json) body = json_pack("{s:s}", "name", model);
        const struct client_request look = { .path = path, .what = "look for the model" };
        const struct client_request make = { .method = "POST", .path = "/v1/models", .body = body, .what = "create the model" };
        AUTO_ANSWER found = { 0 };
        AUTO_ANSWER made = { 0 };
        struct err why = { 0 };

        if (client_call(c, &look, &found, &why) == 0)
                return 0;
        if (why.kind != ERR_NOT_FOUND || !create)
                return err_set(e, why.kind, "%s", why.msg);
        if (client_call(c, &make, &made, &why) == 0)
                return ctl_note(c, "created the model %s", model), 0;
        /* somebody else made it in between: as good */
        return why.kind == ERR_CONFLICT ? 0 : err_set(e, why.kind, "%s", why.msg);
}

/* 1 when the registry has the bytes, 0 when not, -1 on failure. */
static int is_there(struct ctl *c, const char *digest, struct err *e)
{
        AUTO(str) path = xasprintf("/v1/blobs/%s", digest);
        const struct client_request rq = { .method = "HEAD", .path = path, .what = "look for the file" };
        AUTO_ANSWER answer = { 0 };
        struct err why = { 0 };

        if (client_call(c, &rq, &answer, &why) == 0)
                return 1;
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(e, why.kind, "%s", why.msg);
}

struct upload {
        int fd;
        struct progress bar;
};

static ssize_t send_piece(void *arg, void *out, size_t max)
{
        struct upload *u = arg;
        ssize_t n = read(u->fd, out, max);

        if (n > 0)
                progress_add(&u->bar, n);
        return n;
}

static int send_once(struct ctl *c, const struct push_file *f, int fd, const char *path, struct http_response *r, struct err *e)
{
        struct upload u = { .fd = fd };
        struct http_call call = { .method = "PUT", .read = send_piece, .upload_size = f->size, .arg = &u };

        if (lseek(fd, 0, SEEK_SET) < 0)
                return err_errno(e, errno, "read %s", f->local);
        progress_begin(&u.bar, c, f->path, "sent", f->size, 0);
        if (client_transfer(c, SERVER_REGISTRY, path, f->path, &call, r, e)) {
                progress_clear(&u.bar);
                return -1;
        }
        progress_end(&u.bar);
        return 0;
}

static int send_file(struct ctl *c, const struct push_file *f, struct err *e)
{
        __attribute__((cleanup(fd_release_))) fd_t_ fd = open(f->local, O_RDONLY | O_CLOEXEC);
        AUTO(str) path = xasprintf("/v1/blobs/%s", f->digest);
        struct backoff backoff = { 0 };
        struct err why = { 0 };

        if (fd < 0)
                return err_errno(e, errno, "open %s", f->local);
        for (;;) {
                AUTO_RESPONSE r = { 0 };
                if (send_once(c, f, fd, path, &r, &why) == 0)
                        return 0;
                if (!client_again(c, &backoff, &why, r.retry_after_ms))
                        return err_set(e, why.kind, "%s", why.msg);
        }
}

static int send_files(struct ctl *c, const struct push_plan *plan, struct err *e)
{
        for (size_t i = 0; i < plan->n_files; i++) {
                const struct push_file *f = &plan->files[i];
                int there = is_there(c, f->digest, e);
                if (there < 0 || (there == 0 && send_file(c, f, e)))
                        return -1;
                if (there)
                        ctl_note(c, "%s: the registry has it already", f->path);
        }
        return 0;
}

static int register_version(struct ctl *c, const struct call *call, const struct push_plan *plan, struct answer *out,
                            struct err *e)
{
        AUTO(str) path = xasprintf("/v1/models/%s/versions", call->args[0]);
        AUTO(json) files = json_array();

        for (size_t i = 0; i < plan->n_files; i++) {
                const struct push_file *f = &plan->files[i];
                json_t *row = json_pack("{s:s, s:s, s:I}", "path", f->path, "digest", f->digest, "size", (json_int_t) f->size);
                if (!row)
                        return err_set(e, ERR_INVALID, "the name of %s is no UTF-8", f->local);
                (void) json_array_append_new(files, row);
        }
        AUTO(json)
        body = json_pack("{s:O, s:O, s:s*}", "files", files, "metadata", plan->metadata, "description",
                         call_flag(call, "description"));
        const struct client_request rq = {
                .method = "POST",
                .path = path,
                .body = body,
                .what = "register the version",
                .repeatable = true, /* the same manifest is the same version */
        };
        return client_call(c, &rq, out, e);
}

static void print_version(const struct ctl *c, const char *model, const struct answer *a)
{
        const char *digest = json_str(a->doc, "digest");
        char size[TEXT_MAX];
        int64_t number = json_num(a->doc, "number", 0);

        size_t n_files = json_array_size(json_object_get(a->doc, "files"));
        text_bytes(json_num(a->doc, "size", 0), size);
        if (c->output == OUTPUT_JSON)
                output_json(c, a->text);
        else if (c->output == OUTPUT_NAME)
                output_line("%" PRId64, number);
        else if (a->status == 201)
                output_line("%s version %" PRId64 " is registered: %zu file%s, %s, %s", model, number, n_files,
                            n_files == 1 ? "" : "s", size, digest ? digest : "?");
        else
                output_line("%s version %" PRId64 " is exactly this already: nothing changed, %s", model, number,
                            digest ? digest : "?");
}

static int set_aliases(struct ctl *c, const struct call *call, int64_t version, struct err *e)
{
        const char *name;

        for (size_t i = 0; (name = call_each(call, "alias", &i));) {
                AUTO_ANSWER answer = { 0 };
                if (alias_set(c, call->args[0], name, version, NULL, NULL, &answer, e))
                        return err_wrap(e, "version %" PRId64 " is registered, but not as %s", version, name);
                ctl_note(c, "%s of %s is version %" PRId64, name, call->args[0], version);
        }
        return 0;
}

int push_run(struct ctl *c, const struct call *call, struct err *e)
{
        __attribute__((cleanup(push_plan_done))) struct push_plan plan = { 0 };
        AUTO_ANSWER version = { 0 };

        if (push_files(call, &plan, e) || push_metadata(c, call, &plan, e) ||
            ensure_model(c, call->args[0], !call_has(call, "no-create"), e) || push_hash(c, &plan, e) ||
            send_files(c, &plan, e) || register_version(c, call, &plan, &version, e))
                return -1;
        print_version(c, call->args[0], &version);
        return set_aliases(c, call, json_num(version.doc, "number", 0), e);
}
