/* The loop of a program that does one thing at a time. */
#include "ctl/kube_talk.h"

#include <poll.h>
#include <time.h>

#include "lib/kube_served.h"

struct talk {
        bool over;
        json_t *object;
        const struct kube_resource *best;
        struct kube_failure failure;
        bool failed;
};

static void wait_for(struct kube *k, const struct talk *t)
{
        struct pollfd fds[KUBE_POLL_FDS];

        for (;;) {
                int64_t wait_ms = kube_run(k);
                if (t->over)
                        return;
                (void) poll(fds, kube_poll_fds(k, fds), (int) wait_ms);
        }
}

static void keep_failure(struct talk *t, const struct kube_failure *failure)
{
        t->over = true;
        t->failed = failure;
        if (failure)
                t->failure = *failure;
}

static void on_object(void *arg, json_t *object, const struct kube_failure *failure)
{
        struct talk *t = arg;

        t->object = json_incref(object);
        keep_failure(t, failure);
}

int kube_talk(struct kube *k, const struct kube_call *call, json_t **out, struct kube_failure *why)
{
        struct talk t = { .over = false };

        kube_start(k, call, on_object, &t);
        wait_for(k, &t);
        if (t.failed) {
                *why = t.failure;
                return -1;
        }
        if (out)
                *out = t.object;
        else
                json_decref(t.object);
        return 0;
}

static void on_served(void *arg, const struct kube_resource *best, const struct kube_failure *failure)
{
        struct talk *t = arg;

        t->best = best;
        keep_failure(t, failure);
}

const struct kube_resource *kube_talk_served(struct kube *k, const struct kube_resource *candidates, size_t n,
                                             struct kube_failure *why)
{
        struct talk t = { .over = false };

        kube_served_start(k, candidates, n, on_served, &t);
        wait_for(k, &t);
        if (t.failed)
                *why = t.failure;
        return t.best;
}

void kube_talk_pause(int64_t ms)
{
        const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

        (void) nanosleep(&t, NULL);
}
