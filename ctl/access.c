/* Who we are and who else may come in: `ctl whoami`, `ctl token`. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ctl/cells.h"
#include "ctl/handlers.h"
#include "lib/mem.h"

int whoami_run(struct ctl *c, const struct call *call, struct err *e)
{
        AUTO_ANSWER answer = { 0 };
        AUTO(table) t = table_new((const char *[]){ "NAME", "ROLE", NULL });

        (void) call;
        if (client_get(c, SERVER_REGISTRY, "ask who I am", &answer, e, "/v1/whoami"))
                return -1;
        const char *name = json_str(answer.doc, "name");
        cell_text(t, answer.doc, "name");
        cell_text(t, answer.doc, "role");
        print_one(c, &answer, t, name ? name : "");
        return 0;
}

/* A new file that is ours alone. Made before the token is, so that no token is lost for want of a place. */
static int open_secret(const char *path, struct err *e)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0 && errno == EEXIST)
                return err_set(e, ERR_INVALID, "%s exists; --save writes a new file", path);
        return fd < 0 ? err_errno(e, errno, "create %s", path) : fd;
}

static int save_secret(int fd, const char *path, const char *token, struct err *e)
{
        AUTO(str) line = xasprintf("%s\n", token);
        size_t len = strlen(line);

        if (write(fd, line, len) != (ssize_t) len || fsync(fd))
                return err_errno(e, errno, "write %s", path);
        return 0;
}

static int request_token(struct ctl *c, const struct call *call, struct answer *out, struct err *e)
{
        AUTO(json) body = json_pack("{s:s, s:s}", "name", call->args[0], "role", call->args[1]);
        const struct client_request rq = { .method = "POST", .path = "/v1/tokens", .body = body, .what = "create the token" };

        if (client_call(c, &rq, out, e))
                return -1;
        return json_str(out->doc, "token") ? 0 : err_set(e, ERR_INTERNAL, "registryd answered without a token");
}

int token_create(struct ctl *c, const struct call *call, struct err *e)
{
        const char *path = call_flag(call, "save");
        __attribute__((cleanup(fd_release_))) fd_t_ fd = -1;
        AUTO_ANSWER answer = { 0 };

        if (path && (fd = open_secret(path, e)) < 0)
                return -1;
        if (request_token(c, call, &answer, e)) {
                if (path)
                        (void) unlink(path);
                return -1;
        }
        const char *token = json_str(answer.doc, "token");
        if (path) {
                if (save_secret(fd, path, token, e))
                        return -1;
                ctl_note(c, "token %s (%s) is in %s; use it with --token-file or SLUICE_TOKEN_FILE", call->args[0], call->args[1],
                         path);
                return 0;
        }
        if (c->output == OUTPUT_JSON)
                output_json(c, answer.text);
        else
                output_line("%s", token);
        ctl_note(c, "token %s (%s) is made; this is the only time it is shown", call->args[0], call->args[1]);
        return 0;
}

int token_list(struct ctl *c, const struct call *call, struct err *e)
{
        AUTO_ANSWER answer = { 0 };
        AUTO(table) t = table_new((const char *[]){ "NAME", "ROLE", "CREATED", "BY", "SHA256", NULL });
        size_t i;
        json_t *token;

        (void) call;
        if (client_get(c, SERVER_REGISTRY, "list tokens", &answer, e, "/v1/tokens"))
                return -1;
        json_array_foreach (json_object_get(answer.doc, "tokens"), i, token) {
                const char *sha256 = json_str(token, "sha256");
                cell_text(t, token, "name");
                cell_text(t, token, "role");
                cell_age(t, token, "created_at");
                cell_text(t, token, "created_by");
                table_cell(t, STYLE_DIM, "%.12s", sha256 ? sha256 : "");
        }
        print_list(c, &answer, t, "tokens", "name", "there are no tokens yet; ctl token create NAME ROLE makes one");
        return 0;
}

int token_delete(struct ctl *c, const struct call *call, struct err *e)
{
        AUTO(str) path = xasprintf("/v1/tokens/%s", call->args[0]);
        AUTO_ANSWER answer = { 0 };
        const struct client_request rq = { .method = "DELETE", .path = path, .what = "delete the token" };

        if (client_call(c, &rq, &answer, e))
                return -1;
        ctl_note(c, "token %s is worthless now", call->args[0]);
        return 0;
}
