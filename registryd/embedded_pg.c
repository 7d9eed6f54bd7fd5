/* Supervising the embedded PostgreSQL. */
#include "registryd/embedded_pg.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/proc.h"
#include "lib/random.h"

enum { STOP_MS = 60000, SETTLED_MS = 30000 };

static const struct backoff_policy RESTART = { .base_ms = 200, .cap_ms = 10000 };

struct embedded_pg {
        struct embedded_paths paths;
        char *uri, *max_connections, *socket_dir;
        struct metric_cell *starts;
        int lock, stop; /* a locked file; an eventfd that becomes readable to stop */
        pthread_t thread;
        bool running; /* the thread */
};

/* What a registry wants: durable commits, bulk rows, no network, no surprises. */
static const char *const SERVER_SETTINGS[] = {
        "listen_addresses=",
        "port=5432",
        "unix_socket_permissions=0700",
        "cluster_name=sluice",
        "shared_buffers=128MB",
        "wal_buffers=16MB",
        "max_wal_size=4GB", /* checkpoints are rare, so few pages are logged whole */
        "min_wal_size=512MB",
        "checkpoint_timeout=15min",
        "wal_compression=off", /* weights do not compress */
        "autovacuum_vacuum_cost_limit=2000",
        "jit=off",
        "max_parallel_workers_per_gather=0",
        "client_connection_check_interval=2s",
        "log_line_prefix=%m [%p] ",
        "log_checkpoints=off",
};
enum { N_SERVER_SETTINGS = sizeof SERVER_SETTINGS / sizeof *SERVER_SETTINGS };

static int start_server(struct embedded_pg *p, pid_t *pid, struct err *e)
{
        const char *argv[2 * N_SERVER_SETTINGS + 8] = { p->paths.postgres, "-D", p->paths.data };
        size_t n = 3;

        for (size_t i = 0; i < N_SERVER_SETTINGS; i++) {
                argv[n++] = "-c";
                argv[n++] = SERVER_SETTINGS[i];
        }
        argv[n++] = "-c";
        argv[n++] = p->max_connections;
        argv[n++] = "-c";
        argv[n++] = p->socket_dir;
        struct proc_spec spec = { .argv = argv,
                                  .user = p->paths.user,
                                  .cwd = p->paths.home,
                                  .log_path = p->paths.log,
                                  .death_signal = SIGINT, /* fast shutdown */
                                  .own_group = true };
        if (embedded_end_orphan(&p->paths, e))
                return -1;
        return proc_start(&spec, pid, e);
}

/* True when asked to stop within the time (-1: waits). `pidfd` (or -1) ends the wait too. */
static bool wait_for_stop(const struct embedded_pg *p, int pidfd, int timeout_ms)
{
        struct pollfd f[2] = { { .fd = p->stop, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };

        while (poll(f, 2, timeout_ms) < 0 && errno == EINTR)
                continue;
        return f[0].revents != 0;
}

/* One life of the server. True when it ended because we stop. */
static bool serve_once(struct embedded_pg *p)
{
        struct err e = { 0 };
        char how[64];
        pid_t pid;
        int status;

        if (start_server(p, &pid, &e)) {
                LOG_ERROR("cannot start PostgreSQL", "error", e.msg);
                return false;
        }
        metric_inc(p->starts);
        LOG_INFO("PostgreSQL started", LOG_INT("pid", pid), "log", p->paths.log);
        __attribute__((cleanup(fd_release_))) fd_t_ fd = pidfd_open(pid, 0);
        if (wait_for_stop(p, fd, -1)) {
                proc_stop(pid, SIGINT, STOP_MS);
                LOG_INFO("PostgreSQL stopped", LOG_INT("pid", pid));
                return true;
        }
        if (proc_wait(pid, 1000, &status, &e) == 1) {
                proc_status_text(status, how, sizeof how);
                LOG_ERROR("PostgreSQL ended by itself", "how", how, "log", p->paths.log);
        }
        return false;
}

/* The server's death signal hangs on this thread: it must not end before the server does. */
static void *supervise(void *arg)
{
        struct embedded_pg *p = arg;
        struct backoff b = { 0 };

        for (;;) {
                int64_t started = clock_ms();
                if (serve_once(p))
                        return NULL;
                if (clock_ms() - started > SETTLED_MS)
                        b = (struct backoff){ 0 };
                (void) backoff_next(&RESTART, &b, clock_ms(), random_u32());
                if (wait_for_stop(p, -1, (int) b.wait_ms))
                        return NULL;
        }
}

/* A value in a libpq keyword string. */
static char *quoted(const char *text)
{
        char *out = xmalloc(2 * strlen(text) + 3), *o = out;

        *o++ = '\'';
        for (; *text; text++) {
                if (*text == '\'' || *text == '\\')
                        *o++ = '\\';
                *o++ = *text;
        }
        *o++ = '\'';
        *o = '\0';
        return out;
}

/* As in postgresql.conf: a list of folders, so quote ours. */
static char *socket_dir_setting(const char *run)
{
        AUTO(str) doubled = xmalloc(2 * strlen(run) + 1);
        char *o = doubled;

        for (; *run; run++) {
                if (*run == '"')
                        *o++ = '"';
                *o++ = *run;
        }
        *o = '\0';
        return xasprintf("unix_socket_directories=\"%s\"", doubled);
}

static int lock_folder(struct embedded_pg *p, struct err *e)
{
        AUTO(str) path = xasprintf("%s/lock", p->paths.home);

        p->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (p->lock < 0)
                return err_errno(e, errno, "open %s", path);
        if (flock(p->lock, LOCK_EX | LOCK_NB))
                return err_set(e, ERR_CONFLICT, "another registryd uses %s", p->paths.home);
        return 0;
}

static int prepare(struct embedded_pg *p, const struct settings *s, struct err *e)
{
        if (embedded_paths_find(s, &p->paths, e) || lock_folder(p, e) || embedded_make_cluster(&p->paths, e))
                return -1;
        AUTO(str) host = quoted(p->paths.run);
        p->uri = xasprintf("host=%s port=5432 user=sluice dbname=postgres", host);
        p->max_connections = xasprintf("max_connections=%lld", (long long) (s->db_pool + s->transfers + 10));
        p->socket_dir = socket_dir_setting(p->paths.run);
        p->stop = eventfd(0, EFD_CLOEXEC);
        if (p->stop < 0)
                return err_errno(e, errno, "make an eventfd");
        if (pthread_create(&p->thread, NULL, supervise, p))
                return err_set(e, ERR_INTERNAL, "cannot start a thread");
        p->running = true;
        return 0;
}

int embedded_pg_start(const struct settings *s, struct metric_cell *starts, struct embedded_pg **out, struct err *e)
{
        struct embedded_pg *p = xcalloc(1, sizeof *p);

        p->starts = starts;
        p->lock = p->stop = -1;
        if (prepare(p, s, e)) {
                embedded_pg_stop(p);
                return -1;
        }
        *out = p;
        return 0;
}

const char *embedded_pg_uri(const struct embedded_pg *p)
{
        return p->uri;
}

void embedded_pg_stop(struct embedded_pg *p)
{
        if (!p)
                return;
        if (p->running) {
                (void) eventfd_write(p->stop, 1);
                (void) pthread_join(p->thread, NULL);
        }
        fd_release_(&p->stop);
        fd_release_(&p->lock);
        embedded_paths_done(&p->paths);
        free(p->uri);
        free(p->max_connections);
        free(p->socket_dir);
        free(p);
}
