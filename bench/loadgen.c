/* loadgen: an open-loop load of inference requests, measured from when each one was due. Summary as JSON on the last line. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/signalfd.h>

#include "bench/load/load.h"
#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/fs.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/settings.h"

struct loadgen_settings {
#define SETTING(name, type, ...) SETTING_C_##type name;
#include "bench/loadgen.def"
#undef SETTING
};

static const struct setting rows[] = {
#define SETTING(name, type, fallback, reloadable, help)                                                                          \
        { #name, SETTING_##type, offsetof(struct loadgen_settings, name), fallback, reloadable, help },
#include "bench/loadgen.def"
#undef SETTING
};

static const struct settings_spec spec = {
        .program = "loadgen",
        .summary = "open-loop load generator",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .size = sizeof(struct loadgen_settings),
};

struct target {
        char host[256], port[8];
        const char *path; /* borrowed from the URL */
};

static int parse_url(const char *url, struct target *t, struct err *e)
{
        static const char scheme[] = "http://";
        const char *host = url ? url + sizeof scheme - 1 : NULL, *slash, *colon;

        if (!url || strncmp(url, scheme, sizeof scheme - 1) != 0)
                return err_set(e, ERR_INVALID, "--url has to begin with http://");
        slash = host + strcspn(host, "/");
        colon = memchr(host, ':', (size_t) (slash - host));
        if (!colon)
                colon = slash;
        if (colon == host || colon - host >= (int) sizeof t->host || slash - colon > 6 || slash - colon == 1)
                return err_set(e, ERR_INVALID, "--url needs a host and a port: %s", url);
        (void) snprintf(t->host, sizeof t->host, "%.*s", (int) (colon - host), host);
        (void) snprintf(t->port, sizeof t->port, "%.*s", colon == slash ? 2 : (int) (slash - colon - 1),
                        colon == slash ? "80" : colon + 1);
        t->path = *slash ? slash : "/";
        return 0;
}

static bool is_loopback(const struct sockaddr *a)
{
        if (a->sa_family == AF_INET)
                return (ntohl(((const struct sockaddr_in *) (const void *) a)->sin_addr.s_addr) >> 24) == 127;
        return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *) (const void *) a)->sin6_addr);
}

DEFINE_AUTO(addrinfo, struct addrinfo *, freeaddrinfo);

static int resolve(const struct target *t, bool any_host, struct address *to, struct err *e)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        AUTO(addrinfo) found = NULL;
        int rc = getaddrinfo(t->host, t->port, &hints, &found);

        if (rc != 0)
                return err_set(e, ERR_INVALID, "%s:%s: %s", t->host, t->port, gai_strerror(rc));
        if (!any_host && !is_loopback(found->ai_addr))
                return err_set(e, ERR_INVALID, "%s is not this machine's loopback; --any-host allows it", t->host);
        memcpy(&to->at, found->ai_addr, found->ai_addrlen);
        to->len = found->ai_addrlen;
        return 0;
}

static int check(const struct loadgen_settings *s, struct err *e)
{
        if (!s->rows == !s->bodies)
                return err_set(e, ERR_INVALID, "give either --rows or --bodies");
        if (s->rate < 1 || s->rate > 1000000)
                return err_set(e, ERR_INVALID, "--rate is from 1 to 1000000");
        if (s->connections < 1 || s->connections > 10000)
                return err_set(e, ERR_INVALID, "--connections is from 1 to 10000");
        if (s->batch < 1 || s->batch > 100000)
                return err_set(e, ERR_INVALID, "--batch is from 1 to 100000");
        if (s->timeout < 1)
                return err_set(e, ERR_INVALID, "--timeout is at least 1ms");
        return 0;
}

static int prepare(const struct loadgen_settings *s, const struct target *t, struct requests *out, struct err *e)
{
        if (s->bodies)
                return requests_from_lines(s->bodies, t->host, t->path, out, e);
        return requests_from_csv(s->rows, s->leave_out, (int) s->batch, t->host, t->path, out, e);
}

static int open_stop(struct err *e)
{
        sigset_t set;
        int fd;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        fd = signalfd(-1, &set, SFD_CLOEXEC);
        return fd >= 0 ? fd : err_errno(e, errno, "signalfd");
}

static void print_line(json_t *doc)
{
        (void) json_dumpf(doc, stdout, JSON_COMPACT | JSON_REAL_PRECISION(16));
        (void) fputc('\n', stdout);
        (void) fflush(stdout);
        json_decref(doc);
}

static void print_second(void *arg, int second, const struct tally *t)
{
        json_t *doc = tally_json(t);

        (void) arg;
        json_object_set_new(doc, "second", json_integer(second));
        json_object_set_new(doc, "now_ms", json_real((double) clock_us() / 1000.0));
        print_line(doc);
}

static void print_summary(const struct loadgen_settings *s, const struct tally *t, double seconds)
{
        json_t *doc = tally_json(t);

        json_object_set_new(doc, "summary", json_true());
        json_object_set_new(doc, "rate", json_integer(s->rate));
        json_object_set_new(doc, "seconds", json_real(seconds));
        print_line(doc);
}

static int write_raw(const char *file, const struct tally *t, struct err *e)
{
        AUTO(json) doc = hist_raw(&t->latency);
        AUTO(str) text = json_text(doc);

        return fs_write_atomic(file, text, strlen(text), 0644, e);
}

static int generate(const struct loadgen_settings *s, struct requests *requests, struct tally *whole, struct err *e)
{
        struct load_plan plan = { .requests = requests,
                                  .rate = (double) s->rate,
                                  .poisson = s->poisson,
                                  .seed = (uint64_t) s->seed,
                                  .connections = (int) s->connections,
                                  .warmup_us = s->warmup * 1000,
                                  .duration_us = s->duration * 1000,
                                  .timeout_us = s->timeout * 1000,
                                  .second = s->timeline ? print_second : NULL };
        struct target target;
        AUTO(fd) stop = -1;
        double seconds;

        if (check(s, e) < 0 || parse_url(s->url, &target, e) < 0 || resolve(&target, s->any_host, &plan.to, e) < 0 ||
            prepare(s, &target, requests, e) < 0 || (stop = open_stop(e)) < 0)
                return -1;
        plan.stop_fd = stop;
        whole->good_us = s->goodput * 1000;
        if (load_run(&plan, whole, &seconds, e) < 0)
                return -1;
        print_summary(s, whole, seconds);
        return s->raw ? write_raw(s->raw, whole, e) : 0;
}

int main(int argc, char **argv)
{
        struct loadgen_settings s = { 0 };
        struct requests requests = { 0 };
        struct err e = { 0 };
        struct tally *whole;
        int rc;

        mem_init();
        rc = settings_load(&spec, &s, argc, argv, &e);
        if (rc == SETTINGS_EXIT)
                return 0;
        if (rc == SETTINGS_RUN) {
                whole = xcalloc(1, sizeof *whole);
                rc = generate(&s, &requests, whole, &e);
                requests_done(&requests);
                free(whole);
        }
        settings_done(&spec, &s);
        if (rc < 0)
                (void) fprintf(stderr, "loadgen: %s\n", e.msg);
        return rc < 0 ? err_exit_code(e.kind) : 0;
}
