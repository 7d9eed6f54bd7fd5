/* What declarations need of the controller. */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/random.h"
#include "rolloutd/controller_private.h"

static int64_t now_ms(void *arg)
{
        (void) arg;
        return clock_ms();
}

static uint32_t dice(void *arg)
{
        (void) arg;
        return random_u32();
}

static const struct policy *policy(void *arg, const char *name, struct err *e)
{
        const struct controller *c = arg;

        return controller_policy(c, *name ? name : c->settings->default_policy, e);
}

static void resolve(void *arg, const char *model, const char *ref, wants_resolved_fn done, void *done_arg)
{
        const struct controller *c = arg;

        registry_resolve(c->registry, model, ref, done, done_arg);
}

static int target(void *arg, const char *id, const char *model, struct target **out, struct err *e)
{
        return controller_make(arg, id, model, out, e);
}

static void forget(void *arg, const char *id)
{
        LOG_INFO("a declaration is gone", "target", id);
        controller_forget(arg, id);
}

void controller_listen(struct controller *c)
{
        if (!c->platform->ops->listen)
                return;
        c->wants = wants_new(&(struct wants_env){ .platform = c->platform,
                                                  .policies = c->policy_pool,
                                                  .now_ms = now_ms,
                                                  .dice = dice,
                                                  .policy = policy,
                                                  .resolve = resolve,
                                                  .target = target,
                                                  .forget = forget,
                                                  .arg = c });
        wants_listen(c->wants);
}
