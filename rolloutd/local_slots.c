/* Weights, reading HAProxy's state, and the commands that change it. */
#include "rolloutd/local_slots.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Set the weights with the greatest one near `top`; returns by how much the worst share is off. */
static double try_top(struct local_share *s, int n, double asked, double greatest, int top)
{
        double total = 0, worst = 0;

        for (int i = 0; i < n; i++) {
                double ideal = s[i].slots && s[i].bp ? top * (s[i].bp / (double) s[i].slots) / greatest : 0;
                s[i].weight = ideal > 0 && ideal < 1 ? 1 : (int) lround(ideal);
                total += (double) s[i].weight * s[i].slots;
        }
        for (int i = 0; i < n; i++)
                if (s[i].slots)
                        worst = fmax(worst, fabs(s[i].weight * s[i].slots / total - s[i].bp / asked));
        return worst;
}

void local_weights(struct local_share *s, int n)
{
        double asked = 0, greatest = 0, best = INFINITY;
        int best_top = 0;

        for (int i = 0; i < n; i++) {
                s[i].weight = 0;
                if (!s[i].slots)
                        continue;
                asked += s[i].bp;
                greatest = fmax(greatest, s[i].bp / (double) s[i].slots);
        }
        if (asked <= 0)
                return;
        for (int top = LOCAL_SLOT_WEIGHT_MAX; top > 0; top--) {
                double off = try_top(s, n, asked, greatest, top);
                if (off < best - 1e-9) {
                        best = off;
                        best_top = top;
                }
        }
        (void) try_top(s, n, asked, greatest, best_top);
}

void local_backend_name(const char *target, char out[static LOCAL_BACKEND_MAX])
{
        (void) snprintf(out, LOCAL_BACKEND_MAX, "model_%s", target);
}

enum { MAINTENANCE = 0x01 | 0x02 | 0x20 }; /* bits of srv_admin_state: forced, inherited, by name resolution */

/* One line of version 1 of the format, up to srv_port, its nineteenth field. */
static int parse_server(const char *line, const char *backend, struct local_slot *out, int *number)
{
        char be[128], name[32];
        int op, admin, weight, port;

        if (sscanf(line, "%*d %127s %*d %31s %*s %d %d %d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*s %d", be, name, &op, &admin,
                   &weight, &port) != 6)
                return -1;
        if (strcmp(be, backend) || sscanf(name, "s%d", number) != 1 || *number < 1 || *number > LOCAL_SLOTS)
                return -1;
        *out = (struct local_slot){ port, weight, !(admin & MAINTENANCE), op == 2 };
        return 0;
}

/* HAProxy reports errors as plain text: the first line that says something is what to pass on. */
static int refuse(const char *text, const char *backend, struct err *e)
{
        text += strspn(text, "\n");
        return err_set(e, ERR_INVALID, "HAProxy did not tell the state of %s but: %.*s", backend, (int) strcspn(text, "\n"),
                       text);
}

int local_slots_parse(const char *text, const char *backend, struct local_slot out[static LOCAL_SLOTS], struct err *e)
{
        static const char head[] = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight ";
        struct local_slot got[LOCAL_SLOTS];
        bool seen[LOCAL_SLOTS] = { 0 };
        const char *line = strstr(text, head);
        int n = 0, number;

        if (!line)
                return refuse(text, backend, e);
        line = strchr(line + 2, '\n');
        while (line && line[1] && line[1] != '\n') {
                struct local_slot slot;
                line++;
                if (parse_server(line, backend, &slot, &number) || seen[number - 1])
                        return err_set(e, ERR_INVALID, "HAProxy's state of %s has an unexpected line: %.*s", backend,
                                       (int) strcspn(line, "\n"), line);
                seen[number - 1] = true;
                got[number - 1] = slot;
                n++;
                line = strchr(line, '\n');
        }
        if (n != LOCAL_SLOTS)
                return err_set(e, ERR_INVALID, "HAProxy's backend %s has %d of %d slots", backend, n, LOCAL_SLOTS);
        memcpy(out, got, sizeof got);
        return 0;
}

bool local_slots_equal(const struct local_slot *a, const struct local_slot *b)
{
        for (int i = 0; i < LOCAL_SLOTS; i++)
                if (a[i].port != b[i].port || a[i].weight != b[i].weight || a[i].enabled != b[i].enabled)
                        return false;
        return true;
}

static void gain(const char *server, const struct local_slot *now, const struct local_slot *want, struct strbuf *out)
{
        bool joins = want->enabled && !now->enabled; /* with the right weight from its first request on */

        if (want->port != now->port)
                strbuf_addf(out, "set server %s addr 127.0.0.1 port %d;", server, want->port);
        if (want->weight > now->weight || (joins && want->weight != now->weight))
                strbuf_addf(out, "set server %s weight %d;", server, want->weight);
        if (joins)
                strbuf_addf(out, "set server %s state ready;", server);
}

static void lose(const char *server, const struct local_slot *now, const struct local_slot *want, struct strbuf *out)
{
        bool joined = want->enabled && !now->enabled;

        if (want->weight < now->weight && !joined)
                strbuf_addf(out, "set server %s weight %d;", server, want->weight);
        if (!want->enabled && now->enabled)
                strbuf_addf(out, "set server %s state maint;", server);
}

void local_slots_plan(const char *backend, const struct local_slot *now, const struct local_slot *want, struct strbuf *out)
{
        static void (*const phases[])(const char *, const struct local_slot *, const struct local_slot *,
                                      struct strbuf *) = { gain, lose };
        char server[LOCAL_BACKEND_MAX + 8];

        for (size_t phase = 0; phase < 2; phase++) {
                for (int i = 0; i < LOCAL_SLOTS && strbuf_ok(out); i++) {
                        (void) snprintf(server, sizeof server, "%s/s%d", backend, i + 1);
                        phases[phase](server, &now[i], &want[i], out);
                }
        }
}
