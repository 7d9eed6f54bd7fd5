/* history() from the status, and the mark of a rollback past us taken away. */
#include <stdlib.h>

#include <utlist.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "rolloutd/kube_private.h"

struct kube_question {
        struct kube_question *prev, *next;
        struct kube_platform *k;
        int64_t before;
        int limit;
        struct kube_op *op;
};

static bool is_asked_for(const struct kube_question *q, const json_t *event)
{
        return q->before == 0 || json_integer_value(json_object_get(event, "number")) < q->before;
}

static void on_read(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct kube_question *q = arg;
        AUTO(json) found = json_array();
        json_t *event;
        size_t i;

        json_array_foreach (json_object_get(json_object_get(object, "status"), "history"), i, event)
                if (is_asked_for(q, event) && (int) json_array_size(found) < q->limit)
                        (void) json_array_append(found, event);
        AUTO(str) text = json_text(found);
        kube_op_answer_history(q->op, failure ? NULL : text, failure ? &failure->err : NULL);
        DL_DELETE(q->k->questions, q);
        free(q);
}

void kube_history_read(struct kube_platform *k, struct kube_target *t, int64_t before, int limit, struct kube_op *op)
{
        struct kube_question *q = xcalloc(1, sizeof *q);
        struct kube_call call = {
                .verb = KUBE_GET, .resource = &k->kinds.rollouts, .namespace_ = t->namespace_, .name = t->name
        };

        *q = (struct kube_question){ .k = k, .before = before, .limit = limit, .op = op };
        DL_APPEND(k->questions, q);
        (void) kube_start(k->kube, &call, on_read, q);
}

/* After the calls have been dropped. */
void kube_history_free(struct kube_platform *k)
{
        struct kube_question *q, *next;

        DL_FOREACH_SAFE(k->questions, q, next)
        {
                DL_DELETE(k->questions, q);
                free(q);
        }
}

static void on_unmarked(void *arg, json_t *object, const struct kube_failure *failure)
{
        (void) arg;
        (void) object;
        if (failure && failure->reason != KUBE_TEST_FAILED && failure->reason != KUBE_NOT_FOUND)
                LOG_WARN("the mark of a rollback could not be taken away", "error", failure->err.msg);
}

/* Whatever of them there is goes, if the mark is still the one that was followed. */
void kube_history_unmark(struct kube_platform *k, struct kube_target *t, const char *id)
{
        static const char *const paths[] = { "/metadata/annotations/sluice.dev~1rollback-to",
                                             "/metadata/annotations/sluice.dev~1rollback-by",
                                             "/metadata/annotations/sluice.dev~1rollback-at",
                                             "/metadata/annotations/sluice.dev~1rollback-reason" };
        AUTO(json) patch = json_pack("[{s:s, s:s, s:s}]", "op", "test", "path", paths[2], "value", id);
        struct kube_call call = { .verb = KUBE_JSON_PATCH,
                                  .resource = &k->kinds.rollouts,
                                  .namespace_ = t->namespace_,
                                  .name = t->name,
                                  .body = patch };

        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
                (void) json_array_append_new(patch, json_pack("{s:s, s:s, s:s}", "op", "add", "path", paths[i], "value", ""));
                (void) json_array_append_new(patch, json_pack("{s:s, s:s}", "op", "remove", "path", paths[i]));
        }
        (void) kube_start(k->kube, &call, on_unmarked, NULL);
}
