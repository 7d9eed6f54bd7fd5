/* The functions behind the rows of the command table, grouped under the file that defines them. */
#pragma once

#include "ctl/app.h"
#include "ctl/parse.h"
#include "lib/err.h"

#define HANDLER(name) int name(struct ctl *c, const struct call *call, struct err *e)

/* push.c, pull.c */
HANDLER(push_run);
HANDLER(pull_run);
/* models.c */
HANDLER(models_run);
HANDLER(versions_run);
/* alias.c */
HANDLER(alias_run);
/* rollout.c */
HANDLER(rollout_start);
HANDLER(rollout_pause);
HANDLER(rollout_resume);
HANDLER(rollout_promote);
HANDLER(rollout_abort);
HANDLER(rollout_retry);
HANDLER(rollout_watch);
/* rollback.c */
HANDLER(rollback_run);
/* rollout_status.c */
HANDLER(rollout_status);
HANDLER(policies_run);
/* history.c */
HANDLER(history_run);
HANDLER(log_run);
/* lint.c */
HANDLER(policy_lint_run);
/* explain.c */
HANDLER(explain_run);
/* simulate.c */
HANDLER(simulate_run);
/* access.c */
HANDLER(whoami_run);
HANDLER(token_create);
HANDLER(token_list);
HANDLER(token_delete);
/* self.c */
HANDLER(version_run);
HANDLER(help_run);
HANDLER(completion_run);
