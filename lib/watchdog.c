/* A thread that reads a timer; the kernel counts, also while the process is stopped or the machine asleep. */
#include "lib/watchdog.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/mem.h"

struct watchdog {
        int timer, exit_status;
        pthread_t thread;
};

static void *watch(void *arg)
{
        const struct watchdog *w = arg;
        uint64_t times;

        while (read(w->timer, &times, sizeof times) != sizeof times)
                ;
        _exit(w->exit_status);
}

struct watchdog *watchdog_new(int exit_status)
{
        struct watchdog *w = xcalloc(1, sizeof *w);

        w->exit_status = exit_status;
        w->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
        if (w->timer < 0 || pthread_create(&w->thread, NULL, watch, w))
                abort(); /* at start only, for want of memory or descriptors */
        return w;
}

void watchdog_free(struct watchdog *w)
{
        if (!w)
                return;
        (void) pthread_cancel(w->thread);
        (void) pthread_join(w->thread, NULL);
        (void) close(w->timer);
        free(w);
}

void watchdog_set(struct watchdog *w, int64_t at_ms)
{
        struct itimerspec t = { .it_value = { .tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000 } };

        (void) timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &t, NULL);
}
