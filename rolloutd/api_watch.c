/* Server-sent events: `rollout` whenever it changes, `event` whenever something happens. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "rolloutd/api.h"
#include "rolloutd/verdict_json.h"

struct api_watch {
        struct controller *c;
        struct target *t;
        struct http_stream *stream;
        char message[600]; /* the last one told */
        struct api_watch *prev, *next;
};

static void closed(void *arg)
{
        struct api_watch *w = arg;

        DL_DELETE(w->c->watches, w);
        w->c->n_watches--;
        free(w);
}

static void tell_rollout(struct api_watch *w)
{
        AUTO(json) doc = api_view(w->t);
        AUTO(str) text = json_text(doc);

        target_message(w->t, w->message, sizeof w->message);
        (void) http_stream_event(w->stream, "rollout", 0, text);
}

int api_watch(struct http_request *rq, struct http_reply *rp, struct err *e)
{
        struct controller *c = api_controller(rq);
        struct target *t;

        if (api_find(rq, &t, e) < 0)
                return -1;
        struct api_watch *w = xcalloc(1, sizeof *w);
        w->c = c;
        w->t = t;
        if (http_reply_events(rq, rp, closed, w) < 0) {
                free(w);
                return err_set(e, ERR_INTERNAL, "cannot stream");
        }
        w->stream = rp->stream;
        DL_APPEND(c->watches, w);
        c->n_watches++;
        tell_rollout(w);
        return 0;
}

void api_watch_changed(struct controller *c, struct target *t)
{
        struct api_watch *w, *next;

        DL_FOREACH_SAFE(c->watches, w, next)
        if (w->t == t)
                tell_rollout(w);
}

void api_watch_happened(struct controller *c, struct target *t, const struct event *ev)
{
        struct api_watch *w, *next;
        AUTO(json) doc = event_to_json(ev);
        AUTO(str) text = json_text(doc);

        DL_FOREACH_SAFE(c->watches, w, next)
        if (w->t == t)
                (void) http_stream_event(w->stream, "event", ev->number, text);
}

void api_watch_gone(struct controller *c, struct target *t)
{
        struct api_watch *w, *next;

        DL_FOREACH_SAFE(c->watches, w, next)
        {
                if (w->t != t)
                        continue;
                w->t = NULL; /* the stream may close later */
                http_stream_close(w->stream);
        }
}

void api_watch_look(struct controller *c, struct target *t)
{
        struct api_watch *w, *next;
        char message[600] = "";

        DL_FOREACH_SAFE(c->watches, w, next)
        {
                if (w->t != t)
                        continue;
                if (!*message)
                        target_message(t, message, sizeof message);
                if (strcmp(message, w->message) != 0)
                        tell_rollout(w);
        }
}
