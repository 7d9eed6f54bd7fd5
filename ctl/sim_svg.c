/* Panels of dots as SVG. */
#include "ctl/sim_svg.h"

#include <math.h>
#include <stdio.h>

enum { ROW = 38, TOP = 70, LEFT = 100, PANEL = 400, GAP = 70, ZERO_GAP = 30, MISSED_GAP = 40 };

static const int order[SIM_COLUMNS] = { SIM_JUDGE, SIM_ARGO, SIM_ARGO_3, SIM_FLAGGER, SIM_FLAGGER_5, SIM_KAYENTA, SIM_ZTEST };

struct plot {
        struct strbuf *out;
        double good_x, bad_x; /* where the panels begin; 0: there is none */
        double width;
};

struct mark {
        double at;
        const char *label;
};

/* 0, then 0.02 % to 100 % by decades: good rules and bad ones differ by factors. */
static double share_x(const struct plot *p, double percent)
{
        return p->good_x + (percent < .02 ? 0 : ZERO_GAP + (PANEL - ZERO_GAP) * (log10(percent) + 1.7) / 3.7);
}

/* 5 s to half an hour and beyond, by decades. */
static double time_x(const struct plot *p, double seconds)
{
        return p->bad_x + (PANEL - MISSED_GAP) * log10(fmin(fmax(seconds, 5), 2000) / 5) / log10(400);
}

static void text(const struct plot *p, double x, double y, const char *anchor, const char *words)
{
        strbuf_addf(p->out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, words);
}

static void tick(const struct plot *p, double x, const char *label)
{
        strbuf_addf(p->out, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#ddd\"/>\n", x, TOP - 8, x,
                    TOP + SIM_COLUMNS * ROW);
        text(p, x, TOP - 14, "middle", label);
}

static void axes(const struct plot *p)
{
        static const struct mark shares[] = { { 0, "0" }, { .1, "0.1" }, { 1, "1" }, { 10, "10" }, { 100, "100 %" } };
        static const struct mark times[] = { { 10, "10 s" }, { 30, "30 s" }, { 60, "1 m" }, { 300, "5 m" }, { 900, "15 m" } };

        for (size_t i = 0; p->good_x > 0 && i < sizeof shares / sizeof *shares; i++)
                tick(p, share_x(p, shares[i].at), shares[i].label);
        if (p->good_x > 0)
                text(p, p->good_x, TOP - 40, "start", "good releases: how many are rolled back, a dot a scenario");
        if (p->bad_x <= 0)
                return;
        for (size_t i = 0; i < sizeof times / sizeof *times; i++)
                tick(p, time_x(p, times[i].at), times[i].label);
        tick(p, p->bad_x + PANEL, "missed");
        text(p, p->bad_x, TOP - 40, "start", "bad releases: median time until rolled back, a dot a scenario");
}

static void dot(const struct plot *p, double x, double y, const char *color, const char *name, const char *says)
{
        strbuf_addf(p->out,
                    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\" fill-opacity=\"0.55\"><title>%s: %s</title></circle>\n",
                    x, y, color, name, says);
}

static void one(const struct plot *p, const struct sim_scenario *s, const struct sim_study *st, int column, double y)
{
        const struct sim_column *c = &st->columns[column];
        double percent = 100.0 * c->rolled_back / st->runs, median_s = (double) c->median_ms / 1000;
        char says[80];

        if (s->good) {
                snprintf(says, sizeof says, "%.2f %% rolled back", percent);
                dot(p, share_x(p, percent), y, percent > 1 ? "#c0392b" : "#1e8449", s->name, says);
        } else if (2 * c->rolled_back > st->runs) {
                snprintf(says, sizeof says, "median %.0f s, %.1f %% found", median_s, percent);
                dot(p, time_x(p, median_s), y, "#1f618d", s->name, says);
        } else {
                snprintf(says, sizeof says, "%.1f %% found", percent);
                dot(p, p->bad_x + PANEL, y, "#c0392b", s->name, says);
        }
}

static struct plot lay_out(const struct sim_scenario *scenarios, int n, struct strbuf *out)
{
        struct plot p = { .out = out, .width = LEFT };
        int good = 0;

        for (int i = 0; i < n; i++)
                good += scenarios[i].good;
        if (good > 0) {
                p.good_x = p.width;
                p.width += PANEL + GAP;
        }
        if (good < n) {
                p.bad_x = p.width;
                p.width += PANEL + GAP;
        }
        return p;
}

void sim_svg(const struct sim_scenario *scenarios, const struct sim_study *studies, int n, struct strbuf *out)
{
        struct plot p = lay_out(scenarios, n, out);

        strbuf_addf(
                out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %d\" font-family=\"sans-serif\" font-size=\"13\">\n"
                "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                p.width, TOP + SIM_COLUMNS * ROW + 20);
        axes(&p);
        for (int row = 0; row < SIM_COLUMNS; row++) {
                double y = TOP + ROW * row + ROW / 2.0;

                text(&p, LEFT - 20, y + 4, "end", sim_column_name(order[row]));
                for (int i = 0; i < n; i++)
                        one(&p, &scenarios[i], &studies[i], order[row], y);
        }
        strbuf_adds(out, "</svg>\n");
}
