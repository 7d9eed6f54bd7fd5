/* A hash and a heap over the same targets. */
#include "rolloutd/due.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

static void put(struct due *d, size_t place, struct due_target *one)
{
        d->heap[place] = one;
        one->place = place;
}

static void sift_up(struct due *d, struct due_target *one)
{
        size_t i = one->place;

        for (; i > 0 && d->heap[(i - 1) / 2]->due_ms > one->due_ms; i = (i - 1) / 2)
                put(d, i, d->heap[(i - 1) / 2]);
        put(d, i, one);
}

static void sift_down(struct due *d, struct due_target *one)
{
        size_t i = one->place;

        for (size_t child; (child = 2 * i + 1) < d->n; i = child) {
                if (child + 1 < d->n && d->heap[child + 1]->due_ms < d->heap[child]->due_ms)
                        child++;
                if (d->heap[child]->due_ms >= one->due_ms)
                        break;
                put(d, i, d->heap[child]);
        }
        put(d, i, one);
}

void due_at(struct due *d, struct due_target *one, int64_t due_ms)
{
        one->due_ms = due_ms;
        sift_up(d, one);
        sift_down(d, one);
}

struct due_target *due_add(struct due *d, struct target *t)
{
        struct due_target *one = xcalloc(1, sizeof *one);

        one->t = t;
        if (d->n == d->room) {
                d->room = d->room ? 2 * d->room : 16;
                d->heap = xrealloc(d->heap, d->room, sizeof(struct due_target *));
        }
        put(d, d->n++, one);
        sift_up(d, one);
        HASH_ADD_KEYPTR(hh, d->all, t->now.target, strlen(t->now.target), one);
        return one;
}

struct due_target *due_find(const struct due *d, const char *target)
{
        struct due_target *one;

        HASH_FIND_STR(d->all, target, one);
        return one;
}

void due_remove(struct due *d, struct due_target *one)
{
        struct due_target *last = d->heap[--d->n];
        size_t place = one->place;

        if (last != one) {
                put(d, place, last);
                due_at(d, last, last->due_ms);
        }
        HASH_DEL(d->all, one);
        free(one);
}

struct due_target *due_next(const struct due *d, int64_t now_ms)
{
        return d->n > 0 && d->heap[0]->due_ms <= now_ms ? d->heap[0] : NULL;
}

int64_t due_wait_ms(const struct due *d, int64_t now_ms, int64_t most_ms)
{
        int64_t wait_ms = d->n > 0 ? d->heap[0]->due_ms - now_ms : most_ms;

        return wait_ms < 0 ? 0 : wait_ms < most_ms ? wait_ms : most_ms;
}

void due_done(struct due *d)
{
        while (d->all) {
                struct due_target *one = d->all;
                struct target *t = one->t;

                due_remove(d, one);
                target_free(t);
        }
        free(d->heap);
        *d = (struct due){ 0 };
}
