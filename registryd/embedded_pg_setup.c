/* What has to be in place before the embedded PostgreSQL can start. */
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/proc.h"
#include "registryd/embedded_pg.h"

/* Its user owns the folder, so root follows no link in there: it could lead to anybody's files. */
static int refuse_link(const char *path, struct err *e)
{
        struct stat st;

        if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
                return err_set(e, ERR_INVALID, "%s is a symbolic link", path);
        return 0;
}

static int check_user(const char *user, struct err *e)
{
        if (user && !getpwnam(user))
                return err_set(e, ERR_INVALID,
                               "there is no user \"%s\" to run PostgreSQL (--postgres-user); as root it does not start", user);
        return 0;
}

/* A folder of PostgreSQL's user that nobody else can enter. */
static int make_private(const char *path, const char *user, struct err *e)
{
        const struct passwd *pw = user ? getpwnam(user) : NULL;

        if (refuse_link(path, e) || fs_mkdirs(path, 0700, e))
                return -1;
        if (pw && lchown(path, pw->pw_uid, pw->pw_gid))
                return err_errno(e, errno, "give %s to %s", path, user);
        return 0;
}

/* The major version of the cluster, e.g. "15"; "" when there is none yet. Caller frees. */
static char *cluster_version(const char *data)
{
        AUTO(str) path = xasprintf("%s/PG_VERSION", data);
        char *version = NULL;

        if (fs_read_line(path, &version, NULL))
                return xstrdup("");
        return version;
}

/* The folder of the newest installed PostgreSQL, or of the named version; NULL if there is none. Caller frees. */
static char *installed_bin_dir(const char *version)
{
        AUTO(str) pattern = xasprintf("/usr/lib/postgresql/%s/bin/postgres", *version ? version : "*");
        glob_t g = { 0 };
        double newest = 0;
        char *dir = NULL;

        (void) glob(pattern, 0, NULL, &g);
        for (size_t i = 0; i < g.gl_pathc; i++) {
                double v = strtod(g.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL);
                if (v <= newest)
                        continue;
                newest = v;
                free(dir);
                dir = xstrndup(g.gl_pathv[i], strlen(g.gl_pathv[i]) - strlen("/postgres"));
        }
        globfree(&g);
        return dir;
}

static bool is_in_path(const char *program)
{
        AUTO(str) path = xstrdup(getenv("PATH") ? getenv("PATH") : "");
        char *rest = path;

        for (const char *dir; (dir = strsep(&rest, ":"));) {
                AUTO(str) file = xasprintf("%s/%s", dir, program);
                if (access(file, X_OK) == 0)
                        return true;
        }
        return false;
}

static int find_programs(const char *bin_dir, struct embedded_paths *p, struct err *e)
{
        AUTO(str) version = cluster_version(p->data);
        AUTO(str) dir = bin_dir ? xstrdup(bin_dir) : installed_bin_dir(version);

        if (!dir && *version)
                return err_set(e, ERR_NOT_FOUND, "%s was made by PostgreSQL %s, which is not installed", p->data, version);
        if (!dir && !is_in_path("initdb"))
                return err_set(e, ERR_NOT_FOUND,
                               "PostgreSQL is not installed: install the package \"postgresql\", say where it is with"
                               " --postgres-bin-dir, or use another server with --db");
        p->initdb = dir ? xasprintf("%s/initdb", dir) : xstrdup("initdb");
        p->postgres = dir ? xasprintf("%s/postgres", dir) : xstrdup("postgres");
        if (dir && access(p->initdb, X_OK))
                return err_errno(e, errno, "%s (--postgres-bin-dir)", p->initdb);
        return 0;
}

static int check_socket_length(const struct embedded_paths *p, struct err *e)
{
        size_t max = sizeof((struct sockaddr_un *) 0)->sun_path - sizeof "/.s.PGSQL.5432";

        if (strlen(p->run) > max)
                return err_set(e, ERR_INVALID, "data_dir is too long for the path of a Unix socket: %s has %zu bytes, %zu fit",
                               p->run, strlen(p->run), max);
        return 0;
}

/* Asked of the system as that user, because mode bits are not the whole of it. 1 yes, 0 no. */
static int may_enter(const char *user, const char *folder, struct err *e)
{
        const char *const argv[] = { "test", "-x", folder, NULL };
        struct proc_spec spec = { .argv = argv, .user = user, .cwd = "/", .death_signal = SIGKILL };
        pid_t pid;
        int status;

        if (proc_start(&spec, &pid, e))
                return -1;
        int r = proc_wait(pid, 10000, &status, e);
        if (r == 0)
                proc_stop(pid, SIGKILL, 1000);
        if (r <= 0)
                return r < 0 ? -1 : err_set(e, ERR_TIMEOUT, "looking at %s as user %s takes too long", folder, user);
        return status == 0;
}

/* Each folder from the root down to `path`, which is absolute and exists; the first that is closed is named. */
static int check_way(const char *user, const char *path, struct err *e)
{
        for (const char *end = path; *end;) {
                end += 1 + strcspn(end + 1, "/");
                AUTO(str) folder = xstrndup(path, (size_t) (end - path));
                int r = may_enter(user, folder, e);
                if (r < 0)
                        return -1;
                if (r == 0)
                        return err_set(e, ERR_INVALID,
                                       "user %s cannot enter %s: PostgreSQL runs as that user, because as root it does not"
                                       " start; allow it (chmod o+x) or choose another --data-dir",
                                       user, folder);
        }
        return 0;
}

