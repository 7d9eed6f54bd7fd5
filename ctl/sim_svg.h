/* The plot of a simulation. Pure. */
#pragma once

#include "ctl/sim_study.h"
#include "lib/strbuf.h"

/* One row a rule. A panel for the good releases, if there are any: how many are rolled back, a dot a scenario; and one for the bad
 * ones: when they are found. */
void sim_svg(const struct sim_scenario *scenarios, const struct sim_study *studies, int n, struct strbuf *out);
