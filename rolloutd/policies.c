/* A folder of policies. */
#include "rolloutd/policies.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/policy_file.h"

static void note_broken(struct policies *p, const char *path, const struct err *why)
{
        const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
        struct policies_broken *b = &p->broken[p->n_broken++];

        (void) snprintf(b->name, sizeof b->name, "%.*s", (int) (strlen(file) - strlen(".yaml")), file);
        (void) snprintf(b->why, sizeof b->why, "%.*s", (int) sizeof b->why - 1, why->msg);
}

static void load_all(struct policies *p, const glob_t *files)
{
        p->list = xcalloc(files->gl_pathc + 1, sizeof *p->list);
        p->broken = xcalloc(files->gl_pathc + 1, sizeof *p->broken);
        for (size_t i = 0; i < files->gl_pathc; i++) {
                struct err why = { 0 };

                if (policy_read(files->gl_pathv[i], &p->list[p->n], &why) == 0)
                        p->n++;
                else
                        note_broken(p, files->gl_pathv[i], &why);
        }
}

static bool is_folder(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int list(const char *folder, glob_t *files, struct err *e)
{
        AUTO(str) pattern = xasprintf("%s/*.yaml", folder);
        int r = is_folder(folder) ? glob(pattern, 0, NULL, files) : -1;

        if (r == -1)
                return err_set(e, ERR_INVALID, "policies: there is no folder %s", folder);
        if (r != 0 && r != GLOB_NOMATCH)
                return err_set(e, ERR_INVALID, "policies in %s: cannot be listed", folder);
        if (files->gl_pathc > POLICIES_MAX)
                return err_set(e, ERR_INVALID, "there are %zu policies; at most %d are taken", files->gl_pathc, POLICIES_MAX);
        return 0;
}

int policies_load(struct policies *p, const char *folder, struct err *e)
{
        glob_t files = { 0 };
        int r = list(folder, &files, e);

        if (r == 0) {
                policies_done(p);
                load_all(p, &files);
        }
        globfree(&files);
        return r;
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
