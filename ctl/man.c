/* The manual page: scdoc(5) source from the command table. */
#include <string.h>

#include "ctl/config.h"
#include "ctl/help.h"
#include "lib/auto.h"

/* Text in which scdoc shall see no markup. */
static void add_escaped(struct strbuf *out, const char *text)
{
        for (const char *start = text; *text; text++) {
                bool line_start = text == start || text[-1] == '\n';
                if (strchr("\\*_<#+[|~`", *text) || (*text == '-' && line_start))
                        strbuf_addc(out, '\\');
                strbuf_addc(out, *text);
                if (*text == '\n') /* each line of the table's texts is a paragraph */
                        strbuf_addc(out, '\n');
        }
}

static void add_flags(struct strbuf *out, const struct flag *list)
{
        for (const struct flag *f = list; f->name; f++) {
                if (f->letter)
                        strbuf_addf(out, "*-%c*, ", f->letter);
                strbuf_addf(out, "*--%s*", f->name);
                if (f->value) {
                        strbuf_adds(out, " ");
                        add_escaped(out, f->value);
                }
                strbuf_adds(out, "\n\t");
                add_escaped(out, f->help);
                strbuf_adds(out, ".\n\n");
        }
}

static void add_command(struct strbuf *out, const struct command *c)
{
        AUTO(str) usage = command_usage(c);

        strbuf_addf(out, "## ctl %s\n\n", c->words);
        add_escaped(out, usage);
        strbuf_adds(out, "\n\n");
        add_escaped(out, c->summary);
        strbuf_adds(out, ".\n\n");
        if (c->text) {
                add_escaped(out, c->text);
                strbuf_adds(out, "\n\n");
        }
        if (c->role)
                strbuf_addf(out, "Role: %s.\n\n", strcmp(c->role, "reader") ? c->role : "any");
        add_flags(out, c->flags);
        strbuf_addf(out, "Example:\n\n```\n%s\n```\n\n", c->example);
}

static void add_settings(struct strbuf *out)
{
        strbuf_adds(out, "# CONFIGURATION\n\nFlags win over the environment, the environment over the file "
                         "_~/.config/sluice/ctl.yaml_ (or the one that *--config* or SLUICE\\_CONFIG names), which holds one "
                         "\"name: value\" a line.\n\n");
        for (const struct setting *s = config_spec.rows; s < config_spec.rows + config_spec.n_rows; s++) {
                strbuf_addf(out, "*%s*\n\t", s->name);
                add_escaped(out, s->help);
                if (*s->fallback) {
                        strbuf_adds(out, " (default ");
                        add_escaped(out, s->fallback);
                        strbuf_adds(out, ")");
                }
                strbuf_adds(out, ".\n\n");
        }
}

static void add_environment(struct strbuf *out)
{
        strbuf_adds(out,
                    "# ENVIRONMENT\n\n"
                    "*SLUICE\\_REGISTRY*, *SLUICE\\_ROLLOUT*, *SLUICE\\_TOKEN*, *SLUICE\\_OUTPUT*, *SLUICE\\_TIMEOUT*\n"
                    "\tThe settings of these names.\n\n"
                    "*SLUICE\\_TOKEN\\_FILE*\n\tThe first line of this file is the token; the key in the configuration file is "
                    "token\\_file. Give the whole path.\n\n"
                    "*NO\\_COLOR*\n\tWhen set and not empty: no colours.\n\n");
}

void help_man(struct strbuf *out)
{
        strbuf_adds(out, "sluice-ctl(1)\n\n# NAME\n\nsluice-ctl, ctl - command line of Sluice, the model registry and rollout "
                         "controller\n\n"
                         "# SYNOPSIS\n\n*ctl* COMMAND [ARGUMENT...] [--FLAG...]\n\n# DESCRIPTION\n\n"
                         "*ctl* pushes models to registryd, steers rollouts through rolloutd, and shows what both know. The "
                         "program is called "
                         "*ctl*; its page is sluice-ctl, because other programs could have a page of the shorter name.\n\n"
                         "# FLAGS OF EVERY COMMAND\n\n");
        add_flags(out, global_flags);
        for (int g = 0; g < GROUP_COUNT; g++) {
                strbuf_adds(out, "# ");
                for (const char *p = group_titles[g]; *p; p++)
                        strbuf_addc(out, *p >= 'a' && *p <= 'z' ? (char) (*p - 'a' + 'A') : *p);
                strbuf_adds(out, "\n\n");
                for (const struct command *c = commands; c < commands + n_commands; c++)
                        if (c->group == (enum group) g)
                                add_command(out, c);
        }
        add_settings(out);
        add_environment(out);
        strbuf_adds(out, "# EXIT STATUS\n\n");
        for (size_t i = 0; i < n_exit_codes; i++) {
                strbuf_addf(out, "*%d*\n\t", exit_codes[i].code);
                add_escaped(out, exit_codes[i].meaning);
                strbuf_adds(out, ".\n\n");
        }
        strbuf_adds(out, "# SEE ALSO\n\n*registryd*(8), *rolloutd*(8), *scorer*(8)\n");
}
