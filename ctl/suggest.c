/* Nearest word by edit distance. */
#include "ctl/suggest.h"

#include <string.h>

enum { WORD_MAX = 63 };

static size_t min3(size_t a, size_t b, size_t c)
{
        size_t m = a < b ? a : b;

        return m < c ? m : c;
}

size_t suggest_distance(const char *a, const char *b)
{
        size_t rows[3][WORD_MAX + 1]; /* two rows ago, the row before, this row: taken in turns */
        size_t la = strlen(a), lb = strlen(b);

        if (la > WORD_MAX || lb > WORD_MAX)
                return la > lb ? la : lb;
        for (size_t j = 0; j <= lb; j++)
                rows[0][j] = j;
        for (size_t i = 1; i <= la; i++) {
                const size_t *before = rows[(i - 1) % 3], *two_ago = rows[(i + 1) % 3];
                size_t *now = rows[i % 3];
                now[0] = i;
                for (size_t j = 1; j <= lb; j++) {
                        now[j] = min3(before[j] + 1, now[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && two_ago[j - 2] + 1 < now[j])
                                now[j] = two_ago[j - 2] + 1;
                }
        }
        return rows[la % 3][lb];
}

void suggest_offer(struct suggestion *s, const char *typed, const char *word)
{
        size_t d = suggest_distance(typed, word), len = strlen(typed);

        if (len >= 2 && strncmp(typed, word, len) == 0) /* the beginning of a word is the word */
                d = 1;
        if (d > 1 + len / 5 || d >= strlen(word)) /* one slip, and one more per five letters */
                return;
        if (s->best && s->distance <= d)
                return;
        s->best = word;
        s->distance = d;
}
