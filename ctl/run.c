/* The program around the commands: parse, load, run, report. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/app.h"
#include "ctl/completion.h"
#include "ctl/handlers.h"
#include "ctl/help.h"
#include "ctl/output.h"
#include "ctl/text.h"
#include "lib/mem.h"
#include "lib/version.h"

void ctl_note(const struct ctl *c, const char *fmt, ...)
{
        AUTO_STRBUF raw = { 0 };
        AUTO_STRBUF clean = { 0 };
        va_list ap;

        if (c->quiet)
                return;
        strbuf_init(&raw, 8192);
        strbuf_init(&clean, 32768);
        va_start(ap, fmt);
        strbuf_addv(&raw, fmt, ap);
        va_end(ap);
        text_clean(&clean, strbuf_str(&raw), 0);
        (void) fprintf(stderr, "ctl: %s\n", strbuf_str(&clean));
}

/* One line for the error, one for what may help. The message can hold a server's words. */
static int report(const struct ctl *c, const struct err *e)
{
        AUTO_STRBUF line;

        strbuf_init(&line, 8192);
        style_add(&line, c->color_err, STYLE_BAD, "ctl:");
        strbuf_addc(&line, ' ');
        text_clean(&line, e->msg, 0);
        strbuf_addc(&line, '\n');
        if (*c->hint) {
                style_add(&line, c->color_err, STYLE_DIM, "hint:");
                strbuf_addc(&line, ' ');
                text_clean(&line, c->hint, 0);
                strbuf_addc(&line, '\n');
        }
        (void) fwrite(strbuf_str(&line), 1, line.len, stderr);
        return err_exit_code(e->kind);
}

/* Hints that depend on the command, when the failure itself brought none. */
static void hint_of_command(struct ctl *c, const struct call *call, const struct err *e)
{
        if (*c->hint)
                return;
        if (e->kind == ERR_FORBIDDEN) /* the server's sentence names the role: one command can need several */
                (void) snprintf(c->hint, sizeof c->hint, "ctl whoami shows whose token this is and its role");
        else if (e->kind == ERR_CONFLICT && call->cmd->group == GROUP_ROLLOUTS && call->n_args)
                (void) snprintf(c->hint, sizeof c->hint, "ctl rollout status %s shows what is under way", call->args[0]);
        else if (e->kind == ERR_INVALID && strcmp(call->cmd->words, "rollout start") == 0)
                (void) snprintf(c->hint, sizeof c->hint, "ctl policies and ctl versions %s list what there is", call->args[0]);
        else if (e->kind == ERR_PRECONDITION && call->n_args > 1)
                (void) snprintf(c->hint, sizeof c->hint, "somebody moved it; ctl alias %s %s shows where it is now",
                                call->args[0], call->args[1]);
}

static void terminal_init(struct ctl *c, const struct call *call)
{
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
        bool plain = call_has(call, "no-color") || (no_color && *no_color) || !term || strcmp(term, "dumb") == 0;

        c->quiet = call_has(call, "quiet");
        c->tty_out = isatty(STDOUT_FILENO);
        c->tty_err = isatty(STDERR_FILENO);
        c->color_out = c->tty_out && !plain;
        c->color_err = c->tty_err && !plain;
}

static int output_parse(const char *text)
{
        return strcmp(text, "json") == 0 ? OUTPUT_JSON : strcmp(text, "name") == 0 ? OUTPUT_NAME : OUTPUT_TABLE;
}

/* --help, --man, --version: text from the tables, whatever else was said. */
static int print_self(const struct call *call, struct err *e)
{
        AUTO_STRBUF out;

        strbuf_init(&out, HELP_MAX_BYTES);
        if (call_has(call, "man"))
                help_man(&out);
        else if (call_has(call, "help") && help_topic(call->topic, &out, e))
                return -1;
        else if (!call_has(call, "help"))
                strbuf_addf(&out, "ctl %s\n", SLUICE_VERSION);
        (void) fwrite(strbuf_str(&out), 1, out.len, stdout);
        return 0;
}

static int run(struct ctl *c, int argc, char **argv, struct call *call, struct err *e)
{
        if (call_parse(argc, argv, call, e)) {
                (void) snprintf(c->hint, sizeof c->hint, "ctl help%s%s", *call->topic ? " " : "", call->topic);
                return -1;
        }
        if (call_has(call, "help") || call_has(call, "man") || call_has(call, "version"))
                return print_self(call, e);
        terminal_init(c, call);
        if (!call->cmd->local) {
                if (config_load(call, &c->set, e))
                        return -1;
                c->output = output_parse(c->set.output);
        } else if (call_flag(call, "output")) {
                c->output = output_parse(call_flag(call, "output"));
        }
        int r = call->cmd->run(c, call, e);
        if (r < 0)
                hint_of_command(c, call, e);
        return r;
}

int ctl_main(int argc, char **argv)
{
        struct ctl c = { .color_err = false };
        struct err e = { 0 }, broken = { 0 };
        AUTO_CALL call = { 0 };

        mem_init();
        text_init();
        (void) signal(SIGPIPE, SIG_IGN);
        if (argc > 1 && strcmp(argv[1], "__complete") == 0) {
                AUTO_STRBUF out;
                strbuf_init(&out, HELP_MAX_BYTES);
                complete_words(argv + 2, &out);
                (void) fwrite(strbuf_str(&out), 1, out.len, stdout);
                return output_finish(&broken) ? 1 : 0;
        }
        int code = run(&c, argc, argv, &call, &e);
        int unwritten = output_finish(&broken); /* before the error, so that they come in order */
        if (code < 0)
                code = report(&c, &e);
        else if (unwritten)
                code = report(&c, &broken);
        config_done(&c.set);
        return code;
}
