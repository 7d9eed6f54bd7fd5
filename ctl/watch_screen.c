/* The screen of `ctl rollout watch`. */
#include "ctl/watch_screen.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/rollout_view.h"
#include "ctl/text.h"

enum { SCREEN_MAX_BYTES = 64 << 10 };

static bool draws(const struct screen *s)
{
        return s->c->output != OUTPUT_JSON && s->c->tty_out && !s->c->quiet;
}

static void erase(struct screen *s)
{
        if (s->lines)
                (void) printf("\033[%dA\r\033[J", s->lines);
        s->lines = 0;
}

/* "12:03:04  " and the text, cleaned. */
static void stamped_line(const char *text)
{
        char stamp[16];
        struct tm tm;
        time_t now = time(NULL);

        (void) strftime(stamp, sizeof stamp, "%H:%M:%S", localtime_r(&now, &tm));
        output_line("%s  %s", stamp, text);
}

static void print_line(const struct screen *s)
{
        AUTO_STRBUF line;

        strbuf_init(&line, SCREEN_MAX_BYTES);
        view_line(s->shown, &line);
        stamped_line(strbuf_str(&line));
        (void) fflush(stdout);
}

static void draw(struct screen *s, int64_t age_ms)
{
        AUTO_STRBUF picture;

        strbuf_init(&picture, SCREEN_MAX_BYTES);
        view_picture(s->shown, age_ms, terminal_width(STDOUT_FILENO), s->c->color_out, &picture);
        if (*s->note) {
                strbuf_adds(&picture, "  ");
                text_clean(&picture, s->note, 70);
                strbuf_addc(&picture, '\n');
        }
        erase(s);
        (void) fputs(strbuf_str(&picture), stdout);
        for (const char *p = strbuf_str(&picture); *p; p++)
                s->lines += *p == '\n';
        (void) fflush(stdout);
}

void screen_rollout(struct screen *s, json_t *rollout, const char *text)
{
        bool differs = !s->shown || view_differs(s->shown, rollout);

        json_decref(s->shown);
        s->shown = json_incref(rollout);
        if (s->c->output == OUTPUT_JSON) {
                (void) printf("%s\n", text);
                (void) fflush(stdout);
        } else if (draws(s)) {
                draw(s, 0);
        } else if (differs && !s->c->quiet) {
                print_line(s);
        }
}

void screen_event(struct screen *s, const json_t *event)
{
        AUTO_STRBUF line = { 0 };

        if (!draws(s))
                return;
        strbuf_init(&line, SCREEN_MAX_BYTES);
        view_event(event, &line);
        erase(s);
        stamped_line(strbuf_str(&line));
        if (s->shown)
                draw(s, 0);
}

void screen_tick(struct screen *s, int64_t age_ms)
{
        if (draws(s) && s->shown)
                draw(s, age_ms);
}

void screen_end(struct screen *s)
{
        bool drawn = s->lines > 0;

        erase(s);
        if (drawn)
                print_line(s);
}

void screen_done(struct screen *s)
{
        json_decref(s->shown);
        s->shown = NULL;
}
