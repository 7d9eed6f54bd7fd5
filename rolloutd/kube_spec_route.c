/* spec.route, and the words that Kubernetes has for names and times. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/kube_client.h"
#include "lib/mem.h"
#include "rolloutd/kube_spec_private.h"

enum { LABEL_MAX = 63, SUBDOMAIN_MAX = 253, PORT_DEFAULT = 8000, WEEK_MS = 7 * 24 * 3600 * 1000 };

static const char ROUTE[] = "spec.route.";

static bool is_lower_alnum(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool kube_spec_is_label(const char *text)
{
        size_t n = strlen(text);

        if (n < 1 || n > LABEL_MAX || !(text[0] >= 'a' && text[0] <= 'z') || !is_lower_alnum(text[n - 1]))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!is_lower_alnum(text[i]) && text[i] != '-')
                        return false;
        return true;
}

/* RFC 1123: labels with dots between them, each beginning and ending with a letter or digit. */
static bool is_subdomain(const char *text)
{
        size_t n = strlen(text);

        if (n < 1 || n > SUBDOMAIN_MAX)
                return false;
        for (size_t i = 0; i < n; i++) {
                bool edge = i == 0 || i + 1 == n || text[i - 1] == '.' || text[i + 1] == '.';
                if (!is_lower_alnum(text[i]) && (edge || (text[i] != '-' && text[i] != '.')))
                        return false;
        }
        return true;
}

/* Go's form without fractions, as kubectl users write it. */
int kube_spec_duration(const char *text, int64_t *ms)
{
        static const struct {
                const char *suffix;
                int64_t factor;
        } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
        int64_t total = 0;

        if (!*text)
                return -1;
        while (*text) {
                size_t u = 0;
                int64_t n = 0;

                if (!isdigit((unsigned char) *text))
                        return -1;
                for (; isdigit((unsigned char) *text); text++)
                        n = n > WEEK_MS ? n : n * 10 + (*text - '0');
                while (u < sizeof units / sizeof *units && strncmp(text, units[u].suffix, strlen(units[u].suffix)) != 0)
                        u++;
                if (u == sizeof units / sizeof *units || n > WEEK_MS / units[u].factor)
                        return -1;
                text += strlen(units[u].suffix);
                total += n * units[u].factor;
        }
        *ms = total;
        return total <= WEEK_MS ? 0 : -1;
}

/* --- the two modes --- */

static void read_backends(struct kube_spec *s, const json_t *route)
{
        const json_t *list = kube_spec_member(s, route, ROUTE, "backends", JSON_ARRAY, "a list");

        if (json_array_size(list) != KUBE_SLOTS) {
                kube_spec_wrong(s, "spec.route.backends must name the route's two Services: in mode Adopted rolloutd moves their "
                                   "weights");
                return;
        }
        for (size_t i = 0; i < KUBE_SLOTS; i++) {
                const char *name = json_string_value(json_array_get(list, i));
                if (!name || !kube_spec_is_label(name))
                        kube_spec_wrong(s, "spec.route.backends[%zu] is not the name of a Service", i);
                s->route.backends[i] = name ? xstrdup(name) : NULL;
        }
        if (s->route.backends[0] && s->route.backends[1] && strcmp(s->route.backends[0], s->route.backends[1]) == 0)
                kube_spec_wrong(s, "spec.route.backends must be two different Services");
}

static void read_adopted(struct kube_spec *s, const json_t *route)
{
        static const char *const theirs[] = { "parentRefs", "hostnames", "matches", "filters" };
        const char *rule = kube_spec_text(s, route, ROUTE, "rule");

        s->route.rule = rule ? xstrdup(rule) : NULL;
        read_backends(s, route);
        for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
                if (json_object_get(route, theirs[i]))
                        kube_spec_wrong(s, "spec.route.%s belongs to the route itself in mode Adopted; it is for mode Owned",
                                        theirs[i]);
}

static void read_owned(struct kube_spec *s, const json_t *route)
{
        static const char *const lists[] = { "parentRefs", "hostnames", "matches", "filters" };
        AUTO(json) owned = json_object();

        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
                const json_t *v = kube_spec_member(s, route, ROUTE, lists[i], JSON_ARRAY, "a list");
                if (v)
                        (void) json_object_set(owned, lists[i], (json_t *) v);
        }
        if (json_array_size(json_object_get(owned, "parentRefs")) == 0)
                kube_spec_wrong(s, "spec.route.parentRefs must name a Gateway: in mode Owned rolloutd makes the route");
        if (json_object_get(route, "backends") || json_object_get(route, "rule"))
                kube_spec_wrong(s, "spec.route.backends and rule are for mode Adopted");
        s->route.owned = json_text(owned);
}

void kube_spec_read_route(struct kube_spec *s, const json_t *object, const json_t *spec)
{
        const json_t *route = kube_spec_member(s, spec, "spec.", "route", JSON_OBJECT, "an object");
        const char *mode = kube_spec_text(s, route, ROUTE, "mode"), *name = kube_spec_text(s, route, ROUTE, "name");

        s->route.name = xstrdup(name ? name : kube_meta(object, "name"));
        if (!is_subdomain(s->route.name))
                kube_spec_wrong(s, "spec.route.name is not the name of an HTTPRoute");
        s->route.port = kube_spec_int(s, route, ROUTE, "port", 1, 65535, PORT_DEFAULT);
        if (!route)
                kube_spec_wrong(s, "spec.route must say which route leads to the model");
        else if (!mode || strcmp(mode, "Owned") == 0)
                read_owned(s, route);
        else if (strcmp(mode, "Adopted") == 0)
                read_adopted(s, route);
        else
                kube_spec_wrong(s, "spec.route.mode must be Owned or Adopted");
        s->route.mode = mode && strcmp(mode, "Adopted") == 0 ? KUBE_ROUTE_ADOPTED : KUBE_ROUTE_OWNED;
}
