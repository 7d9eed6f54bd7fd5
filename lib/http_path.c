/* Path patterns, and percent-decoding (RFC 3986, 2.1) that refuses what no honest client sends. */
#include "lib/http_path.h"

#include <string.h>

#include "lib/http_server.h"
#include "lib/json.h"

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int http_unescape(const char *in, size_t n, bool plus_is_space, char *out)
{
        const char *end = in + n, *start = out;

        for (; in < end; in++) {
                char c = *in;
                if (c == '%') {
                        int high = end - in > 2 ? hex_value(in[1]) : -1, low = end - in > 2 ? hex_value(in[2]) : -1;
                        if (high < 0 || low < 0)
                                return -1;
                        c = (char) (high << 4 | low);
                        in += 2;
                } else if (c == '+' && plus_is_space) {
                        c = ' ';
                }
                if (!c)
                        return -1;
                *out++ = c;
        }
        *out = '\0';
        return json_is_utf8(start) ? 0 : -1;
}

static bool takes_rest(const char *segment, size_t n)
{
        return n >= 5 && strncmp(segment + n - 4, "...}", 4) == 0;
}

int http_path_match(const char *pattern, const char *path, char scratch[static HTTP_URI_MAX],
                    const char *arg[static HTTP_ARGS_MAX])
{
        int n_args = 0;

        memset(arg, 0, HTTP_ARGS_MAX * sizeof *arg);
        if (strlen(path) >= HTTP_URI_MAX)
                return -1;
        while (*pattern == '/' && *path == '/') {
                const char *want = ++pattern, *got = ++path;
                size_t n_want = strcspn(want, "/"), n_got = strcspn(got, "/");
                bool capture = *want == '{';
                if (capture && takes_rest(want, n_want))
                        n_got = strlen(got);
                if (http_unescape(got, n_got, false, scratch))
                        return -1;
                if (capture ? !*scratch || n_args == HTTP_ARGS_MAX : strlen(scratch) != n_want || memcmp(scratch, want, n_want))
                        return -1;
                if (capture) { /* decoded text is never longer than the path, so scratch is large enough for all of it */
                        arg[n_args++] = scratch;
                        scratch += strlen(scratch) + 1;
                }
                pattern += n_want;
                path += n_got;
        }
        return *pattern || *path ? -1 : 0;
}
