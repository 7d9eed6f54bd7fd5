/* Processes by descriptor (pidfd_open(2)), not by number. */
#include "rolloutd/local_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/proc.h"
#include "rolloutd/local_log.h"

int local_child_watch(struct local_child *c, int epoll, pid_t pid, struct err *e)
{
        c->ended.fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (c->ended.fd < 0)
                return err_errno(e, errno, "watch process %d", (int) pid);
        if (local_watch_add(epoll, &c->ended, EPOLLIN, e)) {
                (void) close(c->ended.fd);
                return -1;
        }
        c->pid = pid;
        return 0;
}

void local_child_forget(struct local_child *c)
{
        if (c->pid)
                (void) close(c->ended.fd);
        c->pid = 0;
}

void local_child_signal(const struct local_child *c, int signal)
{
        if (c->pid)
                (void) syscall(SYS_pidfd_send_signal, c->ended.fd, signal, NULL, 0);
}

int local_child_reap(struct local_child *c, const char *log_path, long from, char *how, size_t size)
{
        char words[160];
        int status = -1;
        pid_t pid = c->pid;

        if (waitpid(pid, &status, WNOHANG) == pid)
                proc_status_text(status, how, size);
        else
                (void) snprintf(how, size, "ended");
        local_child_forget(c);
        local_log_last_words(log_path, from, pid, words, sizeof words);
        size_t used = strlen(how);
        if (*words)
                (void) snprintf(how + used, size - used, ": %s", words);
        return status;
}

void local_child_finish(struct local_child *c, int64_t deadline_ms)
{
        struct pollfd end = { .fd = c->ended.fd, .events = POLLIN };

        if (!c->pid)
                return;
        if (poll(&end, 1, clock_left(deadline_ms, 60000)) == 0) {
                local_child_signal(c, SIGKILL);
                (void) poll(&end, 1, 5000);
        }
        (void) waitpid(c->pid, NULL, WNOHANG);
        local_child_forget(c);
}
