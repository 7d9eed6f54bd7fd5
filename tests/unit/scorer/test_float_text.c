/* Every float's text is short and reads back as the same float, through float and through double. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scorer/float_text.h"

static void known_texts(void **state)
{
        static const struct {
                float v;
                const char *text;
        } cases[] = {
                { 0.0f, "0.0" },
                { -0.0f, "-0.0" },
                { 1.0f, "1.0" },
                { -2.5f, "-2.5" },
                { 0.1f, "0.1" },
                { 0.7f, "0.7" },
                { 0.123f, "0.123" },
                { 123456.0f, "123456.0" },
                { 16777216.0f, "16777216.0" },
                { 1e-5f, "0.00001" },
                { 3.2e-6f, "0.0000032" },
                { 1e9f, "1e+09" },
                { 1e-10f, "1.00000001e-10" },
                { FLT_MAX, "3.40282347e+38" },
                { 0.333333343f, "0.33333334" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char text[FLOAT_TEXT_MAX];
                size_t len = float_text(cases[i].v, text);
                assert_int_equal(len, strlen(cases[i].text));
                assert_string_equal(text, cases[i].text);
        }
}

static void reads_back(float v)
{
        char text[FLOAT_TEXT_MAX];

        size_t len = float_text(v, text);
        assert_int_equal(len, strlen(text));
        float direct = strtof(text, NULL), through_double = (float) strtod(text, NULL);
        assert_memory_equal(&direct, &v, sizeof v);
        assert_memory_equal(&through_double, &v, sizeof v);
}

static void random_floats_read_back(void **state)
{
        uint32_t bits = 12345;
        float v;

        (void) state;
        for (int i = 0; i < 300000; i++) {
                bits = bits * 1664525u + 1013904223u;
                uint32_t mixed = bits ^ bits >> 13;
                if (i % 2) /* every other one a probability */
                        mixed = (mixed & 0x007fffffu) | (uint32_t) (127 - 1 - mixed % 28) << 23;
                memcpy(&v, &mixed, sizeof v);
                if (isfinite(v))
                        reads_back(v);
        }
}

static void powers_and_their_neighbours_read_back(void **state)
{
        (void) state;
        for (int e = -45; e < 39; e++) {
                float v = strtof((char[8]){ '1', 'e', e < 0 ? '-' : '+', (char) ('0' + abs(e) / 10), (char) ('0' + abs(e) % 10) },
                                 NULL);
                reads_back(v);
                reads_back(nextafterf(v, INFINITY));
                reads_back(nextafterf(v, 0));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_texts),
                cmocka_unit_test(random_floats_read_back),
                cmocka_unit_test(powers_and_their_neighbours_read_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
