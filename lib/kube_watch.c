/* List, watch, wait, and back. */
#include "lib/kube_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/kube_lines.h"
#include "lib/kube_list.h"
#include "lib/mem.h"
#include "lib/random.h"

enum {
        WATCH_LEAST_MS = 300000,
        SILENCE_MS = 90000,
        STREAM_GRACE_MS = 30000,
        WAIT_LEAST_MS = 800, /* doubled up to the most, and up to twice as much by chance: client-go's reflector */
        WAIT_MOST_MS = 30000,
        CALM_MS = 120000, /* without trouble, and the wait is short again */
        SHORT_MS = 1000,  /* a watch that ends so soon and without an event has failed */
        FOREVER_MS = 3600000,
};

enum phase { TO_LIST, LISTING, TO_WATCH, WATCHING };

struct kube_watch {
        struct kube *kube;
        struct kube_watch_options o;
        struct kube_cache *cache;
        struct kube_list *list;
        struct kube_flight *flight;
        struct kube_lines lines;
        enum phase phase;
        char *version;  /* resourceVersion to watch from: opaque */
        char *told;     /* that of the newest event since the list; NULL: there was none */
        int64_t due_ms; /* of TO_LIST and TO_WATCH */
        int64_t wait_ms, trouble_ms, started_ms;
        uint64_t events_before;
        bool synced;
        bool broken; /* by a line of this stream; `why` says how */
        struct kube_failure why;
        struct kube_watch_stats stats;
};

struct kube_watch *kube_watch_start(struct kube *k, const struct kube_watch_options *o)
{
        struct kube_watch *w = xcalloc(1, sizeof *w);

        w->kube = k;
        w->o = *o;
        w->cache = kube_cache_new(&(struct kube_cache_options){
                .prune = o->prune, .keys_only = o->keys_only, .changed = o->changed, .arg = o->arg });
        kube_lines_init(&w->lines, KUBE_LINE_MAX_BYTES);
        return w;
}

void kube_watch_free(struct kube_watch *w)
{
        if (!w)
                return;
        kube_list_cancel(w->list);
        if (w->flight)
                kube_cancel(w->kube, w->flight);
        kube_cache_free(w->cache);
        kube_lines_done(&w->lines);
        free(w->version);
        free(w->told);
        free(w);
}

bool kube_watch_is_synced(const struct kube_watch *w)
{
        return w->synced;
}

const struct kube_cache *kube_watch_cache(const struct kube_watch *w)
{
        return w->cache;
}

char *kube_watch_since(const struct kube_watch *w)
{
        AUTO(str) version = w && w->told ? http_escape(w->told) : NULL;

        return version ? xasprintf("&resourceVersion=%s", version) : xstrdup("");
}

const struct kube_watch_stats *kube_watch_stats(const struct kube_watch *w)
{
        return &w->stats;
}

static void set_version(char **at, const char *version)
{
        if (!*version || (*at && strcmp(*at, version) == 0))
                return;
        free(*at);
        *at = xstrdup(version);
}

static void go_on(struct kube_watch *w, enum phase next)
{
        w->phase = next;
        w->due_ms = clock_ms();
}

static void back_off(struct kube_watch *w, enum phase next, const struct kube_failure *why)
{
        int64_t now = clock_ms();

        w->wait_ms = w->wait_ms && now - w->trouble_ms < CALM_MS ? w->wait_ms * 2 : WAIT_LEAST_MS;
        if (w->wait_ms > WAIT_MOST_MS)
                w->wait_ms = WAIT_MOST_MS;
        w->trouble_ms = now;
        w->phase = next;
        w->due_ms = now + w->wait_ms + (int64_t) (((uint64_t) w->wait_ms * random_u32()) >> 32);
        w->stats.failures++;
        if (w->o.trouble)
                w->o.trouble(w->o.arg, why);
}

static void on_page(void *arg, json_t *items)
{
        struct kube_watch *w = arg;
        json_t *object;
        size_t i;

        json_array_foreach (items, i, object)
                kube_cache_put(w->cache, object);
}

static void on_listed(void *arg, const char *version, const struct kube_failure *failure)
{
        struct kube_watch *w = arg;

        w->list = NULL;
        if (failure) {
                back_off(w, TO_LIST, failure);
                return;
        }
        kube_cache_end(w->cache);
        w->stats.lists++;
        set_version(&w->version, version);
        free(TAKE(w->told));
        w->synced = true;
        go_on(w, TO_WATCH);
        if (w->o.synced)
                w->o.synced(w->o.arg);
}

