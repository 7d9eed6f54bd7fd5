/* A folder of policies. */
#include "rolloutd/policies.h"

#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/policy_file.h"

static void note_broken(struct policies *p, const char *path, const struct err *why)
{
        const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
        struct policies_broken *b = &p->broken[p->n_broken++];

        (void) snprintf(b->name, sizeof b->name, "%.*s", (int) (strlen(file) - strlen(".yaml")), file);
        (void) snprintf(b->why, sizeof b->why, "%.*s", (int) sizeof b->why - 1, why->msg);
}

static int load_all(struct policies *p, const glob_t *files, bool only_sound, struct err *e)
{
        if (files->gl_pathc > POLICIES_MAX)
                return err_set(e, ERR_INVALID, "there are %zu policies; at most %d are taken", files->gl_pathc, POLICIES_MAX);
        p->list = xcalloc(files->gl_pathc + 1, sizeof *p->list);
        p->broken = xcalloc(files->gl_pathc + 1, sizeof *p->broken);
        for (size_t i = 0; i < files->gl_pathc; i++) {
                struct err why = { 0 };

                if (policy_read(files->gl_pathv[i], &p->list[p->n], &why) == 0) {
                        p->n++;
                } else if (only_sound) {
                        note_broken(p, files->gl_pathv[i], &why);
                } else {
                        if (e)
                                *e = why;
                        return -1;
                }
        }
        return 0;
}

static int load(struct policies *p, const char *folder, bool only_sound, struct err *e)
{
        AUTO(str) pattern = xasprintf("%s/*.yaml", folder);
        struct policies fresh = { 0 };
        glob_t files = { 0 };
        int r = glob(pattern, 0, NULL, &files);

        if (r != 0 && r != GLOB_NOMATCH)
                return err_set(e, ERR_INVALID, "policies in %s: cannot be listed", folder);
        if (r == GLOB_NOMATCH && !fs_exists(folder))
                return err_set(e, ERR_INVALID, "policies: there is no folder %s", folder);
        r = load_all(&fresh, &files, only_sound, e);
        globfree(&files);
        if (r < 0) {
                policies_done(&fresh);
                return -1;
        }
        policies_done(p);
        *p = fresh;
        return 0;
}

int policies_load(struct policies *p, const char *folder, struct err *e)
{
        return load(p, folder, false, e);
}

int policies_load_sound(struct policies *p, const char *folder, struct err *e)
{
        return load(p, folder, true, e);
}

void policies_done(struct policies *p)
{
        free(p->list);
        free(p->broken);
        *p = (struct policies){ 0 };
}

const struct policy *policies_find(const struct policies *p, const char *name)
{
        for (size_t i = 0; i < p->n; i++)
                if (strcmp(p->list[i].name, name) == 0)
                        return &p->list[i];
        return NULL;
}

const char *policies_why_broken(const struct policies *p, const char *name)
{
        for (size_t i = 0; i < p->n_broken; i++)
                if (strcmp(p->broken[i].name, name) == 0)
                        return p->broken[i].why;
        return NULL;
}
