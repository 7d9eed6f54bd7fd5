/*
 * Bad ones beyond all: of two counters, one counts the bad among what the other counts. Between two looks the bad ones may be ahead, when
 * their scrape was the later one; those wait until the things that they are among are counted too. Over the whole rollout they may not
 * be: then the two are not what they are said to be, most likely swapped. Pure.
 */
#pragma once

#include <stdbool.h>

struct judge_surplus {  /* zeroed: nothing seen */
        double waiting; /* bad ones that are ahead of all */
        double all;     /* things so far */
        double most;    /* of them between two looks */
};

/* So many more. How many bad ones of them count now: never more than `all`. */
double judge_surplus_take(struct judge_surplus *s, double bad, double all);

/* Are more of them ahead than what one scrape brings (before there are five, than a fifth of all), and a hundredth of all on top? */
bool judge_surplus_is_much(const struct judge_surplus *s);
