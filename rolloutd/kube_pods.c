/* Reading conditions and container states (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/). */
#include "rolloutd/kube_pods.h"

#include <stdio.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/utf8.h"
#include "rolloutd/last_words.h"

enum { CRASHES_MAX = 2 };

/* Ascending: of several troubles the last one is told. */
enum rank { RANK_NONE, RANK_CRASHED, RANK_UNSCHEDULABLE, RANK_WAITS, RANK_IMAGE, RANK_FINAL };

struct worst {
        enum rank rank;
        char message[256];
};

static const char *text_of(const json_t *object, const char *member)
{
        const char *text = json_string_value(json_object_get(object, member));

        return text ? text : "";
}

/* What a container waits for, and what that means. PodInitializing and ContainerCreating are the ordinary way. */
static const struct {
        const char *reason;
        enum rank rank;
} waits[] = {
        { "PodInitializing", RANK_NONE },       { "ContainerCreating", RANK_NONE },
        { "CrashLoopBackOff", RANK_NONE }, /* the last end says more */
        { "ErrImagePull", RANK_IMAGE },         { "ImagePullBackOff", RANK_IMAGE },
        { "RegistryUnavailable", RANK_IMAGE },  { "InvalidImageName", RANK_FINAL },
        { "ErrImageNeverPull", RANK_FINAL },    { "CreateContainerConfigError", RANK_FINAL },
        { "CreateContainerError", RANK_FINAL }, { "RunContainerError", RANK_FINAL },
};

static enum rank rank_of_wait(const char *reason)
{
        for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
                if (strcmp(waits[i].reason, reason) == 0)
                        return waits[i].rank;
        return *reason ? RANK_WAITS : RANK_NONE;
}

static void note(struct worst *w, enum rank rank, const char *pod, const char *what, const char *why)
{
        if (rank <= w->rank)
                return;
        w->rank = rank;
        (void) snprintf(w->message, sizeof w->message, "%s: %s%s%.160s", pod, what, *why ? ": " : "", why);
        utf8_clean(w->message);
}

/* Our own programs end with 2 when it is the request that has to change: a version that is refused, a setting that makes no sense. */
static bool is_refusal(json_int_t code, const char *said)
{
        return code == 2 && strstr(said, "\"level\":\"error\"");
}

static void note_end(struct worst *w, const char *pod, const json_t *container, const json_t *end)
{
        json_int_t crashes = json_integer_value(json_object_get(container, "restartCount"));
        json_int_t code = json_integer_value(json_object_get(end, "exitCode"));
        AUTO(str) said = xstrdup(text_of(end, "message"));
        const char *reason = text_of(end, "reason");
        char what[64], words[160];

        if (code == 0 && crashes == 0)
                return;
        if (strcmp(reason, "OOMKilled") == 0)
                (void) snprintf(what, sizeof what, "out of memory, started %lld times", (long long) crashes + 1);
        else
                (void) snprintf(what, sizeof what, "exit status %lld, started %lld times", (long long) code,
                                (long long) crashes + 1);
        bool final = crashes > CRASHES_MAX || is_refusal(code, said);
        last_words(said, words, sizeof words);
        note(w, final ? RANK_FINAL : RANK_CRASHED, pod, what, words);
}

static void look_at_container(struct worst *w, const char *pod, const json_t *c)
{
        const json_t *state = json_object_get(c, "state"), *waiting = json_object_get(state, "waiting");
        const json_t *ended = json_object_get(state, "terminated");
        const json_t *before = json_object_get(json_object_get(c, "lastState"), "terminated");
        const char *reason = text_of(waiting, "reason");

        note(w, rank_of_wait(reason), pod, reason, text_of(waiting, "message"));
        if (json_is_true(json_object_get(c, "ready"))) /* whatever was, it serves now */
                return;
        if (json_is_object(ended))
                note_end(w, pod, c, ended);
        else if (json_is_object(before))
                note_end(w, pod, c, before);
}

static const json_t *condition_of(const json_t *object, const char *type)
{
        const json_t *condition;
        size_t i;

        json_array_foreach (json_object_get(json_object_get(object, "status"), "conditions"), i, condition)
                if (strcmp(text_of(condition, "type"), type) == 0)
                        return condition;
        return NULL;
}

static bool condition_is(const json_t *condition, const char *status)
{
        return strcmp(text_of(condition, "status"), status) == 0;
}

static void look_at_pod(struct worst *w, const json_t *pod)
{
        static const char *const lists[] = { "initContainerStatuses", "containerStatuses" };
        const char *name = text_of(json_object_get(pod, "metadata"), "name");
        const json_t *status = json_object_get(pod, "status"), *scheduled = condition_of(pod, "PodScheduled"), *c;
        size_t i;

        if (condition_is(scheduled, "False"))
                note(w, RANK_UNSCHEDULABLE, name, text_of(scheduled, "reason"), text_of(scheduled, "message"));
        if (strcmp(text_of(status, "phase"), "Failed") == 0)
                note(w, RANK_CRASHED, name, text_of(status, "reason"), text_of(status, "message"));
        for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
                json_array_foreach (json_object_get(status, lists[l]), i, c)
                        look_at_container(w, name, c);
}

void kube_pods_trouble(const json_t *list, struct kube_trouble *out)
{
        struct worst worst = { 0 };
        const json_t *pod;
        int n_ready = 0;
        size_t i;

        json_array_foreach (json_object_get(list, "items"), i, pod) {
                if (json_object_get(json_object_get(pod, "metadata"), "deletionTimestamp"))
                        continue;
                if (condition_is(condition_of(pod, "Ready"), "True"))
                        n_ready++;
                else
                        look_at_pod(&worst, pod);
        }
        *out = (struct kube_trouble){ .failed = worst.rank == RANK_FINAL && n_ready == 0,
                                      .bad_image = worst.rank == RANK_IMAGE && n_ready == 0,
                                      .n_ready = n_ready };
        (void) snprintf(out->message, sizeof out->message, "%s", worst.message);
}

/* revisionHistoryLimit is 0 and the template is written once: a second revision is somebody else's. */
static bool is_edited(const json_t *deployment)
{
        const json_t *annotations = json_object_get(json_object_get(deployment, "metadata"), "annotations");
        const char *revision = text_of(annotations, "deployment.kubernetes.io/revision");

        return *revision && strcmp(revision, "1") != 0;
}

void kube_deployment_trouble(const json_t *deployment, struct kube_trouble *out)
{
        const json_t *progress = condition_of(deployment, "Progressing"), *refused = condition_of(deployment, "ReplicaFailure");

        *out = (struct kube_trouble){ 0 };
        if (condition_is(progress, "False")) {
                out->failed = strcmp(text_of(progress, "reason"), "ProgressDeadlineExceeded") == 0;
                (void) snprintf(out->message, sizeof out->message, "%s: %s", text_of(progress, "reason"),
                                text_of(progress, "message"));
        }
        if (condition_is(refused, "True"))
                (void) snprintf(out->message, sizeof out->message, "%s: %s", text_of(refused, "reason"),
                                text_of(refused, "message"));
        else if (!*out->message && is_edited(deployment))
                (void) snprintf(out->message, sizeof out->message,
                                "somebody has changed its pods' template: they are not what was released; it is left alone");
}
