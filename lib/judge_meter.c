/* Looks at counters. */
#include "lib/judge_meter.h"

#include <math.h>

bool judge_is_count(double v)
{
        return isfinite(v) && v >= 0 && v <= 9e15;
}

bool judge_meter_look(struct judge_meter *m, double all, bool back)
{
        double more = all - m->all;
        bool first = m->known == 0, returns = !first && m->lost > 0 && more >= m->lost / 2;

        m->known = 1;
        m->all = all;
        if (first)
                return false;
        if (more < 0)
                m->lost = -more;
        else if (returns)
                m->lost = 0;
        if (more >= 0 && !back && !returns)
                return true;
        m->passed_over++;
        return false;
}
