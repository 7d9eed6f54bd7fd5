/* Shortest float32 text by trying 6 to 9 digits: a division of two exact doubles says what a reader will get. */
#include "scorer/float_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Powers of ten up to 1e22 are exact in double. */
static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
                                 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19 };

/* Within this range digits and point fit without an exponent, and all steps stay exact. */
static const double LEAST = 1e-9, BEYOND = 1e9;

/* `q` is the double nearest to the text. A reader may round to float32 directly or through double: with this much distance
 * from the middle between two floats, both get v. */
static bool reads_back(double q, float v)
{
        return (float) q == v && (float) (q * (1 + 1e-15)) == v && (float) (q * (1 - 1e-15)) == v;
}

static size_t put_fixed(char *out, uint64_t digits, int decimals)
{
        char reversed[FLOAT_TEXT_MAX];
        size_t n = 0, len = 0;

        while (decimals > 1 && digits % 10 == 0) {
                digits /= 10;
                decimals--;
        }
        for (; decimals > 0; decimals--, digits /= 10)
                reversed[n++] = (char) ('0' + digits % 10);
        reversed[n++] = '.';
        do
                reversed[n++] = (char) ('0' + digits % 10);
        while (digits /= 10);
        while (n)
                out[len++] = reversed[--n];
        return len;
}

static int exponent_of(double a)
{
        int e = 0;

        if (a < 1)
                while (a * powers[-e] < 1)
                        e--;
        else
                while (a >= powers[e + 1])
                        e++;
        return e;
}

static size_t put_positive(float v, char *out)
{
        double a = (double) v;

        if (a < LEAST || a >= BEYOND)
                return 0;
        int exponent = exponent_of(a);
        for (int precision = 6; precision <= 9; precision++) {
                int decimals = precision - 1 - exponent;
                if (decimals < 1)
                        decimals = 1;
                double digits = nearbyint(a * powers[decimals]);
                if (reads_back(digits / powers[decimals], v))
                        return put_fixed(out, (uint64_t) digits, decimals);
        }
        return 0;
}

size_t float_text(float v, char out[static FLOAT_TEXT_MAX])
{
        size_t sign = signbit(v) ? 1 : 0, len;

        out[0] = '-';
        if (v == 0.0f)
                len = put_fixed(out + sign, 0, 1);
        else
                len = put_positive(fabsf(v), out + sign);
        if (len) {
                out[sign + len] = '\0';
                return sign + len;
        }
        return (size_t) snprintf(out, FLOAT_TEXT_MAX, "%.9g", (double) v);
}
