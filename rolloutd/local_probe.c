/* Readiness probes. */
#include "rolloutd/local_probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"

enum {
        SOON_MS = 200,   /* until it is ready */
        LATER_MS = 1000, /* after */
        ANSWER_MS = 2000,
        MISSES = 3, /* in a row: not ready any more */
};

static const char ASK[] = "GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

static void tell(struct local_replica *r)
{
        r->owner->changed(r->owner->arg, r->target);
}

static void is_ready(struct local_replica *r, int64_t now_ms)
{
        r->misses = 0;
        r->probe_due_ms = now_ms + LATER_MS;
        if (r->ready)
                return;
        LOG_INFO("scorer is ready", "model", r->target, LOG_INT("version", r->version), LOG_INT("port", r->port));
        r->ready = true;
        r->serving = LOCAL_SERVE_YES;
        r->ready_since_ms = now_ms;
        *r->message = '\0';
        tell(r);
}

static void is_not_ready(struct local_replica *r, const char *why, int64_t now_ms)
{
        r->misses++;
        r->probe_due_ms = now_ms + SOON_MS;
        if (r->misses < MISSES)
                return;
        if (r->ready)
                LOG_WARN("scorer is not ready any more", "model", r->target, LOG_INT("version", r->version), "why", why);
        if (r->ready || !*r->message)
                (void) snprintf(r->message, sizeof r->message, "not ready: %.200s", why);
        r->ready = false;
        if (r->serving == LOCAL_SERVE_KEEP) {
                r->serving = LOCAL_SERVE_NO;
                tell(r);
        }
}

static void answered(void *arg, const char *answer, const struct err *failure)
{
        struct local_replica *r = arg;
        int64_t now_ms = clock_ms();
        int status = 0;
        char why[64];

        if (answer)
                (void) sscanf(answer, "HTTP/1.%*d %d", &status);
        if (status == 200)
                return is_ready(r, now_ms);
        (void) snprintf(why, sizeof why, "status %d", status);
        is_not_ready(r, failure ? failure->msg : why, now_ms);
}

static void ask(struct local_replica *r, int64_t now_ms)
{
        const struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons((uint16_t) r->port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        const struct local_talk_to to = {
                .address = (const struct sockaddr *) &address,
                .address_len = sizeof address,
                .text = ASK,
                .until = "\r\n",
                .max_answer = 8192,
                .deadline_ms = now_ms + ANSWER_MS,
        };

        local_talk_start(&r->probe, r->owner->setup->epoll, &to, answered, r);
}

int64_t local_probe_run(struct local_replica *r, int64_t now_ms)
{
        if (!r->probe.active && now_ms >= r->probe_due_ms)
                ask(r, now_ms);
        int64_t talk = local_talk_run(&r->probe, now_ms);
        return r->probe.active || talk < r->probe_due_ms ? talk : r->probe_due_ms;
}
