/* What every unit test includes: cmocka and its needs, and a few checks of our own. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

/* The call failed with this kind, and its message holds this text. */
#define assert_failed(call, e, expected_kind, text)                                                                              \
        do {                                                                                                                     \
                assert_int_equal(call, -1);                                                                                      \
                assert_string_equal(err_kind_name((e).kind), err_kind_name(expected_kind));                                      \
                assert_contains((e).msg, text);                                                                                  \
        } while (0)
#define assert_contains(haystack, needle)                                                                                        \
        do {                                                                                                                     \
                if (!strstr(haystack, needle))                                                                                   \
                        fail_msg("\"%s\" does not hold \"%s\"", haystack, needle);                                               \
        } while (0)
#define assert_lacks(haystack, needle)                                                                                           \
        do {                                                                                                                     \
                if (strstr(haystack, needle))                                                                                    \
                        fail_msg("\"%s\" holds \"%s\"", haystack, needle);                                                       \
        } while (0)
/* Failed unexpectedly: show why. */
#define assert_ok(call, e)                                                                                                       \
        do {                                                                                                                     \
                if (call)                                                                                                        \
                        fail_msg("%s: %s", #call, (e).msg);                                                                      \
        } while (0)
