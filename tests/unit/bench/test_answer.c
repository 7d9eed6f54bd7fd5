/* Which bytes are an answer, which are the beginning of one, and which are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/load/answer.h"

#define OK "HTTP/1.1 200 OK\r\n"

static void answers_are_read(void **state)
{
        static const struct {
                const char *name, *text;
                int parsed, status;
                bool closes;
                const char *version;
        } cases[] = {
                { "nothing yet", "", 0, 0, false, "" },
                { "half a head", OK "Content-Le", 0, 0, false, "" },
                { "half a body", OK "Content-Length: 10\r\n\r\n12345", 0, 200, false, "" },
                { "a whole one", OK "Content-Length: 2\r\n\r\n{}", 1, 200, false, "" },
                { "names in any case", OK "content-length:2\r\n\r\n{}", 1, 200, false, "" },
                { "an empty body", OK "Content-Length: 0\r\n\r\n", 1, 200, false, "" },
                { "the next one behind it", OK "Content-Length: 0\r\n\r\nHTTP/1.1", 1, 200, false, "" },
                { "the version in the body", OK "Content-Length: 24\r\n\r\n{\"model_version\" : \"12\"}", 1, 200, false, "12" },
                { "the version in the head", "HTTP/1.1 400 X\r\nX-Sluice-Version: 3\r\nContent-Length: 0\r\n\r\n", 1, 400, false,
                  "3" },
                { "a version of any length", OK "X-Sluice-Version: 12345678901234567890\r\nContent-Length: 0\r\n\r\n", 1, 200,
                  false, "123456789012345" },
                { "close", OK "Connection: close\r\nContent-Length: 0\r\n\r\n", 1, 200, true, "" },
                { "HTTP/1.0 closes", "HTTP/1.0 503 Busy\r\nContent-Length: 0\r\n\r\n", 1, 503, true, "" },
                { "another protocol", "SSH-2.0-OpenSSH\r\n", -1, 0, false, "" },
                { "no length", OK "\r\n", -1, 0, false, "" },
                { "a length that is no number", OK "Content-Length: x\r\n\r\n", -1, 0, false, "" },
                { "a length beyond all bounds", OK "Content-Length: 99999999999999999999999\r\n\r\n", -1, 0, false, "" },
                { "chunks", OK "Transfer-Encoding: chunked\r\n\r\n", -1, 0, false, "" },
                { "a status that is none", "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", -1, 0, false, "" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct answer a;
                int parsed = answer_parse(cases[i].text, strlen(cases[i].text), &a, NULL);

                print_message("  %s\n", cases[i].name);
                assert_int_equal(parsed, cases[i].parsed);
                if (parsed < 1)
                        continue;
                assert_int_equal(a.status, cases[i].status);
                assert_int_equal(a.closes, cases[i].closes);
                assert_string_equal(a.version, cases[i].version);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(answers_are_read) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
