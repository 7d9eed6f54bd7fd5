/* Releases as text. */
#include "lib/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/names.h"

struct release_text release_text(int64_t key)
{
        struct release_text t;

        if (release_build(key) == 0)
                snprintf(t.text, sizeof t.text, "%lld", (long long) release_version(key));
        else
                snprintf(t.text, sizeof t.text, "%lld.%d", (long long) release_version(key),
                         release_build(key) % (RELEASE_BUILD_MAX + 1));
        return t;
}

int release_parse(const char *text, int64_t *key, struct err *e)
{
        char version[RELEASE_TEXT_LEN];
        const char *dot = strchr(text, '.');
        int64_t number, build = 0;

        if (strlen(text) >= sizeof version)
                return err_set(e, ERR_INVALID, "release \"%.40s\" is not a number like 7 or 7.1", text);
        snprintf(version, sizeof version, "%.*s", dot ? (int) (dot - text) : (int) strlen(text), text);
        if (version_parse(version, &number, e) < 0)
                return -1;
        if (dot && (version_parse(dot + 1, &build, e) < 0 || build > RELEASE_BUILD_MAX))
                return err_set(e, ERR_INVALID, "release \"%s\" is not a number like 7 or 7.1", text);
        *key = release_key(number, (int) build);
        return 0;
}
