/* One scorer process: its record, port, start and end. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "lib/fault.h"
#include "lib/fs.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/proc.h"
#include "rolloutd/local_find.h"
#include "rolloutd/local_log.h"
#include "rolloutd/local_process.h"
#include "rolloutd/local_slots.h"

enum { PORTS = 1000 };

void local_replica_name(const struct local_replica *r, char out[static LOCAL_REPLICA_NAME_MAX])
{
        (void) snprintf(out, LOCAL_REPLICA_NAME_MAX, "%s-v%lld-%d", r->target, (long long) r->version, r->index);
}

/* STATE/FOLDER/M-vN-I.EXTENSION; caller frees. */
static char *path_of(const struct local_replica *r, const char *folder, const char *extension)
{
        char name[LOCAL_REPLICA_NAME_MAX];

        local_replica_name(r, name);
        return xasprintf("%s/%s/%s.%s", r->owner->setup->state_dir, folder, name, extension);
}

int local_replica_save(const struct local_replica *r, struct err *e)
{
        AUTO(str) path = path_of(r, "procs", "json");
        AUTO(json)
        doc = json_pack("{s:s, s:I, s:s, s:i, s:i, s:i, s:b}", "target", r->target, "version", (json_int_t) r->version, "digest",
                        r->digest, "index", r->index, "slot", r->slot, "port", r->port, "retiring", r->retiring);
        AUTO(str) text = json_text(doc);

        return fs_write_atomic(path, text, strlen(text), 0640, e);
}

int local_replica_read(struct local_replica *r, const char *path, struct err *e)
{
        AUTO(str) text = NULL;
        AUTO(json) doc = NULL;
        const char *target, *digest = "";
        json_int_t version;
        int retiring;

        if (fs_read(path, 4096, &text, NULL, e) || json_parse(path, text, strlen(text), &doc, e) ||
            json_take(path, doc, e, "{s:s, s:I, s?s, s:i, s:i, s:i, s:b}", "target", &target, "version", &version, "digest",
                      &digest, "index", &r->index, "slot", &r->slot, "port", &r->port, "retiring", &retiring) ||
            name_check("target", target, e))
                return -1;
        if (r->slot < 0 || r->slot >= LOCAL_SLOTS || r->port < 1 || r->port > 65535)
                return err_set(e, ERR_INVALID, "%s: there is no slot %d or port %d", path, r->slot, r->port);
        (void) snprintf(r->target, sizeof r->target, "%s", target);
        (void) snprintf(r->digest, sizeof r->digest, "%s", digest);
        r->version = version;
        r->retiring = retiring;
        return 0;
}

int local_replica_forget(const struct local_replica *r, struct err *e)
{
        AUTO(str) path = path_of(r, "procs", "json");

        return fs_remove(path, e);
}

static bool port_is_free(int port)
{
        const struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons((uint16_t) port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        __attribute__((cleanup(fd_release_))) fd_t_ fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        /* Connections that linger after their end are no hindrance, a listener is. */
        return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) == 0 &&
               bind(fd, (const struct sockaddr *) &address, sizeof address) == 0;
}

static bool port_is_taken(const struct local_replica *r, int port)
{
        const struct local_replica *other;

        DL_FOREACH(r->owner->head, other)
        {
                if (other != r && other->port == port)
                        return true;
        }
        return false;
}

int local_replica_pick_port(struct local_replica *r, struct err *e)
{
        int base = r->owner->setup->scorer_port_base;

        if (r->port && port_is_free(r->port)) /* a restart need not move */
                return 0;
        for (int port = base; port < base + PORTS && port < 65536; port++) {
                if (port_is_taken(r, port) || !port_is_free(port))
                        continue;
                r->port = port;
                return 0;
        }
        return err_set(e, ERR_UNAVAILABLE, "no port from %d to %d is free", base, base + PORTS - 1);
}

static int spawn(struct local_replica *r, const char *log_path, pid_t *pid, struct err *e)
{
        const struct local_setup *s = r->owner->setup;
        char name[LOCAL_REPLICA_NAME_MAX], version[24], listen[32];
        AUTO(str) mark = NULL;

        local_replica_name(r, name);
        (void) snprintf(version, sizeof version, "%lld", (long long) r->version);
        (void) snprintf(listen, sizeof listen, "127.0.0.1:%d", r->port);
        AUTO(str) where = xasprintf("procs/%s", name);
        mark = local_mark(s->state_dir, where);
        AUTO(str) cache = xasprintf("%s/cache", s->state_dir);
        const char *token = s->registry_token_file;
        const char *argv[20] = { s->scorer_bin, "--listen", listen,        "--registry", s->registry_url, "--model", r->target,
                                 "--version",   version,    "--cache-dir", cache };
        int n = 11;
        if (token)
                argv[n++] = "--registry-token-file", argv[n++] = token;
        if (*r->digest)
                argv[n++] = "--digest", argv[n++] = r->digest;
        const char *const env[] = { mark, NULL };
        return proc_start(&(struct proc_spec){ .argv = argv, .env = env, .log_path = log_path, .own_group = true }, pid, e);
}

int local_replica_start(struct local_replica *r, struct err *e)
{
        AUTO(str) log_path = path_of(r, "logs", "log");
        pid_t pid;

        fault_point("local-proc-recorded");
        r->log_from = local_log_prepare(log_path);
        if (spawn(r, log_path, &pid, e))
                return -1;
        fault_point("local-proc-started");
        LOG_INFO("scorer started", "model", r->target, LOG_INT("version", r->version), LOG_INT("port", r->port),
                 LOG_INT("pid", pid));
        if (local_child_watch(&r->child, r->owner->setup->epoll, pid, e) == 0)
                return 0;
        proc_stop(pid, SIGKILL, 1000);
        return -1;
}

void local_replica_found(struct local_replica *r)
{
        AUTO(str) log_path = path_of(r, "logs", "log");

        r->log_from = local_log_end(log_path);
}

int local_replica_reap(struct local_replica *r)
{
        AUTO(str) log_path = path_of(r, "logs", "log");

        return local_child_reap(&r->child, log_path, r->log_from, r->message, sizeof r->message);
}
