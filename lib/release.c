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

void release_object_name(const char *rollout, int64_t key, char out[static RELEASE_OBJECT_MAX + 1])
{
        int n = snprintf(out, RELEASE_OBJECT_MAX + 1, "%s-v%lld", rollout, (long long) release_version(key));

        if (release_build(key) && n > 0 && n <= RELEASE_OBJECT_MAX)
                (void) snprintf(out + n, (size_t) (RELEASE_OBJECT_MAX + 1 - n), "-%d", release_build(key));
}

int release_of_object(const char *rollout, const char *object, int64_t *key)
{
        size_t len = strlen(rollout);
        char text[RELEASE_TEXT_LEN], again[RELEASE_OBJECT_MAX + 1];

        if (strncmp(object, rollout, len) != 0 || strncmp(object + len, "-v", 2) != 0)
                return -1;
        if (snprintf(text, sizeof text, "%s", object + len + 2) >= (int) sizeof text)
                return -1;
        char *dash = strchr(text, '-');
        if (dash)
                *dash = '.';
        if (release_parse(text, key, NULL) < 0)
                return -1;
        release_object_name(rollout, *key, again);
        return strcmp(again, object) == 0 ? 0 : -1;
}
