/* The command line parser, driven by the command table. */
#include "ctl/parse.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/suggest.h"
#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/strbuf.h"

enum { WORD_MAX = 63 };

static const struct flag *find_in(const struct flag *list, const char *name, size_t len)
{
        for (; list->name; list++)
                if (strlen(list->name) == len && strncmp(list->name, name, len) == 0)
                        return list;
        return NULL;
}

static const struct flag *find_letter(const struct flag *list, char letter)
{
        for (; list->name; list++)
                if (list->letter == letter)
                        return list;
        return NULL;
}

static void offer_flags(struct suggestion *s, const char *typed, const struct flag *list)
{
        for (; list->name; list++)
                suggest_offer(s, typed, list->name);
}

static int no_such_flag(const struct call *c, const char *word, size_t len, struct err *e)
{
        struct suggestion near = { 0 };
        AUTO(str) name = xstrndup(word, len);
        const char *who = c->cmd ? c->cmd->words : "ctl";

        if (strcmp(name, "token") == 0)
                return err_set(e, ERR_INVALID,
                               "a token does not go on the command line, where others can read it: use --token-file, "
                               "SLUICE_TOKEN_FILE or SLUICE_TOKEN");
        offer_flags(&near, name, global_flags);
        if (c->cmd)
                offer_flags(&near, name, c->cmd->flags);
        if (near.best)
                return err_set(e, ERR_INVALID, "%s has no flag --%.40s; did you mean --%s?", who, name, near.best);
        if (!c->cmd)
                return err_set(e, ERR_INVALID, "ctl has no flag --%.40s before the command; see ctl help", name);
        return err_set(e, ERR_INVALID, "%s has no flag --%.40s; see ctl help %s", who, name, who);
}

static void add_flag(struct call *c, const struct flag *row, const char *value)
{
        c->flags = xrealloc(c->flags, c->n_flags + 1, sizeof *c->flags);
        c->flags[c->n_flags++] = (struct given_flag){ row, value };
}

/* `value` was joined to the flag, or is NULL; then the next word may be taken. */
static int take_flag(struct call *c, const struct flag *row, const char *value, char ***next, struct err *e)
{
        AUTO(str) where = xasprintf("--%s", row->name);

        if (row->kind == VALUE_NONE) {
                if (value)
                        return err_set(e, ERR_INVALID, "%s stands alone, without a value", where);
                add_flag(c, row, "");
                return 0;
        }
        if (!value && **next && strncmp(**next, "--", 2))
                value = *(*next)++;
        c->pending = !value && !**next ? row : NULL;
        if (!value)
                return err_set(e, ERR_INVALID, "%s needs a value: %s %s", where, where, row->value);
        add_flag(c, row, value);
        return value_check(row->kind, where, value, e);
}

static int long_flag(struct call *c, const char *word, char ***next, struct err *e)
{
        size_t len = strcspn(word, "=");
        const struct flag *row = c->cmd ? find_in(c->cmd->flags, word, len) : NULL;

        if (!row)
                row = find_in(global_flags, word, len);
        if (!row)
                return no_such_flag(c, word, len, e);
        return take_flag(c, row, word[len] ? word + len + 1 : NULL, next, e);
}

/* -o json, -ojson, and letters in a row: -qo json. */
static int short_flags(struct call *c, const char *word, char ***next, struct err *e)
{
        for (; *word; word++) {
                const struct flag *row = c->cmd ? find_letter(c->cmd->flags, *word) : NULL;
                if (!row)
                        row = find_letter(global_flags, *word);
                if (!row)
                        return err_set(e, ERR_INVALID, "there is no flag -%c; see ctl %s --help", *word, c->topic);
                if (row->kind != VALUE_NONE)
                        return take_flag(c, row, word[1] ? word + 1 + (word[1] == '=') : NULL, next, e);
                add_flag(c, row, "");
        }
        return 0;
}

/* Whether some command's words begin with these whole words. */
static bool is_prefix(const char *words)
{
        size_t len = strlen(words);

        for (const struct command *r = commands; r < commands + n_commands; r++)
                if (strncmp(r->words, words, len) == 0 && (r->words[len] == ' ' || !r->words[len]))
                        return true;
        return false;
}

/* The first word of two-word commands that is nearest to what was typed; *distance as in a suggestion. "" if none is near. */
static void near_group(const char *tried, char out[static WORD_MAX + 1], size_t *distance)
{
        *out = '\0';
        *distance = SIZE_MAX;
        for (const struct command *r = commands; r < commands + n_commands; r++) {
                struct suggestion s = { 0 };
                AUTO(str) first = xstrndup(r->words, strcspn(r->words, " "));
                if (strchr(r->words, ' '))
                        suggest_offer(&s, tried, first);
                if (!s.best || s.distance >= *distance)
                        continue;
                *distance = s.distance;
                (void) snprintf(out, WORD_MAX + 1, "%s", first);
        }
}

