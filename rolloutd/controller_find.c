/* Targets by what people call them. */
#include <string.h>

#include "lib/strbuf.h"
#include "rolloutd/controller.h"

enum { LIST_MAX = 300 }; /* bytes of names in one sentence */

int controller_check_loaded(const struct controller *c, struct err *e)
{
        return c->loaded ? 0 : err_set(e, ERR_UNAVAILABLE, "the platform's records have not been read yet");
}

int controller_find(const struct controller *c, const char *target, struct target **out, struct err *e)
{
        if (controller_check_loaded(c, e) < 0)
                return -1;
        for (size_t i = 0; i < c->n_unreadable; i++)
                if (strcmp(c->unreadable[i].target, target) == 0)
                        return err_set(e, ERR_UNAVAILABLE, "the saved record cannot be understood: %s", c->unreadable[i].why);
        const struct due_target *one = due_find(&c->targets, target);

        if (one) {
                *out = one->t;
                return 0;
        }
        return err_set(e, ERR_NOT_FOUND, "nothing of \"%s\" has been rolled out here", target);
}

/* NAMESPACE.NAME is called NAME. */
static bool is_called(const struct target *t, const char *name)
{
        const char *dot = strchr(t->now.target, '.');

        return dot && strcmp(dot + 1, name) == 0;
}

int controller_resolve(const struct controller *c, const char *name, struct target **out, struct err *e)
{
        struct target *found = NULL;
        struct err why = { 0 };
        AUTO_STRBUF names;
        int n = 0;

        strbuf_init(&names, LIST_MAX);
        if (controller_find(c, name, out, &why) == 0)
                return 0;
        DUE_EACH(&c->targets, one)
        if (why.kind == ERR_NOT_FOUND && c->platform->ops->listen && is_called(one->t, name)) {
                found = one->t;
                strbuf_addf(&names, "%s%s", n++ ? ", " : "", found->now.target);
        }
        if (n > 1)
                return err_set(e, ERR_CONFLICT, "%d targets are called \"%s\": %s%s", n, name, strbuf_str(&names),
                               strbuf_ok(&names) ? "" : "...");
        if (n == 0) {
                *e = why;
                return -1;
        }
        *out = found;
        return 0;
}
