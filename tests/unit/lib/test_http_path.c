/* The path matcher and percent-decoding. */
#include "tests/unit/lib/unit.h"

#include "lib/http_path.h"
#include "lib/http_server.h"

static void patterns_match_whole_paths(void **state)
{
        static const struct {
                const char *pattern, *path;
                const char *args[HTTP_ARGS_MAX + 1]; /* ended by NULL; "-" first: no match */
        } cases[] = {
                { "/v1/models", "/v1/models", { NULL } },
                { "/v1/models", "/v1/models/", { "-" } },
                { "/v1/models", "/v1/model", { "-" } },
                { "/v1/models", "/v1/modelss", { "-" } },
                { "/v1/models", "/v1", { "-" } },
                { "/v1/models", "", { "-" } },
                { "/v1/models", "v1/models", { "-" } },
                { "/v1/models", "//v1/models", { "-" } },
                { "/v1/models", "/v1/%6dodels", { NULL } },
                { "/v1/models", "/V1/models", { "-" } },
                { "/", "/", { NULL } },
                { "/", "/a", { "-" } },
                { "/m/{model}", "/m/credit", { "credit" } },
                { "/m/{model}", "/m/", { "-" } },
                { "/m/{model}", "/m", { "-" } },
                { "/m/{model}", "/m/a/b", { "-" } },
                { "/m/{model}", "/m/a%20b", { "a b" } },
                { "/m/{model}", "/m/a%2Fb", { "a/b" } },
                { "/m/{model}", "/m/a+b", { "a+b" } },
                { "/m/{model}", "/m/%00", { "-" } },
                { "/m/{model}", "/m/%4", { "-" } },
                { "/m/{model}", "/m/%zz", { "-" } },
                { "/m/{model}", "/m/%ff", { "-" } },
                { "/m/{model}/versions", "/m/credit/versions", { "credit" } },
                { "/m/{model}/v/{ref}/f/{path...}", "/m/credit/v/@champion/f/a/b%20c/d", { "credit", "@champion", "a/b c/d" } },
                { "/m/{model}/v/{ref}/f/{path...}", "/m/credit/v/1/f/", { "-" } },
                { "/m/{model}/v/{ref}/f/{path...}", "/m/credit/v/1/f", { "-" } },
                { "/{a}/{b}/{c}/{d}", "/1/2/3/4", { "1", "2", "3", "4" } },
        };
        char scratch[HTTP_URI_MAX];
        const char *arg[HTTP_ARGS_MAX];

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                bool wanted = !cases[i].args[0] || strcmp(cases[i].args[0], "-") != 0;
                print_message("  %s %s\n", cases[i].pattern, cases[i].path);
                assert_int_equal(http_path_match(cases[i].pattern, cases[i].path, scratch, arg), wanted ? 0 : -1);
                for (int k = 0; wanted && k < HTTP_ARGS_MAX; k++) {
                        if (!cases[i].args[k]) {
                                assert_null(arg[k]);
                                break;
                        }
                        assert_string_equal(arg[k], cases[i].args[k]);
                }
        }
}

static void a_path_as_long_as_the_scratch_is_the_limit(void **state)
{
        static char path[HTTP_URI_MAX + 1], scratch[HTTP_URI_MAX];
        const char *arg[HTTP_ARGS_MAX];

        (void) state;
        memset(path, 'a', sizeof path - 1);
        memcpy(path, "/m/", 3);
        assert_int_equal(http_path_match("/m/{model}", path, scratch, arg), -1);
        path[HTTP_URI_MAX - 1] = '\0';
        assert_int_equal(http_path_match("/m/{model}", path, scratch, arg), 0);
        assert_int_equal(strlen(arg[0]), HTTP_URI_MAX - 1 - 3);
}

static void decoding_refuses_what_no_honest_client_sends(void **state)
{
        static const struct {
                const char *in, *out; /* NULL: refused */
        } cases[] = { { "", "" },        { "a%2Bb+c", "a+b c" }, { "%C3%a9", "\xc3\xa9" }, { "%", NULL },
                      { "a%", NULL },    { "a%4", NULL },        { "%G0", NULL },          { "%0g", NULL },
                      { "%00", NULL },   { "%c3", NULL },        { "%ed%a0%80", NULL },    { "%25%32", "%2" },
                      { "%2525", "%25" } };
        char out[64];

        (void) state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                assert_int_equal(http_unescape(cases[i].in, strlen(cases[i].in), true, out), cases[i].out ? 0 : -1);
                if (cases[i].out)
                        assert_string_equal(out, cases[i].out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(patterns_match_whole_paths),
                cmocka_unit_test(a_path_as_long_as_the_scratch_is_the_limit),
                cmocka_unit_test(decoding_refuses_what_no_honest_client_sends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
