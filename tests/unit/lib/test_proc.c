/* Child processes, fault points, and the signals of a daemon. */
#include "tests/unit/lib/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/fault.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/proc.h"

enum { PATIENCE_MS = 10000 };

static char log_path[] = "/tmp/sluice-proc-XXXXXX";

static int make_log(void **state)
{
        (void) state;
        return mkstemp(log_path) >= 0 ? 0 : -1;
}

static int remove_log(void **state)
{
        (void) state;
        return unlink(log_path);
}

static struct proc_spec shell(const char *const *argv)
{
        return (struct proc_spec){ .argv = argv, .log_path = log_path };
}

#define SH(script) ((const char *const[]){ "sh", "-c", script, NULL })

/* What the script printed to both outputs; it must end with status 0. */
static char *output_of(struct proc_spec spec)
{
        struct err e;
        pid_t pid;
        int status;
        char *text;

        assert_int_equal(truncate(log_path, 0), 0);
        assert_ok(proc_start(&spec, &pid, &e), e);
        assert_int_equal(proc_wait(pid, PATIENCE_MS, &status, &e), 1);
        assert_int_equal(status, 0);
        assert_ok(fs_read(log_path, 65536, &text, NULL, &e), e);
        return text;
}

static void both_outputs_go_to_the_log_and_input_is_empty(void **state)
{
        (void) state;
        AUTO(str) text = output_of(shell(SH("echo out; echo err >&2; cat; echo end")));
        assert_string_equal(text, "out\nerr\nend\n");
}

static void environment_folder_and_group_are_set(void **state)
{
        static const char *const env[] = { "SLUICE_TEST=x y", NULL };
        struct proc_spec spec = shell(SH("echo \"$SLUICE_TEST\"; pwd; ps -o pgid= -p $$ | tr -d ' '; echo $$"));

        (void) state;
        spec.env = env;
        spec.cwd = "/usr";
        spec.own_group = true;
        AUTO(str) text = output_of(spec);
        assert_contains(text, "x y\n/usr\n");
        char *group = strstr(text, "/usr\n") + 5, *pid = strchr(group, '\n') + 1;
        assert_int_equal(strtol(group, NULL, 10), strtol(pid, NULL, 10));
        assert_null(getenv("SLUICE_TEST"));
}

static void signals_are_as_at_the_start_of_any_program(void **state)
{
        sigset_t term;

        (void) state;
        (void) sigemptyset(&term);
        (void) sigaddset(&term, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &term, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        AUTO(str) text = output_of(shell(SH("grep -E 'Sig(Blk|Ign)' /proc/self/status")));
        (void) signal(SIGPIPE, SIG_DFL);
        (void) sigprocmask(SIG_UNBLOCK, &term, NULL);
        assert_contains(text, "SigBlk:\t0000000000000000");
        unsigned long long ignored = strtoull(strstr(text, "SigIgn:") + 7, NULL, 16);
        assert_int_equal(ignored & (1ull << (SIGPIPE - 1)), 0);
}

static void what_cannot_start_fails_at_once(void **state)
{
        const struct {
                struct proc_spec spec;
                enum err_kind kind;
                const char *text;
        } cases[] = {
                { shell((const char *const[]){ "/no/such/program", NULL }), ERR_NOT_FOUND, "start /no/such/program: execute" },
                { shell((const char *const[]){ "no-such-program", NULL }), ERR_NOT_FOUND, "no-such-program" },
                { shell((const char *const[]){ "/etc/passwd", NULL }), ERR_FORBIDDEN, "execute" },
                { { .argv = SH("true"), .log_path = "/no/such/log" }, ERR_NOT_FOUND, "open the log file" },
                { { .argv = SH("true"), .cwd = "/no/such/folder" }, ERR_NOT_FOUND, "change folder" },
                { { .argv = SH("true"), .user = "no-such-user" }, ERR_INVALID, "no user \"no-such-user\"" },
        };
        struct err e;
        pid_t pid;

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++)
                assert_failed(proc_start(&cases[i].spec, &pid, &e), e, cases[i].kind, cases[i].text);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left to reap */
}

static void endings_are_told_apart(void **state)
{
        static const struct {
                const char *script, *text;
        } cases[] = { { "exit 0", "exit status 0" }, { "exit 3", "exit status 3" }, { "kill -9 $$", "signal 9 (Killed)" } };
        char text[64];
        struct err e;

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct proc_spec spec = shell(SH(cases[i].script));
                pid_t pid;
                int status;
                assert_ok(proc_start(&spec, &pid, &e), e);
                assert_int_equal(proc_wait(pid, PATIENCE_MS, &status, &e), 1);
                proc_status_text(status, text, sizeof text);
                assert_string_equal(text, cases[i].text);
        }
}

