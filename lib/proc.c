/* fork, exec and wait. */
#include "lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/fs.h"

/* What the child tells its parent when it could not become the program: which step, and errno. */
struct failure {
        int number;
        char step[32];
};

static void give_up(int report, const char *step)
{
        struct failure f = { .number = errno };

        (void) snprintf(f.step, sizeof f.step, "%s", step);
        ssize_t ignored = write(report, &f, sizeof f);
        (void) ignored;
        _exit(127);
}

static void redirect_output(const char *log_path, int stdout_fd, int report)
{
        int fd = STDERR_FILENO;

        if (log_path && (fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640)) < 0)
                give_up(report, "open the log file");
        if (dup2(stdout_fd >= 0 ? stdout_fd : fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
                give_up(report, "redirect output");
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0)
                give_up(report, "open /dev/null");
}

/* The child between fork and exec; only async-signal-safe calls, save for those on data looked up before the fork. */
static void become(const struct proc_spec *spec, const struct passwd *pw, pid_t parent, int stdout_fd, int report)
{
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_DFL); /* ignored ones stay ignored across exec */
        if (spec->own_group && setpgid(0, 0))
                give_up(report, "make a process group");
        redirect_output(spec->log_path, stdout_fd, report);
        if (pw && (setgroups(1, &pw->pw_gid) || setgid(pw->pw_gid) || setuid(pw->pw_uid)))
                give_up(report, "change user");
        /* After the change of user, which clears it. The parent may have died before it took effect. */
        if (spec->death_signal) {
                (void) prctl(PR_SET_PDEATHSIG, spec->death_signal);
                if (getppid() != parent)
                        _exit(127);
        }
        if (spec->cwd && chdir(spec->cwd))
                give_up(report, "change folder");
        for (const char *const *v = spec->env; v && *v; v++)
                (void) putenv((char *) *v);
        (void) execvp(spec->argv[0], (char *const *) spec->argv);
        give_up(report, "execute");
}

static int read_report(int fd, const struct proc_spec *spec, pid_t pid, struct err *e)
{
        struct failure f;
        ssize_t n;

        do
                n = read(fd, &f, sizeof f);
        while (n < 0 && errno == EINTR);
        if (n != sizeof f) /* closed by a successful exec */
                return 0;
        (void) waitpid(pid, NULL, 0);
        return err_errno(e, f.number, "start %s: %s", spec->argv[0], f.step);
}

int proc_start(const struct proc_spec *spec, pid_t *pid, struct err *e)
{
        const struct passwd *pw = spec->user ? getpwnam(spec->user) : NULL;
        pid_t parent = getpid(), child;
        int pipe_fd[2], output[2] = { -1, -1 };

        if (spec->user && !pw)
                return err_set(e, ERR_INVALID, "start %s: there is no user \"%s\"", spec->argv[0], spec->user);
        if (spec->stdout_fd && (pipe2(output, O_CLOEXEC) || fcntl(output[0], F_SETFL, O_NONBLOCK)))
                return err_errno(e, errno, "start %s", spec->argv[0]);
        AUTO(fd) read_end = output[0];
        AUTO(fd) write_end = output[1];
        if (pipe2(pipe_fd, O_CLOEXEC))
                return err_errno(e, errno, "start %s", spec->argv[0]);
        if ((child = fork()) == 0)
                become(spec, pw, parent, write_end, pipe_fd[1]);
        int number = errno;
        (void) close(pipe_fd[1]);
        if (child < 0) {
                (void) close(pipe_fd[0]);
                return err_errno(e, number, "start %s", spec->argv[0]);
        }
        int r = read_report(pipe_fd[0], spec, child, e);
        (void) close(pipe_fd[0]);
        if (r == 0)
                *pid = child;
        if (r == 0 && spec->stdout_fd)
                *spec->stdout_fd = TAKE_FD(read_end);
        return r;
}

int proc_wait(pid_t pid, int64_t timeout_ms, int *status, struct err *e)
{
        int64_t deadline = clock_ms() + timeout_ms;

        for (;;) {
                pid_t got = waitpid(pid, status, WNOHANG);
                if (got == pid)
                        return 1;
                if (got < 0 && errno != EINTR)
                        return err_errno(e, errno, "wait for process %d", (int) pid);
                int left = clock_left(deadline, 10);
                if (left == 0)
                        return 0;
                (void) usleep((useconds_t) left * 1000);
        }
}

void proc_stop(pid_t pid, int signal, int64_t timeout_ms)
{
        int status;

        if (pid <= 0)
                return;
        (void) kill(pid, signal);
        if (proc_wait(pid, timeout_ms, &status, NULL) != 0)
                return;
        (void) kill(pid, SIGKILL);
        (void) proc_wait(pid, 5000, &status, NULL);
}

void proc_status_text(int status, char *out, size_t size)
{
        if (WIFSIGNALED(status))
                (void) snprintf(out, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        else
                (void) snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}

uint64_t proc_start_time(pid_t pid)
{
        AUTO(str) text = NULL;
        unsigned long long start = 0;
        char path[64];

        (void) snprintf(path, sizeof path, "/proc/%d/stat", (int) pid);
        if (fs_read(path, 4096, &text, NULL, NULL))
                return 0;
        /* The command name, field 2, may hold spaces and brackets: count fields from its last bracket. */
        const char *p = strrchr(text, ')');
        if (!p || sscanf(p + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &start) != 1)
                return 0;
        return start;
}
