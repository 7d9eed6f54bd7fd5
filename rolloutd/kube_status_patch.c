/* Replacing a status as a whole, behind tests, without sending what stays. */
#include "rolloutd/kube_status.h"

#include <stdio.h>

static void add(json_t *patch, const char *op, const char *path, json_t *value)
{
        (void) json_array_append_new(patch, json_pack("{s:s, s:s, s:o}", "op", op, "path", path, "value", value));
}

static void move(json_t *patch, const char *from, const char *to)
{
        (void) json_array_append_new(patch, json_pack("{s:s, s:s, s:s}", "op", "move", "from", from, "path", to));
}

static void guard(json_t *patch, const struct kube_status_base *base)
{
        if (base->revision == 0) {
                add(patch, "test", "/metadata/resourceVersion", json_string(base->resource_version));
                return;
        }
        add(patch, "test", "/status/revision", json_integer(base->revision));
        add(patch, "test", "/status/epoch", json_integer(base->epoch));
}

static json_t *whole(const struct kube_status_base *base, const json_t *doc, int64_t epoch, const char *record)
{
        json_t *status = doc ? json_copy((json_t *) doc) : json_object();

        (void) json_object_set_new(status, "revision", json_integer(base->revision + 1));
        (void) json_object_set_new(status, "epoch", json_integer(epoch));
        if (record)
                (void) json_object_set_new(status, "record", json_string(record));
        if (base->n_history == 0)
                (void) json_object_set_new(status, "history", json_array());
        return status;
}

static void join(json_t *patch, int n_history, const json_t *events)
{
        char last[sizeof "/status/history/" + 4];
        json_t *event;
        size_t i;

        (void) snprintf(last, sizeof last, "/status/history/%d", KUBE_HISTORY_MAX);
        json_array_foreach (events, i, event) {
                add(patch, "add", "/status/history/0", json_incref(event));
                if (n_history++ >= KUBE_HISTORY_MAX)
                        (void) json_array_append_new(patch, json_pack("{s:s, s:s}", "op", "remove", "path", last));
        }
}

/* What people read is as it was. */
static void keep_doc(json_t *patch, const struct kube_status_base *base, int64_t epoch, const char *record)
{
        add(patch, "replace", "/status/revision", json_integer(base->revision + 1));
        add(patch, "replace", "/status/epoch", json_integer(epoch));
        if (record)
                add(patch, "add", "/status/record", json_string(record));
        if (base->n_history == 0)
                add(patch, "add", "/status/history", json_array());
}

/* What stays is set aside at the top of the document and put back: there it is gone again before the server looks at it. */
static void replace_doc(json_t *patch, const struct kube_status_base *base, const json_t *doc, int64_t epoch, const char *record)
{
        bool keeps_record = base->revision && base->has_record && !record, keeps_history = base->revision && base->n_history;

        if (keeps_record)
                move(patch, "/status/record", "/keptRecord");
        if (keeps_history)
                move(patch, "/status/history", "/keptHistory");
        add(patch, "add", "/status", whole(base, doc, epoch, record));
        if (keeps_record)
                move(patch, "/keptRecord", "/status/record");
        if (keeps_history)
                move(patch, "/keptHistory", "/status/history");
}

json_t *kube_status_patch(const struct kube_status_base *base, const json_t *doc, int64_t epoch, const char *record,
                          const json_t *events)
{
        json_t *patch = json_array();

        guard(patch, base);
        if (doc || base->revision == 0)
                replace_doc(patch, base, doc, epoch, record);
        else
                keep_doc(patch, base, epoch, record);
        join(patch, base->n_history, events);
        return patch;
}
