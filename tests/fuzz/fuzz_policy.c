// with: lib/policy.c lib/policy_new.c lib/yaml_json.c lib/policy_query.c lib/policy_query_file.c lib/policy_file.c lib/policy_lint.c lib/policy_kayenta.c lib/policy_kayenta_file.c lib/judge_kayenta.c lib/judge_rank.c lib/policy_value.c lib/judge_ratio.c lib/err.c lib/fs.c lib/mem.c lib/names.c lib/release.c lib/settings_value.c lib/strbuf.c lib/metrics.c lib/clock.c lib/proc.c
/* Policy files: whatever the bytes, a policy that passes its own check or an error, and nothing leaked. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/policy_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct policy p;
        struct err e = { 0 };

        if (policy_parse((const char *) data, size, &p, &e) == 0)
                assert(policy_check(&p, NULL) == 0);
        else
                assert(e.kind != ERR_NONE && e.msg[0]);
        return 0;
}
