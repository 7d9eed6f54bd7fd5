/* Counting answers and failures. */
#include "bench/load/tally.h"

#include <stdio.h>
#include <string.h>

void tally_reset(struct tally *t)
{
        int64_t good_us = t->good_us;

        memset(t, 0, sizeof *t);
        t->good_us = good_us;
}

void tally_sent(struct tally *t, const struct timing *when)
{
        t->sent++;
        t->late += when->sent_us - when->due_us > TALLY_LATE_US;
}

static struct tally_version *version_of(struct tally *t, const char *name)
{
        for (int i = 0; i < t->n_versions; i++)
                if (strcmp(t->versions[i].name, name) == 0)
                        return &t->versions[i];
        if (t->n_versions == TALLY_VERSIONS_MAX)
                return &t->versions[TALLY_VERSIONS_MAX - 1];
        (void) snprintf(t->versions[t->n_versions].name, ANSWER_VERSION_MAX, "%s", name);
        return &t->versions[t->n_versions++];
}

static void count_code(struct tally_version *v, int status)
{
        int i = 0;

        while (i < TALLY_CODES_MAX - 1 && v->codes[i].count > 0 && v->codes[i].status != status)
                i++;
        v->codes[i].status = status;
        v->codes[i].count++;
}

void tally_answer(struct tally *t, const struct timing *when, const struct answer *a, const char *body)
{
        struct tally_version *v = version_of(t, a->version);

        t->answered++;
        t->good += a->status / 100 == 2 && when->done_us - when->due_us <= t->good_us;
        hist_add(&t->latency, when->done_us - when->due_us);
        hist_add(&v->latency, when->done_us - when->due_us);
        count_code(v, a->status);
        if (v->first_sent_us == 0 || when->sent_us < v->first_sent_us)
                v->first_sent_us = when->sent_us;
        if (when->sent_us > v->last_sent_us)
                v->last_sent_us = when->sent_us;
        v->last_done_us = when->done_us;
        if (a->status >= 400 && v->example[0] == '\0')
                (void) snprintf(v->example, sizeof v->example, "%.*s", (int) (a->body_len < 255 ? a->body_len : 255), body);
}

void tally_failure(struct tally *t, enum cause cause)
{
        t->failed[cause]++;
}

static json_t *version_json(const struct tally_version *v)
{
        json_t *codes = json_object(), *out;

        for (int i = 0; i < TALLY_CODES_MAX && v->codes[i].count > 0; i++) {
                char code[16];

                (void) snprintf(code, sizeof code, "%d", v->codes[i].status);
                json_object_set_new(codes, code, json_integer((json_int_t) v->codes[i].count));
        }
        out = json_pack("{s:o, s:o, s:f, s:f, s:f}", "codes", codes, "latency", hist_summary(&v->latency), "first_sent_ms",
                        (double) v->first_sent_us / 1000.0, "last_sent_ms", (double) v->last_sent_us / 1000.0, "last_done_ms",
                        (double) v->last_done_us / 1000.0);
        if (v->example[0] != '\0') {
                json_t *example = json_string(v->example);

                json_object_set_new(out, "example", example ? example : json_string("(not UTF-8)"));
        }
        return out;
}

json_t *tally_json(const struct tally *t)
{
        json_t *versions = json_object();

        for (int i = 0; i < t->n_versions; i++)
                json_object_set_new(versions, t->versions[i].name, version_json(&t->versions[i]));
        return json_pack("{s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I}, s:o, s:o}", "sent", (json_int_t) t->sent, "answered",
                         (json_int_t) t->answered, "late", (json_int_t) t->late, "good", (json_int_t) t->good, "failed", "closed",
                         (json_int_t) t->failed[CAUSE_CLOSED], "timeout", (json_int_t) t->failed[CAUSE_TIMEOUT], "mangled",
                         (json_int_t) t->failed[CAUSE_MANGLED], "not_sent", (json_int_t) t->failed[CAUSE_NOT_SENT], "latency",
                         hist_summary(&t->latency), "versions", versions);
}