static void start_list(struct kube_watch *w)
{
        struct kube_list_call call = { .resource = w->o.resource,
                                       .namespace_ = w->o.namespace_,
                                       .selector = w->o.selector,
                                       .page = on_page,
                                       .done = on_listed,
                                       .arg = w };

        kube_cache_begin(w->cache);
        w->phase = LISTING;
        w->list = kube_list_start(w->kube, &call);
}

/* This stream cannot be trusted any more. */
static int break_off(struct kube_watch *w, const struct kube_failure *why)
{
        w->broken = true;
        w->why = *why;
        return -1;
}

static int nonsense(struct kube_watch *w, const char *what)
{
        struct kube_failure why;
        struct err e;

        (void) err_set(&e, ERR_UNAVAILABLE, "watch %s: %s", w->o.resource->plural, what);
        kube_failure_from_err(&e, &why);
        return break_off(w, &why);
}

static int take_event(struct kube_watch *w, const char *type, json_t *object)
{
        struct kube_failure why;

        if (strcmp(type, "ERROR") == 0) {
                kube_failure_from_status("watch", object, 500, &why);
                return break_off(w, &why);
        }
        if (strcmp(type, "BOOKMARK") == 0)
                w->stats.bookmarks++;
        else if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
                kube_cache_put(w->cache, object);
        else if (strcmp(type, "DELETED") == 0)
                kube_cache_remove(w->cache, object);
        else
                return nonsense(w, "an event of a type unknown");
        w->stats.events++;
        set_version(&w->version, kube_meta(object, "resourceVersion"));
        if (strcmp(type, "BOOKMARK") != 0)
                set_version(&w->told, kube_meta(object, "resourceVersion"));
        return 0;
}

static int on_line(void *arg, const char *line, size_t len)
{
        AUTO(json) doc = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
        const char *type = json_string_value(json_object_get(doc, "type"));
        json_t *object = json_object_get(doc, "object");

        if (!type || !json_is_object(object))
                return nonsense(arg, "a line that is no event");
        return take_event(arg, type, object);
}

static int on_data(void *arg, const void *data, size_t len)
{
        struct kube_watch *w = arg;

        if (kube_lines_feed(&w->lines, data, len, on_line, w) == 0)
                return 0;
        return w->broken ? -1 : nonsense(w, "a line over 3 MiB");
}

/*
 * Streams end all the time, by the server's clock or by a cut; what was seen up to then counts. After a stream that could not be
 * read to its end only a list is certain.
 */
static void on_stream_end(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_watch *w = arg;
        bool eventless = w->stats.events == w->events_before;

        (void) object;
        w->flight = NULL;
        if (!failure && eventless && clock_ms() - w->started_ms < SHORT_MS) {
                (void) nonsense(w, "ended at once");
                back_off(w, TO_WATCH, &w->why);
                return;
        }
        const struct kube_failure *why = w->broken ? &w->why : failure;
        enum phase next = w->broken || (why && why->reason == KUBE_GONE) ? TO_LIST : TO_WATCH;
        if (why && eventless)
                back_off(w, next, why);
        else
                go_on(w, next);
}

static void start_watch(struct kube_watch *w)
{
        int64_t least = w->o.least_ms ? w->o.least_ms : WATCH_LEAST_MS;
        int64_t open_ms = least + (int64_t) (((uint64_t) least * random_u32()) >> 32);
        AUTO(str) version = http_escape(w->version);
        AUTO(str)
        query = xasprintf("resourceVersion=%s&timeoutSeconds=%lld%s%s", version, (long long) (open_ms / 1000),
                          w->o.selector ? "&" : "", w->o.selector ? w->o.selector : "");
        struct kube_call call = { .verb = KUBE_WATCH,
                                  .resource = w->o.resource,
                                  .namespace_ = w->o.namespace_,
                                  .query = query,
                                  .write = on_data,
                                  .timeout_ms = w->o.silence_ms ? w->o.silence_ms : SILENCE_MS,
                                  .stream_ms = open_ms + STREAM_GRACE_MS };

        kube_lines_reset(&w->lines);
        w->broken = false;
        w->events_before = w->stats.events;
        w->started_ms = clock_ms();
        w->phase = WATCHING;
        w->stats.watches++;
        w->flight = kube_start(w->kube, &call, on_stream_end, w);
}

int64_t kube_watch_run(struct kube_watch *w, int64_t now_ms)
{
        if (w->phase == LISTING || w->phase == WATCHING)
                return FOREVER_MS;
        if (now_ms < w->due_ms)
                return w->due_ms - now_ms;
        if (w->phase == TO_LIST)
                start_list(w);
        else
                start_watch(w);
        return 0; /* the call is queued: kube_run() has work */
}
