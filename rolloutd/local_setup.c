/* Settings with their defaults. */
#include "rolloutd/local_setup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/mem.h"

/* "scorer" in the folder of the program that runs. */
static char *scorer_beside_us(void)
{
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

        path[n > 0 ? n : 0] = '\0';
        char *slash = strrchr(path, '/');
        return slash ? xasprintf("%.*s/scorer", (int) (slash - path), path) : xstrdup("scorer");
}

/* HAProxy in PATH, or in the folders of system programs, which the PATH of ordinary users lacks. NULL: nowhere. */
static char *find_haproxy(void)
{
        const char *from_env = getenv("PATH");
        AUTO(str) folders = xasprintf("%s:/usr/local/sbin:/usr/sbin", from_env ? from_env : "");
        char *rest = folders, *folder;

        while ((folder = strsep(&rest, ":"))) {
                AUTO(str) path = xasprintf("%s/haproxy", folder);

                if (*folder && access(path, X_OK) == 0)
                        return TAKE(path);
        }
        return NULL;
}

/* The address goes into HAProxy's configuration as it is. */
static int check_listen(const char *text, struct err *e)
{
        const char *colon = strrchr(text, ':');

        if (colon && colon > text && strspn(colon + 1, "0123456789") == strlen(colon + 1) && colon[1] &&
            strspn(text, "0123456789abcdefABCDEF.:[]*") == strlen(text))
                return 0;
        return err_set(e, ERR_INVALID, "traffic_listen \"%s\" is no ADDRESS:PORT", text);
}

static char *or_default(const char *text, const char *fallback)
{
        return xstrdup(text ? text : fallback);
}

static int64_t or_ms(int64_t ms, int64_t fallback)
{
        return ms ? ms : fallback;
}

int local_setup_init(struct local_setup *s, const struct local_config *c, struct err *e)
{
        char path[PATH_MAX];

        if (!realpath(c->state_dir, path))
                return err_errno(e, errno, "resolve %s", c->state_dir);
        if (strpbrk(path, " \t\n\"'\\#$"))
                return err_set(e, ERR_INVALID, "HAProxy cannot have a folder named \"%s\" in its configuration", path);
        s->state_dir = xstrdup(path);
        s->haproxy_bin = c->haproxy_bin ? xstrdup(c->haproxy_bin) : find_haproxy();
        if (!s->haproxy_bin)
                return err_set(e, ERR_NOT_FOUND, "HAProxy is not installed: there is no haproxy in PATH, nor in /usr/sbin");
        s->scorer_bin = c->scorer_bin ? xstrdup(c->scorer_bin) : scorer_beside_us();
        s->traffic_listen = or_default(c->traffic_listen, "127.0.0.1:8480");
        s->registry_url = or_default(c->registry_url, "http://127.0.0.1:8470");
        s->registry_token_file = c->registry_token_file ? xstrdup(c->registry_token_file) : NULL;
        s->scorer_port_base = c->scorer_port_base ? c->scorer_port_base : 18100;
        s->stop_serving_on_exit = c->stop_serving_on_exit;
        s->drain_ms = or_ms(c->drain_ms, 500);
        s->stop_ms = or_ms(c->stop_ms, 10000);
        if (s->scorer_port_base < 1 || s->scorer_port_base > 65535)
                return err_set(e, ERR_INVALID, "scorer_port_base %d is no port", s->scorer_port_base);
        if (check_listen(s->traffic_listen, e))
                return -1;
        s->epoll = epoll_create1(EPOLL_CLOEXEC);
        return s->epoll < 0 ? err_errno(e, errno, "make a descriptor set") : 0;
}

void local_setup_done(struct local_setup *s)
{
        free(s->state_dir);
        free(s->haproxy_bin);
        free(s->scorer_bin);
        free(s->traffic_listen);
        free(s->registry_url);
        free(s->registry_token_file);
        if (s->epoll >= 0)
                (void) close(s->epoll);
}
