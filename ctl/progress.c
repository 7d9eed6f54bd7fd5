/* Progress of transfers. */
#include "ctl/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/text.h"
#include "lib/clock.h"

enum { DRAW_EVERY_MS = 100, LABEL_WIDTH = 24, LINE_MAX_BYTES = 2048 };

int terminal_width(int fd)
{
        struct winsize size;

        return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void progress_bar(double fraction, int width, struct strbuf *out)
{
        int inner = width - 2, full = (int) (fraction * inner);

        strbuf_addc(out, '[');
        for (int i = 0; i < inner; i++)
                strbuf_addc(out, i < full ? '=' : i == full ? '>' : ' ');
        strbuf_addc(out, ']');
}

/* Bytes a second since the beginning; 0 while it is too early to say. */
static double rate(const struct progress *p, int64_t now_ms)
{
        int64_t ms = now_ms - p->started_ms;

        return ms >= 200 ? (double) (p->done - p->start) * 1000.0 / (double) ms : 0;
}

void progress_text(const struct progress *p, int64_t now_ms, int width, struct strbuf *out)
{
        AUTO_STRBUF tail;
        char done[TEXT_MAX], total[TEXT_MAX], speed[TEXT_MAX], left[TEXT_MAX];
        double fraction = p->total > 0 ? (double) p->done / (double) p->total : 1, per_s = rate(p, now_ms);
        size_t before = out->len;

        strbuf_init(&tail, 256);
        text_bytes(p->done, done);
        text_bytes(p->total, total);
        text_bytes((int64_t) per_s, speed);
        strbuf_addf(&tail, " %3d %%  %s of %s", (int) (fraction * 100), done, total);
        if (per_s > 0) {
                text_duration((int64_t) ((double) (p->total - p->done) * 1000 / per_s / 1000) * 1000, left);
                strbuf_addf(&tail, "  %s/s  %s left", speed, left);
        }
        text_clean(out, p->label, LABEL_WIDTH);
        strbuf_addc(out, ' ');
        int room = width - 1 - (int) text_width(strbuf_str(out) + before) - (int) tail.len;
        if (room >= 8)
                progress_bar(fraction, room > 40 ? 40 : room, out);
        strbuf_adds(out, strbuf_str(&tail));
}

static void draw(struct progress *p, int64_t now_ms)
{
        AUTO_STRBUF line;

        strbuf_init(&line, LINE_MAX_BYTES);
        progress_text(p, now_ms, terminal_width(STDERR_FILENO), &line);
        (void) fprintf(stderr, "\r%s\033[K", strbuf_str(&line));
        p->drawn = true;
        p->drawn_ms = now_ms;
}

void progress_begin(struct progress *p, const struct ctl *c, const char *label, const char *verb, int64_t total, int64_t start)
{
        *p = (struct progress){ .c = c, .label = label, .verb = verb, .total = total, .start = start, .done = start };
        p->started_ms = p->drawn_ms = clock_ms();
}

void progress_add(struct progress *p, int64_t bytes)
{
        p->done += bytes;
        if (!p->c->tty_err || p->c->quiet)
                return;
        int64_t now_ms = clock_ms();
        if (now_ms - p->drawn_ms >= DRAW_EVERY_MS)
                draw(p, now_ms);
}

void progress_clear(struct progress *p)
{
        if (p->drawn)
                (void) fprintf(stderr, "\r\033[K");
        p->drawn = false;
}

void progress_end(struct progress *p)
{
        char bytes[TEXT_MAX], speed[TEXT_MAX];
        double per_s = rate(p, clock_ms());

        progress_clear(p);
        text_bytes(p->done - p->start, bytes);
        text_bytes((int64_t) per_s, speed);
        if (per_s > 0)
                ctl_note(p->c, "%s: %s %s, %s/s", p->label, bytes, p->verb, speed);
        else
                ctl_note(p->c, "%s: %s %s", p->label, bytes, p->verb);
}