/* The real path of `path`, or of the nearest folder above it that exists. Caller frees. */
static char *existing_part(const char *path)
{
        AUTO(str) part = xstrdup(path);

        for (;;) {
                char *real = realpath(part, NULL);
                char *slash = strrchr(part, '/');
                if (real)
                        return real;
                if (!slash)
                        return realpath(".", NULL);
                slash[slash == part] = '\0';
                if (slash == part && !part[1])
                        return xstrdup("/");
        }
}

/* Make the data folder, unless PostgreSQL's user would not get there. Sets *base to its real path; the caller frees it. */
static int make_base(const char *data_dir, const char *user, char **base, struct err *e)
{
        AUTO(str) there = existing_part(data_dir);

        if (!there)
                return err_errno(e, errno, "data_dir %s", data_dir);
        if (user && check_way(user, there, e))
                return -1;
        if (fs_mkdirs(data_dir, 0755, e))
                return -1;
        *base = realpath(data_dir, NULL);
        if (!*base)
                return err_errno(e, errno, "data_dir %s", data_dir);
        return user && strcmp(there, *base) ? check_way(user, *base, e) : 0; /* the umask may have closed what is new */
}

int embedded_paths_find(const struct settings *s, struct embedded_paths *p, struct err *e)
{
        AUTO(str) base = NULL;

        p->user = geteuid() == 0 ? s->postgres_user : NULL;
        if (check_user(p->user, e) || make_base(s->data_dir, p->user, &base, e))
                return -1;
        p->home = xasprintf("%s/postgres", base);
        p->data = xasprintf("%s/data", p->home);
        p->run = xasprintf("%s/run", p->home);
        p->log = xasprintf("%s/log", p->home);
        if (check_socket_length(p, e) || make_private(p->home, p->user, e) || make_private(p->run, p->user, e) ||
            refuse_link(p->log, e))
                return -1;
        return find_programs(s->postgres_bin_dir, p, e);
}

void embedded_paths_done(struct embedded_paths *p)
{
        free(p->home);
        free(p->data);
        free(p->run);
        free(p->log);
        free(p->initdb);
        free(p->postgres);
}

/* Run to the end; on failure the message ends in the last line that the program wrote. */
static int run(const struct embedded_paths *p, const char *const *argv, struct err *e)
{
        struct proc_spec spec = { .argv = argv, .user = p->user, .cwd = "/", .log_path = p->log, .death_signal = SIGKILL };
        AUTO(str) text = NULL;
        char how[64];
        pid_t pid;
        int status;

        if (proc_start(&spec, &pid, e))
                return -1;
        int r = proc_wait(pid, 120000, &status, e);
        if (r == 0)
                proc_stop(pid, SIGKILL, 1000);
        if (r <= 0)
                return r < 0 ? -1 : err_set(e, ERR_TIMEOUT, "%s did not end in two minutes; see %s", argv[0], p->log);
        if (status == 0)
                return 0;
        proc_status_text(status, how, sizeof how);
        if (fs_read(p->log, 1 << 20, &text, NULL, NULL))
                return err_set(e, ERR_INTERNAL, "%s: %s", argv[0], how);
        for (size_t len = strlen(text); len && text[len - 1] == '\n';)
                text[--len] = '\0';
        const char *last = strrchr(text, '\n');
        return err_set(e, ERR_INTERNAL, "%s: %s: %s", argv[0], how, last ? last + 1 : text);
}

int embedded_make_cluster(const struct embedded_paths *p, struct err *e)
{
        AUTO(str) version = cluster_version(p->data);
        AUTO(str) fresh = xasprintf("%s.new", p->data);

        if (*version)
                return 0;
        if (run(p, (const char *[]){ "rm", "-rf", fresh, NULL }, e))
                return -1;
        if (run(p,
                (const char *[]){ p->initdb, "-D", fresh, "-U", "sluice", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-k",
                                  "--no-instructions", NULL },
                e))
                return err_wrap(e, "make a PostgreSQL cluster in %s", p->data);
        if (rename(fresh, p->data))
                return err_errno(e, errno, "rename %s to %s", fresh, p->data);
        return 0;
}

/* A postmaster works in its data folder. */
static bool works_in(pid_t pid, const char *folder)
{
        char cwd[4096];
        AUTO(str) link = xasprintf("/proc/%d/cwd", (int) pid);
        ssize_t n = readlink(link, cwd, sizeof cwd - 1);

        if (n < 0)
                return false;
        cwd[n] = '\0';
        return strcmp(cwd, folder) == 0;
}

/* True when it has ended within the time; works for processes that are not our children. */
static bool ends_within(int pidfd, int timeout_ms)
{
        struct pollfd f = { .fd = pidfd, .events = POLLIN };

        return poll(&f, 1, timeout_ms) == 1;
}

int embedded_end_orphan(const struct embedded_paths *p, struct err *e)
{
        AUTO(str) file = xasprintf("%s/postmaster.pid", p->data);
        AUTO(str) line = NULL;

        if (fs_read_line(file, &line, NULL))
                return 0;
        pid_t pid = (pid_t) strtol(line, NULL, 10);
        __attribute__((cleanup(fd_release_))) fd_t_ fd = pid > 1 ? pidfd_open(pid, 0) : -1;
        if (fd < 0 || !works_in(pid, p->data))
                return fs_remove(file, e);
        /* Fast shutdown, which its death signal asked for already; then at once; then by force. */
        static const struct {
                int signal, wait_ms;
        } ways[] = { { SIGINT, 60000 }, { SIGQUIT, 10000 }, { SIGKILL, 5000 } };
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
                (void) pidfd_send_signal(fd, ways[i].signal, NULL, 0);
                if (ends_within(fd, ways[i].wait_ms))
                        return 0;
        }
        return err_set(e, ERR_CONFLICT, "the PostgreSQL of an earlier run (process %d) does not end", (int) pid);
}
