// with: lib/http_path.c lib/json.c lib/utf8.c lib/strbuf.c lib/mem.c lib/err.c
/* Paths and escapes from anywhere: captures stay inside the scratch, and whatever matches is decoded UTF-8. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http_path.h"
#include "lib/http_server.h"
#include "lib/json.h"
#include "lib/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const patterns[] = { "/", "/v1/models/{model}", "/v1/models/{model}/versions/{ref}/files/{path...}",
                                                "/{a}/{b}/{c}/{d}" };
        char *path = xstrndup((const char *) data, size), *scratch = xmalloc(HTTP_URI_MAX), *out = xmalloc(strlen(path) + 1);
        const char *arg[HTTP_ARGS_MAX];

        for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
                if (http_path_match(patterns[i], path, scratch, arg))
                        continue;
                for (int k = 0; k < HTTP_ARGS_MAX && arg[k]; k++) {
                        assert(arg[k] >= scratch && arg[k] + strlen(arg[k]) < scratch + HTTP_URI_MAX);
                        assert(*arg[k] && json_is_utf8(arg[k]));
                }
        }
        if (http_unescape(path, strlen(path), true, out) == 0)
                assert(json_is_utf8(out) && strlen(out) <= strlen(path));
        free(out);
        free(scratch);
        free(path);
        return 0;
}
