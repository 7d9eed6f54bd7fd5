/* `ctl policy lint`: is the policy well-formed, and can its arithmetic work? */
#include <stdlib.h>

#include "ctl/handlers.h"
#include "ctl/output.h"
#include "lib/policy_advice.h"
#include "lib/policy_file.h"
#include "lib/policy_lint.h"

static int take(const struct call *call, const char *flag, double most, double *out, struct err *e)
{
        const char *text = call_flag(call, flag);
        char *end;

        if (!text)
                return 0;
        *out = strtod(text, &end);
        if (end == text || *end || !(*out > 0 && *out <= most))
                return err_set(e, ERR_INVALID, "--%s: \"%.40s\" is not a number above 0 and up to %g", flag, text, most);
        return 0;
}

static void advise(struct ctl *c, const struct policy *p)
{
        struct policy_advice advice[POLICY_ADVICE_MAX];
        int n = policy_advise(p, advice);

        for (int i = 0; i < n; i++)
                ctl_note(c, "%s: %s", p->name, advice[i].text);
}

int policy_lint_run(struct ctl *c, const struct call *call, struct err *e)
{
        struct policy p;

        if (policy_read(call_arg(call, 0), &p, e) < 0)
                return -1;
        struct policy_expected t = p.expected;
        double errors = 100 * t.errors, slow = 100 * t.slow;

        if (take(call, "rate", 1e9, &t.rate, e) < 0 || take(call, "errors", 100, &errors, e) < 0 ||
            take(call, "slow", 100, &slow, e) < 0)
                return -1;
        t.errors = errors / 100;
        t.slow = slow / 100;
        if (t.rate > 0 && policy_lint(&p, &t, e) < 0)
                return err_wrap(e, "%s", call_arg(call, 0));
        output_line("%s: ok", p.name);
        advise(c, &p);
        if (t.rate <= 0)
                ctl_note(c,
                         "whether there is enough traffic for it was not looked at: say --rate, or expected_rate in the policy");
        return 0;
}
