/* Rules for names, paths and version numbers. */
#include "lib/names.h"

#include <stdlib.h>
#include <string.h>

static bool is_alnum(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static int check(const char *what, const char *name, size_t max, struct err *e)
{
        size_t len = strlen(name);

        if (len == 0 || len > max)
                return err_set(e, ERR_INVALID, "%s name must have 1 to %zu characters, not %zu", what, max, len);
        if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != len)
                return err_set(e, ERR_INVALID, "%s name \"%s\" may hold only a-z, 0-9, '.', '_' and '-'", what, name);
        if (!is_alnum(name[0]) || !is_alnum(name[len - 1]))
                return err_set(e, ERR_INVALID, "%s name \"%s\" must begin and end with a letter or digit", what, name);
        if (strstr(name, ".."))
                return err_set(e, ERR_INVALID, "%s name \"%s\" must not hold two dots in a row", what, name);
        return 0;
}

int name_check(const char *what, const char *name, struct err *e)
{
        return check(what, name, NAME_MAX_LEN, e);
}

int target_check(const char *name, struct err *e)
{
        return check("target", name, TARGET_MAX_LEN, e);
}

static int part_check(const char *path, const char *part, size_t len, struct err *e)
{
        if (len == 0)
                return err_set(e, ERR_INVALID, "path \"%s\" has an empty part", path);
        if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
                return err_set(e, ERR_INVALID, "path \"%s\" must not hold \"%.*s\"", path, (int) len, part);
        return 0;
}

int path_check(const char *path, struct err *e)
{
        size_t len = strlen(path);

        if (len == 0 || len > PATH_MAX_LEN)
                return err_set(e, ERR_INVALID, "path must have 1 to %d bytes, not %zu", PATH_MAX_LEN, len);
        for (const char *p = path; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f || *p == '\\')
                        return err_set(e, ERR_INVALID, "path holds byte 0x%02x, which is not allowed", (unsigned char) *p);
        for (const char *part = path;;) {
                const char *end = strchrnul(part, '/');
                if (part_check(path, part, (size_t) (end - part), e))
                        return -1;
                if (!*end)
                        return 0;
                part = end + 1;
        }
}

int version_parse(const char *text, int64_t *number, struct err *e)
{
        size_t len = strlen(text);

        if (len == 0 || len > 10 || strspn(text, "0123456789") != len || text[0] == '0')
                return err_set(e, ERR_INVALID, "version \"%.32s\" is not a number from 1 up", text);
        int64_t v = strtoll(text, NULL, 10);
        if (v > INT32_MAX)
                return err_set(e, ERR_INVALID, "version %s is too large", text);
        *number = v;
        return 0;
}
