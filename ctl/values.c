/* The kinds of values. */
#include "ctl/values.h"

#include <stdint.h>
#include <string.h>

#include "ctl/suggest.h"
#include "lib/names.h"
#include "lib/release.h"
#include "lib/settings.h"
#include "lib/strbuf.h"

static int check_ref(const char *what, const char *text, struct err *e)
{
        int64_t number;

        (void) what;
        if (*text == '@')
                return name_check("alias", text + 1, e);
        if (version_parse(text, &number, e))
                return err_set(e, ERR_INVALID, "\"%.64s\" is neither a version's number (1, 2, ...) nor @ALIAS", text);
        return 0;
}

static int check_version(const char *what, const char *text, struct err *e)
{
        int64_t number;

        (void) what;
        return version_parse(text, &number, e);
}

static int check_target(const char *what, const char *text, struct err *e)
{
        (void) what;
        return target_check(text, e);
}

static int check_release(const char *what, const char *text, struct err *e)
{
        int64_t key;

        (void) what;
        return release_parse(text, &key, e);
}

static int check_alias(const char *what, const char *text, struct err *e)
{
        if (*text == '@')
                return err_set(e, ERR_INVALID, "alias \"%.64s\" is written without the @ here", text);
        return name_check(what, text, e);
}

static int check_pair(const char *what, const char *text, struct err *e)
{
        size_t key = strcspn(text, "=");

        if (text[key] && key > 0 && text[key - 1] == ':')
                key--;
        if (!text[key] || key == 0)
                return err_set(e, ERR_INVALID, "\"%.64s\" is no %s: write KEY=TEXT or KEY:=JSON", text, what);
        return 0;
}

static int check_count(const char *what, const char *text, struct err *e)
{
        size_t len = strlen(text);

        if (len == 0 || len > 9 || strspn(text, "0123456789") != len)
                return err_set(e, ERR_INVALID, "\"%.64s\" is not a %s from 0 up", text, what);
        return 0;
}

static int check_duration(const char *what, const char *text, struct err *e)
{
        int64_t ms;

        (void) what;
        if (duration_parse(text, &ms, e))
                return -1;
        return ms > 0 ? 0 : err_set(e, ERR_INVALID, "it must be more than nothing");
}

static int check_url(const char *what, const char *text, struct err *e)
{
        const char *host = strstr(text, "://");

        if ((strncmp(text, "http://", 7) && strncmp(text, "https://", 8)) || !host[3] || host[3] == '/')
                return err_set(e, ERR_INVALID, "\"%.200s\" is no %s like http://127.0.0.1:8470", text, what);
        if (strpbrk(text, "?# \t\r\n@"))
                return err_set(e, ERR_INVALID, "an address holds no blank and none of ? # @");
        return 0;
}

static const char *const roles[] = { "reader", "writer", "deployer", "admin", NULL };
static const char *const outputs[] = { "table", "json", "name", NULL };
static const char *const shells[] = { "bash", "zsh", NULL };

const struct value_kind value_kinds[VALUE_KINDS] = {
        [VALUE_TEXT] = { "text", NULL, NULL },
        [VALUE_MODEL] = { "model", name_check, NULL },
        [VALUE_NEW_MODEL] = { "model", name_check, NULL },
        [VALUE_TARGET] = { "target", check_target, NULL },
        [VALUE_REGION] = { "region", name_check, NULL },
        [VALUE_VERSION] = { "version", check_version, NULL },
        [VALUE_RELEASE] = { "release", check_release, NULL },
        [VALUE_REF] = { "version", check_ref, NULL },
        [VALUE_ALIAS] = { "alias", check_alias, NULL },
        [VALUE_POLICY] = { "policy", name_check, NULL },
        [VALUE_TOKEN] = { "token", name_check, NULL },
        [VALUE_NEW_TOKEN] = { "token", name_check, NULL },
        [VALUE_ROLE] = { "role", NULL, roles },
        [VALUE_PAIR] = { "metadata", check_pair, NULL },
        [VALUE_COUNT] = { "whole number", check_count, NULL },
        [VALUE_DURATION] = { "duration", check_duration, NULL },
        [VALUE_URL] = { "address", check_url, NULL },
        [VALUE_OUTPUT] = { "output format", NULL, outputs },
        [VALUE_SHELL] = { "shell", NULL, shells },
        [VALUE_FILE] = { "file", NULL, NULL },
        [VALUE_FOLDER] = { "folder", NULL, NULL },
        [VALUE_COMMAND] = { "command", NULL, NULL },
};

enum { CHOICES_MAX_BYTES = 256 };

static int check_choice(const struct value_kind *k, const char *text, struct err *e)
{
        struct suggestion near = { 0 };
        AUTO_STRBUF all;

        strbuf_init(&all, CHOICES_MAX_BYTES);
        for (const char *const *c = k->choices; *c; c++) {
                if (strcmp(*c, text) == 0)
                        return 0;
                suggest_offer(&near, text, *c);
                strbuf_addf(&all, "%s%s", c == k->choices ? "" : c[1] ? ", " : " and ", *c);
        }
        if (near.best)
                return err_set(e, ERR_INVALID, "there is no %s \"%.64s\"; did you mean %s?", k->what, text, near.best);
        return err_set(e, ERR_INVALID, "there is no %s \"%.64s\"; there are %s", k->what, text, strbuf_str(&all));
}

int value_check(enum value kind, const char *where, const char *text, struct err *e)
{
        const struct value_kind *k = &value_kinds[kind];
        int r = 0;

        if (!*text)
                r = err_set(e, ERR_INVALID, "the %s is empty", k->what);
        else if (k->choices)
                r = check_choice(k, text, e);
        else if (k->check)
                r = k->check(k->what, text, e);
        return r ? err_wrap(e, "%s", where) : 0;
}
