/* Bad ones that wait for what they are among. */
#include "lib/judge_surplus.h"

#include <math.h>

double judge_surplus_take(struct judge_surplus *s, double bad, double all)
{
        double counts = fmin(all, s->waiting + bad);

        s->waiting += bad - counts;
        s->all += all;
        s->most = fmax(s->most, all);
        return counts;
}

bool judge_surplus_is_much(const struct judge_surplus *s)
{
        return s->waiting > fmin(s->most, s->all / 5) + s->all / 100;
}