static void stopping_asks_first_and_kills_then(void **state)
{
        struct proc_spec polite = shell(SH("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done"));
        struct proc_spec deaf = shell(SH("trap '' TERM; echo ready; while :; do sleep 0.01; done"));
        const struct proc_spec *specs[] = { &polite, &deaf };
        struct err e;

        (void) state;
        for (size_t i = 0; i < LENGTH(specs); i++) {
                int64_t deadline_ms = clock_ms() + PATIENCE_MS;
                pid_t pid;
                int status;
                assert_int_equal(truncate(log_path, 0), 0);
                assert_ok(proc_start(specs[i], &pid, &e), e);
                assert_int_equal(proc_wait(pid, 0, &status, &e), 0);
                for (char *text = NULL; clock_ms() < deadline_ms && !text;) {
                        assert_ok(fs_read(log_path, 1000, &text, NULL, &e), e);
                        if (!strstr(text, "ready")) {
                                free(text);
                                text = NULL;
                                (void) usleep(1000);
                                continue;
                        }
                        free(text);
                        break;
                }
                proc_stop(pid, SIGTERM, i == 0 ? PATIENCE_MS : 50);
                assert_int_equal(kill(pid, 0), -1); /* gone and reaped */
                proc_stop(pid, SIGTERM, 50);
        }
        proc_stop(0, SIGTERM, 50);
        assert_int_equal(proc_wait(getpid(), 0, &(int){ 0 }, &e), -1);
}

static void start_times_tell_processes_apart(void **state)
{
        uint64_t mine = proc_start_time(getpid());

        (void) state;
        assert_true(mine > 0);
        assert_int_equal(proc_start_time(getpid()), mine);
        assert_true(proc_start_time(1) <= mine);
        assert_int_equal(proc_start_time(0x3fffffff), 0);
}

/* Run f in a child of its own and return its wait status. */
static int in_child(void (*f)(void))
{
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                f();
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void pass_points(void)
{
        fault_point("one");
        fault_point("two");
        fault_point("two");
        fault_point("twofold");
}

static void faults_strike_where_they_are_asked_to(void **state)
{
        static const struct {
                const char *asked;
                bool killed;
        } cases[] = { { "one", true }, { "two", true },    { "two:2", true }, { "two:3", false },
                      { "tw", false }, { "three", false }, { "", false },     { "twofold", true } };
#ifdef SLUICE_FAULTS
        bool compiled_in = true;
#else
        bool compiled_in = false;
#endif

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                (void) setenv("SLUICE_FAULT", cases[i].asked, 1);
                int status = in_child(pass_points);
                assert_int_equal(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, compiled_in && cases[i].killed);
        }
        (void) unsetenv("SLUICE_FAULT");
}

static void take_signals(void)
{
        struct daemon d;

        daemon_init(&d, "testd");
        bool ok = daemon_next(&d) == DAEMON_NONE && daemon_wait(&d, 1) == DAEMON_NONE;
        (void) kill(getpid(), SIGPIPE);
        (void) kill(getpid(), SIGHUP);
        ok = ok && daemon_wait(&d, PATIENCE_MS) == DAEMON_RELOAD && !d.draining;
        (void) kill(getpid(), SIGTERM);
        ok = ok && daemon_wait(&d, -1) == DAEMON_DRAIN && d.draining;
        (void) kill(getpid(), SIGHUP);
        ok = ok && daemon_wait(&d, -1) == DAEMON_RELOAD;
        (void) kill(getpid(), SIGINT);
        ok = ok && daemon_next(&d) == DAEMON_LEAVE;
        daemon_done(&d);
        _exit(ok ? 0 : 1);
}

static void the_first_signal_drains_the_second_leaves(void **state)
{
        (void) state;
        assert_int_equal(in_child(take_signals), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(both_outputs_go_to_the_log_and_input_is_empty),
                cmocka_unit_test(environment_folder_and_group_are_set),
                cmocka_unit_test(signals_are_as_at_the_start_of_any_program),
                cmocka_unit_test(what_cannot_start_fails_at_once),
                cmocka_unit_test(endings_are_told_apart),
                cmocka_unit_test(stopping_asks_first_and_kills_then),
                cmocka_unit_test(start_times_tell_processes_apart),
                cmocka_unit_test(faults_strike_where_they_are_asked_to),
                cmocka_unit_test(the_first_signal_drains_the_second_leaves),
        };

        return cmocka_run_group_tests(tests, make_log, remove_log);
}
