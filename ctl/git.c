/* Lineage, by libgit2. The only file that sees it. */
#include "ctl/git.h"

#include <string.h>

#include <git2.h>

#include "lib/auto.h"
#include "lib/mem.h"

DEFINE_AUTO(repository, git_repository *, git_repository_free);
DEFINE_AUTO(reference, git_reference *, git_reference_free);
DEFINE_AUTO(status_list, git_status_list *, git_status_list_free);
DEFINE_AUTO(remote, git_remote *, git_remote_free);

char *git_public_url(const char *url)
{
        const char *scheme = strstr(url, "://");
        size_t len = strcspn(url, "?#");

        if (!scheme || scheme > url + len)
                return xstrndup(url, len); /* git@host:path or a folder: no place for a password */
        const char *host = scheme + 3, *path = host + strcspn(host, "/?#");
        const char *at = memrchr(host, '@', (size_t) (path - host));
        const char *colon = at ? memchr(host, ':', (size_t) (at - host)) : NULL;
        if (!at)
                return xstrndup(url, len);
        bool web = strncasecmp(url, "http", 4) == 0; /* there even the user name may be a token */
        int keep = web ? (int) (host - url) : (int) ((colon ? colon : at) - url);
        const char *rest = web ? at + 1 : at;
        return xasprintf("%.*s%.*s", keep, url, (int) (len - (size_t) (rest - url)), rest);
}

static int failed(const char *what, struct err *e)
{
        const git_error *why = git_error_last();

        return err_set(e, ERR_INTERNAL, "%s: %s", what, why && why->message ? why->message : "unknown reason");
}

/* Whether tracked files differ from HEAD, in the index or in the folder. */
static int is_dirty(git_repository *repo, bool *out, struct err *e)
{
        AUTO(status_list) list = NULL;
        git_status_options options;

        (void) git_status_options_init(&options, GIT_STATUS_OPTIONS_VERSION);
        options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
        options.flags = GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
        if (git_status_list_new(&list, repo, &options))
                return failed("compare the folder with the Git commit", e);
        *out = git_status_list_entrycount(list) > 0;
        return 0;
}

/* The address of origin, or of the only other remote there is; NULL for none. The caller frees it. */
static char *remote_url(git_repository *repo)
{
        AUTO(remote) remote = NULL;
        git_strarray names = { 0 };

        if (git_remote_lookup(&remote, repo, "origin") && git_remote_list(&names, repo) == 0 && names.count > 0)
                (void) git_remote_lookup(&remote, repo, names.strings[0]);
        git_strarray_dispose(&names);
        const char *url = remote ? git_remote_url(remote) : NULL;
        return url ? git_public_url(url) : NULL;
}

static int describe(git_repository *repo, json_t **out, struct err *e)
{
        AUTO(reference) head = NULL;
        char commit[GIT_OID_HEXSZ + 1];
        bool dirty = false;
        int r = git_repository_head(&head, repo);

        if (r == GIT_EUNBORNBRANCH || r == GIT_ENOTFOUND)
                return 0;
        if (r || !git_reference_target(head))
                return failed("read the Git checkout's HEAD", e);
        if (!git_repository_is_bare(repo) && is_dirty(repo, &dirty, e))
                return -1;
        (void) git_oid_tostr(commit, sizeof commit, git_reference_target(head));
        AUTO(str) remote = remote_url(repo);
        const char *branch = git_reference_is_branch(head) ? git_reference_shorthand(head) : NULL;
        *out = json_pack("{s:s, s:s*, s:b, s:s*}", "commit", commit, "branch", branch, "dirty", dirty, "remote", remote);
        return *out ? 0 : err_set(e, ERR_INVALID, "the Git branch or remote is no UTF-8");
}

int git_lineage(const char *folder, json_t **out, struct err *e)
{
        AUTO(repository) repo = NULL;

        *out = NULL;
        if (git_libgit2_init() < 0)
                return failed("start libgit2", e);
        int r = git_repository_open_ext(&repo, folder, 0, NULL);
        if (r == 0)
                r = describe(repo, out, e);
        else if (r == GIT_ENOTFOUND)
                r = 0;
        else
                r = failed("open the Git checkout", e);
        git_repository_free(TAKE(repo)); /* before the library is shut down */
        (void) git_libgit2_shutdown();
        return r;
}
