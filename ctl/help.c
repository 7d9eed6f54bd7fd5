/* `ctl help` and --help. */
#include "ctl/help.h"

#include <stdio.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/mem.h"
#include "lib/version.h"

enum { WIDTH = 79 };

static void indent_by(struct strbuf *out, int n)
{
        while (n-- > 0)
                strbuf_addc(out, ' ');
}

/* Up to the next blank or line end; blanks inside [brackets] do not count, so that "[--flag VALUE]" stays whole. */
static int word_length(const char *text)
{
        int n = 0, depth = 0;

        for (; text[n] && text[n] != '\n' && (text[n] != ' ' || depth > 0); n++)
                depth += (text[n] == '[') - (text[n] == ']');
        return n;
}

void help_wrap(struct strbuf *out, const char *text, int indent, int width)
{
        int column = 0;

        while (*text) {
                int len = word_length(text);
                if (column && column + 1 + len > width) {
                        strbuf_addc(out, '\n');
                        column = 0;
                }
                if (column)
                        strbuf_addc(out, ' ');
                else
                        indent_by(out, indent);
                column = column ? column + 1 + len : indent + len;
                strbuf_add(out, text, (size_t) len);
                text += len;
                if (*text == '\n') {
                        strbuf_addc(out, '\n');
                        column = 0;
                }
                text += *text != '\0';
        }
        if (column)
                strbuf_addc(out, '\n');
}

static char *flag_label(const struct flag *f)
{
        char letter[] = "-x, ";

        letter[1] = f->letter;
        return xasprintf("%s--%s%s%s", f->letter ? letter : "    ", f->name, f->value ? " " : "", f->value ? f->value : "");
}

static void print_flags(const struct flag *list, struct strbuf *out)
{
        enum { HELP_COLUMN = 30 };

        for (const struct flag *f = list; f->name; f++) {
                AUTO(str) label = flag_label(f);
                AUTO_STRBUF help;
                strbuf_init(&help, HELP_MAX_BYTES);
                help_wrap(&help, f->help, HELP_COLUMN, WIDTH);
                if (strlen(label) + 4 > HELP_COLUMN)
                        strbuf_addf(out, "  %s\n%s", label, strbuf_str(&help));
                else
                        strbuf_addf(out, "  %-*s%s", HELP_COLUMN - 2, label, strbuf_str(&help) + HELP_COLUMN);
        }
}

static void print_rows(enum group g, const char *prefix, struct strbuf *out)
{
        for (const struct command *c = commands; c < commands + n_commands; c++)
                if (c->group == g && strncmp(c->words, prefix, strlen(prefix)) == 0)
                        strbuf_addf(out, "  %-16s %s\n", c->words, c->summary);
}

void help_overview(struct strbuf *out)
{
        strbuf_addf(out,
                    "ctl %s: command line of Sluice, the model registry and rollout controller\n\n"
                    "usage: ctl COMMAND [ARGUMENT...] [--FLAG...]\n",
                    SLUICE_VERSION);
        for (int g = 0; g < GROUP_COUNT; g++) {
                strbuf_addf(out, "\n%s\n", group_titles[g]);
                print_rows(g, "", out);
        }
        strbuf_adds(out, "\nFlags of every command\n");
        print_flags(global_flags, out);
        strbuf_adds(out, "\n");
        help_wrap(out,
                  "Settings come from flags, then from the environment (SLUICE_REGISTRY, SLUICE_ROLLOUT, SLUICE_TOKEN, "
                  "SLUICE_TOKEN_FILE, SLUICE_OUTPUT, SLUICE_TIMEOUT), then from ~/.config/sluice/ctl.yaml (registry, rollout, "
                  "token_file, output, timeout; one \"name: value\" a line).\n"
                  "ctl help COMMAND explains one command; ctl --man | scdoc makes the manual, which lists the exit codes.",
                  0, WIDTH);
}

void help_command(const struct command *cmd, struct strbuf *out)
{
        AUTO(str) usage = command_usage(cmd);

        strbuf_addf(out, "ctl %s: %s\n\nusage:\n", cmd->words, cmd->summary);
        help_wrap(out, usage, 2, WIDTH);
        if (cmd->text) {
                strbuf_adds(out, "\n");
                help_wrap(out, cmd->text, 0, WIDTH);
        }
        if (cmd->flags->name) {
                strbuf_adds(out, "\nflags:\n");
                print_flags(cmd->flags, out);
        }
        strbuf_addf(out, "\nexample:\n  %s\n\n", cmd->example);
        if (cmd->role && strcmp(cmd->role, "reader") == 0)
                strbuf_adds(out, "Needs a token; every role may read.\n");
        else if (cmd->role)
                strbuf_addf(out, "Needs a token with the role %s%s.\n", cmd->role, strcmp(cmd->role, "admin") ? " or admin" : "");
        strbuf_adds(out, "Flags of every command: ctl help.\n");
}

int help_topic(const char *topic, struct strbuf *out, struct err *e)
{
        const struct command *cmd = command_find(topic);
        AUTO(str) prefix = xasprintf("%s ", topic);
        bool any = false;

        if (!*topic)
                return help_overview(out), 0;
        if (cmd)
                return help_command(cmd, out), 0;
        for (const struct command *c = commands; c < commands + n_commands; c++)
                any |= strncmp(c->words, prefix, strlen(prefix)) == 0;
        if (!any)
                return err_set(e, ERR_INVALID, "there is no command \"%.60s\"; ctl help lists them", topic);
        strbuf_addf(out, "usage: ctl %s COMMAND [ARGUMENT...] [--FLAG...]\n\n", topic);
        for (int g = 0; g < GROUP_COUNT; g++)
                print_rows(g, prefix, out);
        strbuf_addf(out, "\nctl help %s COMMAND explains one.\n", topic);
        return 0;
}
