/* HAProxy's configuration as text. */
#include "rolloutd/local_slots.h"

/*
 * The choices that are not obvious:
 * - Scoring changes nothing, so a POST may be sent again, to another server, when a scorer cannot be reached or dies before it answers
 *   (empty-response). For that HAProxy must hold the whole request: http-buffer-request, and buffers of 64 KiB, that many rows of a
 *   request. Without them it gives most requests of a kept connection up silently. Larger bodies are sent once. No second try after a
 *   timeout: that would double the load of a model that is too slow.
 * - noreuseport: a second HAProxy on the same port must fail, not silently share the traffic.
 * - idle-close-on-response: while this process hands over to its successor, an idle client learns so with its next answer instead of
 *   finding its connection closed under its next request.
 * - The health check may take long: a slow version has to be judged by its numbers, not hidden by being taken out.
 * - No "observe": errors of a bad candidate have to be seen, not routed around.
 */
static const char PREAMBLE[] = "# Written by rolloutd; changes are overwritten.\n"
                               "global\n"
                               "    stats socket %s mode 600 level admin expose-fd listeners\n"
                               "    stats timeout 30s\n"
                               "    noreuseport\n"
                               "    fd-hard-limit 16384\n"
                               "    tune.bufsize 65536\n"
                               "    hard-stop-after 60s\n"
                               "\n"
                               "defaults\n"
                               "    mode http\n"
                               "    balance roundrobin\n"
                               "    timeout connect 1s\n"
                               "    timeout client 60s\n"
                               "    timeout server 60s\n"
                               "    timeout queue 5s\n"
                               "    timeout check 2s\n"
                               "    timeout http-request 10s\n"
                               "    timeout http-keep-alive 60s\n"
                               "    retries 3\n"
                               "    option redispatch 1\n"
                               "    option http-buffer-request\n"
                               "    retry-on conn-failure empty-response\n"
                               "    option idle-close-on-response\n"
                               "    http-reuse safe\n"
                               "    http-error status 503 content-type application/json"
                               " string \"{\\\"error\\\":\\\"no scoring process is ready\\\"}\"\n"
                               "\n"
                               "frontend traffic\n"
                               "    bind %s\n"
                               "    use_backend model_%%[path,field(4,/)] if { path_beg /v2/models/ }\n"
                               "    default_backend none\n"
                               "\n"
                               "backend none\n"
                               "    http-request return status 404 content-type application/json"
                               " string \"{\\\"error\\\":\\\"no such model\\\"}\"\n";

static const char BACKEND[] = "\n"
                              "backend %s\n"
                              "    option httpchk\n"
                              "    http-check send meth GET uri /v2/health/ready\n"
                              "    http-check expect status 200\n"
                              "    default-server check inter 500ms fall 2 rise 1\n";

void local_config_text(const char *traffic_listen, const char *socket_path, const struct local_backend *b, size_t n,
                       struct strbuf *out)
{
        char name[LOCAL_BACKEND_MAX];

        strbuf_addf(out, PREAMBLE, socket_path, traffic_listen);
        for (size_t i = 0; i < n; i++) {
                local_backend_name(b[i].target, name);
                strbuf_addf(out, BACKEND, name);
                for (int k = 0; k < LOCAL_SLOTS; k++)
                        strbuf_addf(out, "    server s%d 127.0.0.1:%d weight %d%s\n", k + 1, b[i].slots[k].port,
                                    b[i].slots[k].weight, b[i].slots[k].enabled ? "" : " disabled");
        }
}
