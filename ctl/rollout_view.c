/* Rollouts as text. */
#include "ctl/rollout_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/text.h"
#include "lib/auto.h"
#include "lib/mem.h"

static const struct phase_view phases[] = {
        { "IDLE", OUTCOME_IDLE, STYLE_DIM },
        { "PENDING", OUTCOME_UNDER_WAY, STYLE_BUSY },
        { "CANARY", OUTCOME_UNDER_WAY, STYLE_BUSY },
        { "PROMOTING", OUTCOME_UNDER_WAY, STYLE_BUSY },
        { "DONE", OUTCOME_DONE, STYLE_GOOD },
        { "ROLLING_BACK", OUTCOME_UNDER_WAY, STYLE_BAD },
        { "ROLLED_BACK", OUTCOME_ROLLED_BACK, STYLE_BAD },
};
static const struct phase_view unknown_phase = { "?", OUTCOME_UNDER_WAY, STYLE_PLAIN };

const struct phase_view *view_phase(const json_t *rollout)
{
        const char *name = json_str(rollout, "phase");

        for (size_t i = 0; name && i < sizeof phases / sizeof *phases; i++)
                if (strcmp(phases[i].name, name) == 0)
                        return &phases[i];
        return &unknown_phase;
}

struct release_name view_release(const json_t *doc, const char *release, const char *version)
{
        const char *text = json_str(doc, release);
        int64_t number = json_num(doc, version, 0);
        struct release_name r = { "" };

        if (text)
                (void) snprintf(r.text, sizeof r.text, "%s", text);
        else if (number)
                (void) snprintf(r.text, sizeof r.text, "%" PRId64, number);
        return r;
}

void view_versions(const json_t *rollout, struct strbuf *out)
{
        const struct phase_view *phase = view_phase(rollout);
        const struct release_name stable = view_release(rollout, "stable_release", "stable");
        const struct release_name candidate = view_release(rollout, "candidate_release", "candidate");
        bool back = strcmp(phase->name, "ROLLING_BACK") == 0;
        const char *from = back ? candidate.text : stable.text, *to = back ? stable.text : candidate.text;

        if (phase->outcome != OUTCOME_UNDER_WAY || !*to)
                from = "", to = stable.text;
        if (*from && strcmp(from, to) != 0)
                strbuf_addf(out, "%s -> ", from);
        strbuf_adds(out, *to ? to : "-");
}

static double step_weight(const json_t *rollout, size_t i)
{
        const json_t *step = json_array_get(json_object_get(rollout, "steps"), i);

        return json_is_number(step) ? json_number_value(step) : -1;
}

/* The step that is on now, counted from 0; past the end when all are behind. */
static size_t present_step(const json_t *rollout, size_t n)
{
        int64_t step = json_num(rollout, "step", 0);

        return step < 0 || (size_t) step > n ? n : (size_t) step;
}

void view_steps(const json_t *rollout, bool color, struct strbuf *out)
{
        size_t n = json_array_size(json_object_get(rollout, "steps")), now = present_step(rollout, n);
        const struct phase_view *phase = view_phase(rollout);
        bool under_way = phase->outcome == OUTCOME_UNDER_WAY && json_object_get(rollout, "phase"); /* a policy has none */

        for (size_t i = 0; i < n; i++) {
                char pct[TEXT_MAX];
                bool on = under_way && i == now;
                text_percent(step_weight(rollout, i), pct);
                AUTO(str) text = on && !color ? xasprintf("[%s]", pct) : xstrdup(pct);
                strbuf_adds(out, i ? " > " : "");
                style_add(out, color, on ? STYLE_BOLD : i < now || phase->outcome == OUTCOME_DONE ? STYLE_GOOD : STYLE_DIM, text);
        }
}

/* The verdict's sentence, else what the rollout waits for. The caller frees it. */
static char *sentence(const json_t *rollout)
{
        const json_t *verdict = json_object_get(rollout, "verdict");
        const char *state = json_str(verdict, "state"), *reason = json_str(verdict, "reason");
        const char *message = json_str(rollout, "message");

        if (state && reason && *reason)
                return xasprintf("%s: %s", state, reason);
        return xstrdup(state ? state : message ? message : "");
}

static void add_weights(const json_t *rollout, struct strbuf *out)
{
        char asked[TEXT_MAX], observed[TEXT_MAX];

        text_percent(json_dbl(rollout, "weight_asked", -1), asked);
        text_percent(json_dbl(rollout, "weight_observed", -1), observed);
        strbuf_addf(out, "asked %s, observed %s", asked, observed);
}

static void add_hold(const json_t *rollout, int64_t age_ms, struct strbuf *out)
{
        int64_t left = json_num(rollout, "hold_left_ms", -1);
        char text[TEXT_MAX];

        if (json_is_true(json_object_get(rollout, "paused"))) {
                strbuf_adds(out, ", paused");
        } else if (left >= 0) {
                text_duration((left > age_ms ? left - age_ms + 999 : 0) / 1000 * 1000, text);
                strbuf_addf(out, ", hold left %s", text);
        }
}

