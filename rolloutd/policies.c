/* A folder of policies. */
#include "rolloutd/policies.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "rolloutd/policy_file.h"

static int load_all(struct policies *p, const glob_t *files, struct err *e)
{
        if (files->gl_pathc > POLICIES_MAX)
                return err_set(e, ERR_INVALID, "there are %zu policies; at most %d are taken", files->gl_pathc, POLICIES_MAX);
        p->list = xcalloc(files->gl_pathc + 1, sizeof *p->list);
        for (p->n = 0; p->n < files->gl_pathc; p->n++)
                if (policy_read(files->gl_pathv[p->n], &p->list[p->n], e) < 0)
                        return -1;
        return 0;
}

int policies_load(struct policies *p, const char *folder, struct err *e)
{
        AUTO(str) pattern = xasprintf("%s/*.yaml", folder);
        struct policies fresh = { 0 };
        glob_t files = { 0 };
        int r = glob(pattern, 0, NULL, &files);

        if (r != 0 && r != GLOB_NOMATCH)
                return err_set(e, ERR_INVALID, "policies in %s: cannot be listed", folder);
        if (r == GLOB_NOMATCH && !fs_exists(folder))
                return err_set(e, ERR_INVALID, "policies: there is no folder %s", folder);
        r = load_all(&fresh, &files, e);
        globfree(&files);
        if (r < 0) {
                policies_done(&fresh);
                return -1;
        }
        policies_done(p);
        *p = fresh;
        return 0;
}

void policies_done(struct policies *p)
{
        free(p->list);
        *p = (struct policies){ 0 };
}

const struct policy *policies_find(const struct policies *p, const char *name)
{
        for (size_t i = 0; i < p->n; i++)
                if (strcmp(p->list[i].name, name) == 0)
                        return &p->list[i];
        return NULL;
}