static int no_such_command(const char *topic, const char *tried, struct err *e)
{
        struct suggestion near = { 0 };
        char group[WORD_MAX + 1];
        size_t distance;

        for (const struct command *r = commands; r < commands + n_commands; r++)
                suggest_offer(&near, tried, r->words);
        near_group(tried, group, &distance); /* "rolout" for "rollout" */
        if (*group && (!near.best || distance < near.distance)) {
                near.best = group;
                near.distance = distance;
        }
        /* "start" for "rollout start" */
        for (const struct command *r = commands; !near.best && !*topic && r < commands + n_commands; r++)
                if (strchr(r->words, ' ') && strcmp(strchr(r->words, ' ') + 1, tried) == 0)
                        near.best = r->words;
        if (near.best)
                return err_set(e, ERR_INVALID, "there is no command \"%.60s\"; did you mean %s?", tried, near.best);
        return err_set(e, ERR_INVALID, "there is no command \"%.60s\"; ctl help %s%slists them", tried, topic, *topic ? " " : "");
}

/* One more word: of the command as long as it is open, else an argument. */
static int take_word(struct call *c, const char *word, struct err *e)
{
        if (!c->cmd) {
                AUTO(str) words = xasprintf("%s%s%s", c->topic, *c->topic ? " " : "", word);
                if (!*word || !is_prefix(words))
                        return no_such_command(c->topic, words, e);
                (void) snprintf(c->topic, sizeof c->topic, "%s", words);
                c->cmd = command_find(words);
                return 0;
        }
        c->args = xrealloc(c->args, c->n_args + 2, sizeof *c->args);
        c->args[c->n_args++] = word;
        c->args[c->n_args] = NULL;
        return 0;
}

static int parse_words(char **next, struct call *c, struct err *e)
{
        bool flags_over = false;

        while (*next) {
                const char *word = *next++;
                int r;
                if (!flags_over && strcmp(word, "--") == 0) {
                        flags_over = true;
                        continue;
                }
                if (!flags_over && word[0] == '-' && word[1] == '-')
                        r = long_flag(c, word + 2, &next, e);
                else if (!flags_over && word[0] == '-' && word[1])
                        r = short_flags(c, word + 1, &next, e);
                else
                        r = take_word(c, word, e);
                if (r)
                        return -1;
        }
        return 0;
}

static int incomplete(const struct call *c, struct err *e)
{
        AUTO_STRBUF list = { 0 };
        size_t len = strlen(c->topic);

        if (!len)
                return err_set(e, ERR_INVALID, "no command given; ctl help lists them");
        strbuf_init(&list, 200);
        for (const struct command *r = commands; r < commands + n_commands; r++)
                if (strncmp(r->words, c->topic, len) == 0)
                        strbuf_addf(&list, "%s%s", list.len ? ", " : "", r->words + len + 1);
        return err_set(e, ERR_INVALID, "%s what? One of: %s", c->topic, strbuf_str(&list));
}

static int check_args(const struct call *c, struct err *e)
{
        const struct arg *spec = c->cmd->args;
        size_t i = 0;

        for (; i < c->n_args; i++) {
                if (!spec->name || spec == c->cmd->args + ARGS_MAX) {
                        AUTO(str) usage = command_usage(c->cmd);
                        return err_set(e, ERR_INVALID, "\"%.64s\" is one argument too many; usage: %s", c->args[i], usage);
                }
                if (value_check(spec->kind, spec->name, c->args[i], e))
                        return -1;
                if (!spec->many)
                        spec++;
        }
        /* a `many` that got at least one is satisfied */
        bool missing = spec < c->cmd->args + ARGS_MAX && spec->name && !spec->optional;
        if (missing && !(spec->many && i > 0 && (size_t) (spec - c->cmd->args) < i)) {
                AUTO(str) usage = command_usage(c->cmd);
                return err_set(e, ERR_INVALID, "%s needs %s; usage: %s", c->cmd->words, spec->name, usage);
        }
        return 0;
}

int call_parse(int argc, char **argv, struct call *out, struct err *e)
{
        *out = (struct call){ 0 };
        if (parse_words(argv + (argc > 0), out, e)) {
                /* a mistake beside --help is what --help is asked for */
                for (char **a = argv + (argc > 0); *a; a++)
                        if (strcmp(*a, "--help") == 0 || strcmp(*a, "-h") == 0)
                                return add_flag(out, find_letter(global_flags, 'h'), ""), 0;
                return -1;
        }
        if (call_has(out, "help") || call_has(out, "man") || call_has(out, "version"))
                return 0;
        if (!out->cmd)
                return incomplete(out, e);
        return check_args(out, e);
}

int call_parse_more(char **words, struct call *c)
{
        return parse_words(words, c, NULL) && !c->pending ? -1 : 0;
}

void call_done(struct call *c)
{
        free(c->args);
        free(c->flags);
        *c = (struct call){ 0 };
}

const char *call_arg(const struct call *c, size_t i)
{
        return i < c->n_args ? c->args[i] : NULL;
}

const char *call_each(const struct call *c, const char *flag, size_t *i)
{
        assert(find_in(global_flags, flag, strlen(flag)) || (c->cmd && find_in(c->cmd->flags, flag, strlen(flag))));
        while (*i < c->n_flags) {
                const struct given_flag *f = &c->flags[(*i)++];
                if (strcmp(f->row->name, flag) == 0)
                        return f->value;
        }
        return NULL;
}

const char *call_flag(const struct call *c, const char *flag)
{
        const char *last = NULL, *value;

        for (size_t i = 0; (value = call_each(c, flag, &i));)
                last = value;
        return last;
}

bool call_has(const struct call *c, const char *flag)
{
        return call_flag(c, flag) != NULL;
}