void view_line(const json_t *rollout, struct strbuf *out)
{
        AUTO(str) why = sentence(rollout);
        const char *message = json_str(rollout, "message");

        strbuf_addf(out, "%-12s  ", view_phase(rollout)->name);
        view_versions(rollout, out);
        if (view_phase(rollout)->outcome == OUTCOME_UNDER_WAY) {
                strbuf_adds(out, "  ");
                add_weights(rollout, out);
                add_hold(rollout, 0, out);
        }
        if (message && *message)
                strbuf_addf(out, "  %s", message);
        if (*why && (!message || strcmp(why, message) != 0))
                strbuf_addf(out, "  (%s)", why);
}

/* Text that may come from a server, no wider than the screen. */
static void add_clipped(struct strbuf *out, const char *text, int width, bool color, enum style style)
{
        AUTO_STRBUF clean;

        strbuf_init(&clean, 16384);
        text_clean(&clean, text, (size_t) (width > 8 ? width : 8));
        style_add(out, color, style, strbuf_str(&clean));
        strbuf_addc(out, '\n');
}

static enum style verdict_style(const json_t *rollout)
{
        const char *state = json_str(json_object_get(rollout, "verdict"), "state");

        if (!state)
                return STYLE_PLAIN;
        return strcmp(state, "healthy") == 0 ? STYLE_GOOD : strcmp(state, "breach") == 0 ? STYLE_BAD : STYLE_BUSY;
}

void view_picture(const json_t *rollout, int64_t age_ms, int width, bool color, struct strbuf *out)
{
        const struct phase_view *phase = view_phase(rollout);
        const char *target = json_str(rollout, "target"), *policy = json_str(rollout, "policy");
        const char *message = json_str(rollout, "message");
        AUTO(str) why = sentence(rollout);
        AUTO_STRBUF head;
        AUTO_STRBUF numbers;

        strbuf_init(&head, 4096);
        strbuf_init(&numbers, 4096);
        strbuf_addf(&head, "%s  ", target ? target : "?");
        view_versions(rollout, &head);
        if (policy)
                strbuf_addf(&head, "  policy %s", policy);
        add_clipped(out, strbuf_str(&head), width, color, STYLE_BOLD);
        strbuf_adds(out, "  ");
        view_steps(rollout, color, out); /* a dozen short numbers at most */
        strbuf_addc(out, '\n');
        add_weights(rollout, &numbers);
        add_hold(rollout, age_ms, &numbers);
        strbuf_adds(out, "  ");
        progress_bar(json_dbl(rollout, "weight_asked", 0) / 100, width > 60 ? 32 : 12, out);
        strbuf_addc(out, ' ');
        add_clipped(out, strbuf_str(&numbers), width - (width > 60 ? 35 : 15), false, STYLE_PLAIN);
        AUTO(str) state = xasprintf("  %s%s%s", phase->name, message && *message ? ": " : "", message ? message : "");
        add_clipped(out, state, width, color, phase->style);
        AUTO(str) verdict = xasprintf("  %s", message && strcmp(why, message) == 0 ? "" : why);
        add_clipped(out, verdict, width, color, verdict_style(rollout));
}

void view_event(const json_t *event, struct strbuf *out)
{
        const char *kind = json_str(event, "kind"), *from = json_str(event, "from"), *to = json_str(event, "to");
        const char *why = json_str(event, "why"), *actor = json_str(event, "actor");
        double weight = json_dbl(event, "weight", -1);
        char pct[TEXT_MAX];

        strbuf_adds(out, kind ? kind : "?");
        if (from && to && strcmp(from, to) != 0)
                strbuf_addf(out, "  %s -> %s", from, to);
        text_percent(weight, pct);
        if (weight >= 0)
                strbuf_addf(out, "  %s", pct);
        if (why && *why)
                strbuf_addf(out, "  %s", why);
        if (actor && *actor)
                strbuf_addf(out, "  (%s)", actor);
}

static bool same(const json_t *a, const json_t *b, const char *key)
{
        const json_t *va = json_object_get(a, key), *vb = json_object_get(b, key);

        return (!va && !vb) || json_equal(va, vb);
}

/* A message that counts down is no news each second: digits do not count. */
static bool same_words(const char *a, const char *b)
{
        static const char digits[] = "0123456789.";

        while (a && b && *a && *b) {
                a += strspn(a, digits);
                b += strspn(b, digits);
                if (*a != *b)
                        return false;
                a += *a != '\0';
                b += *b != '\0';
        }
        return (!a || !a[strspn(a, digits)]) && (!b || !b[strspn(b, digits)]);
}

bool view_differs(const json_t *a, const json_t *b)
{
        static const char *const keys[] = { "rollout_id", "phase",        "stable_release", "candidate_release",
                                            "step",       "weight_asked", "paused" };

        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
                if (!same(a, b, keys[i]))
                        return true;
        return !same(json_object_get(a, "verdict"), json_object_get(b, "verdict"), "state") ||
               !same_words(json_str(a, "message"), json_str(b, "message"));
}
