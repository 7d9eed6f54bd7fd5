/* UTF-8. */
#include "lib/utf8.h"

#include <stddef.h>

int utf8_len(const unsigned char *s)
{
        static const struct {
                unsigned char lead_lo, lead_hi, second_lo, second_hi;
                int len;
        } rows[] = {
                { 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
                { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
                { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                if (s[0] < rows[i].lead_lo || s[0] > rows[i].lead_hi)
                        continue;
                if (rows[i].len > 1 && (s[1] < rows[i].second_lo || s[1] > rows[i].second_hi))
                        return 0;
                for (int k = 2; k < rows[i].len; k++)
                        if ((s[k] & 0xc0) != 0x80)
                                return 0;
                return rows[i].len;
        }
        return 0;
}

void utf8_clean(char *text)
{
        while (*text) {
                int n = utf8_len((const unsigned char *) text);

                if (n == 0)
                        *text = '?';
                text += n ? n : 1;
        }
}
