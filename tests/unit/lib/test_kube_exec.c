/* Credential plugins that take their time: the deadline is ours, and nothing of them stays behind. */
#include <poll.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/fs.h"
#include "lib/kube_auth.h"
#include "lib/kube_exec.h"
#include "lib/mem.h"
#include "tests/unit/lib/unit.h"

enum { PATIENCE_MS = 20000 };

static char *shell[] = { (char *) "sh", (char *) "-c", NULL, NULL };
static char *no_env[] = { NULL };

/* A configuration whose plugin is this shell script. Not to be released. */
static const struct kube_config *plugin(const char *script)
{
        static struct kube_config c;

        shell[2] = (char *) script;
        c = (struct kube_config){
                .server = (char *) "https://a",
                .exec = { .api_version = (char *) "client.authentication.k8s.io/v1", .argv = shell, .env = no_env }
        };
        return &c;
}

#define PRINT(token)                                                                                                             \
        "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"" token   \
        "\"}}'"

static int run(const char *script, int64_t pretended_ms, struct kube_credential *out, struct err *e)
{
        struct kube_exec *x;
        int r;

        assert_ok(kube_exec_start(plugin(script), clock_ms(), &x, e), *e);
        while ((r = kube_exec_step(x, clock_ms() + pretended_ms, out, e)) == 0) {
                struct pollfd p = { .fd = kube_exec_fd(x), .events = POLLIN };
                assert_true(poll(&p, 1, PATIENCE_MS) > 0);
        }
        kube_exec_free(x);
        return r;
}

static void a_token_in_pieces_is_whole(void **state)
{
        struct kube_credential c;
        struct err e;
        (void) state;

        assert_int_equal(run("for piece in '{\"kind\":\"ExecCredential\",\"apiVersion\":' '\"client.authentication.k8s.io/v1\",' "
                             "'\"status\":{\"token\":\"abc\"}}'; do printf %s \"$piece\"; sleep 0.02; done",
                             0, &c, &e),
                         1);
        assert_string_equal(c.token, "abc");
        kube_credential_done(&c);
}

static void one_that_hangs_is_ended(void **state)
{
        struct kube_credential c;
        struct err e;
        (void) state;

        assert_failed(run("sleep 600", KUBE_EXEC_TIMEOUT_MS + 1, &c, &e), e, ERR_TIMEOUT, "no answer within 30 s");
}

static void one_that_closes_its_output_and_stays_is_ended(void **state)
{
        struct kube_credential c;
        struct err e;
        (void) state;

        assert_failed(run(PRINT("x") "; exec >&-; sleep 600", 0, &c, &e), e, ERR_TIMEOUT, "went on");
}

static void a_failure_is_not_repeated_at_once(void **state)
{
        AUTO(str) script = xasprintf("echo >> /tmp/kube-exec-%d; exit 1", (int) getpid());
        AUTO(str) path = xasprintf("/tmp/kube-exec-%d", (int) getpid());
        AUTO(str) runs = NULL;
        struct kube_auth *a = kube_auth_new(plugin(script));
        int64_t now = 1000000;
        struct err e;
        int ready;
        (void) state;

        while ((ready = kube_auth_ready(a, now, &e)) == 0) {
                struct pollfd p;
                assert_int_equal(kube_auth_poll_fds(a, &p), 1);
                assert_true(poll(&p, 1, PATIENCE_MS) > 0);
                (void) kube_auth_run(a, now);
        }
        assert_int_equal(ready, -1);
        assert_contains(e.msg, "exit status 1");
        assert_int_equal(kube_auth_ready(a, now + 4999, &e), -1);
        assert_int_equal(kube_auth_ready(a, now + 5000, &e), 0);
        kube_auth_free(a);
        assert_ok(fs_read(path, 100, &runs, NULL, &e), e);
        assert_true(strlen(runs) <= 2);
        (void) unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_token_in_pieces_is_whole),
                cmocka_unit_test(one_that_hangs_is_ended),
                cmocka_unit_test(one_that_closes_its_output_and_stays_is_ended),
                cmocka_unit_test(a_failure_is_not_repeated_at_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
