/* Signals as events of a descriptor. */
#include "lib/daemon.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

void daemon_init(struct daemon *d, const char *program)
{
        sigset_t set;

        mem_init();
        log_init(program, LOG_LEVEL_INFO);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        *d = (struct daemon){ .fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC) };
        if (d->fd < 0)
                abort(); /* no descriptors at the very start of the program */
}

void daemon_done(struct daemon *d)
{
        (void) close(d->fd);
        d->fd = -1;
}

enum daemon_event daemon_next(struct daemon *d)
{
        struct signalfd_siginfo si;

        if (read(d->fd, &si, sizeof si) != sizeof si)
                return DAEMON_NONE;
        if (si.ssi_signo == SIGHUP)
                return DAEMON_RELOAD;
        if (d->draining)
                return DAEMON_LEAVE;
        d->draining = true;
        return DAEMON_DRAIN;
}

enum daemon_event daemon_wait(struct daemon *d, int64_t timeout_ms)
{
        struct pollfd p = { .fd = d->fd, .events = POLLIN };
        int64_t deadline_ms = clock_ms() + timeout_ms;

        for (;;) {
                enum daemon_event event = daemon_next(d);
                int left = timeout_ms < 0 ? -1 : clock_left(deadline_ms, INT_MAX);
                if (event != DAEMON_NONE || left == 0)
                        return event;
                (void) poll(&p, 1, left);
        }
}
