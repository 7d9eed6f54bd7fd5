/* Policies and settings: at the start, and again when somebody asks for it (SIGHUP). */
#include "lib/log.h"
#include "rolloutd/controller.h"

static void check_default_policy(const struct controller *c)
{
        if (!policies_find(&c->policies, c->settings->default_policy))
                LOG_ERROR("the default policy is not among the policies; rollouts that name none are refused", "default_policy",
                          c->settings->default_policy, "policies", c->settings->policies);
}

int controller_load_policies(struct controller *c, struct err *e)
{
        if (policies_load(&c->policies, c->settings->policies, e) < 0)
                return -1;
        for (size_t i = 0; i < c->policies.n_broken; i++)
                LOG_ERROR("a policy cannot be used", "policy", c->policies.broken[i].name, "error", c->policies.broken[i].why);
        check_default_policy(c);
        return 0;
}

void controller_reload(struct controller *c)
{
        struct err e = { 0 };

        if (c->reload && c->reload(c->reload_arg, &e) < 0)
                LOG_WARN("settings stay as they were", "error", e.msg);
        e = (struct err){ 0 };
        if (controller_load_policies(c, &e) < 0)
                LOG_WARN("policies stay as they were", "error", e.msg);
        else
                LOG_INFO("policies read", LOG_INT("policies", (int64_t) c->policies.n));
        c->env.tick_ms = c->settings->tick;
        c->env.scrape_ms = c->settings->scrape_interval;
}
