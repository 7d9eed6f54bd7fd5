/* Decisions to the spool, and from there to the registry. */
#include "rolloutd/decision_log.h"

#include <stdlib.h>
#include <string.h>

#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "rolloutd/verdict_json.h"

static const struct backoff_policy backoff = { .base_ms = 500, .cap_ms = 60000 };

struct decision_log {
        void (*send)(struct registry *registry, char *body, registry_body_fn done, void *arg);
        struct registry *registry;
        struct spool *spool;
        char *region;
        bool sending;
        int n_sending, most; /* decisions in the batch under way, and in the next at most */
        int64_t at_ms;       /* not before */
        struct backoff backoff;
        bool away, disk_refused; /* warned once, until it works again */
        uint64_t refused, dropped;
};

void decision_log_add(struct decision_log *log, const struct decision *d)
{
        AUTO(json)
        doc = json_pack("{s:s, s:s, s:I, s:s, s:o}", "target", d->target, "model", d->model, "epoch", (json_int_t) d->epoch,
                        "reason", d->reason, "event", event_to_json(d->event));
        AUTO(str) text = json_text(doc);

        spool_add(log->spool, text, clock_wall_ms());
}

/* --- what happened to the disk, told once --- */

static void look_at_disk(struct decision_log *log)
{
        struct spool_stats st;

        spool_get_stats(log->spool, &st);
        if (st.trouble->kind && !log->disk_refused)
                LOG_WARN("decisions are kept in memory, because the disk refuses them", "error", st.trouble->msg);
        else if (!st.trouble->kind && log->disk_refused)
                LOG_INFO("decisions are kept on disk again");
        log->disk_refused = st.trouble->kind != ERR_NONE;
        if (st.dropped > log->dropped)
                LOG_WARN("there is no room for decisions that the registry does not know yet",
                         LOG_INT("dropped", (int64_t) st.dropped));
        log->dropped = st.dropped;
}

/* --- sending --- */

static void succeeded(struct decision_log *log)
{
        if (log->away)
                LOG_INFO("the registry takes decisions again");
        log->away = false;
        log->backoff = (struct backoff){ 0 };
        log->at_ms = 0;
        log->most = SPOOL_BATCH_MAX;
        spool_take(log->spool);
}

/* Something in the batch is not to the registry's liking: find it by halves, and leave it out. */
static void refused(struct decision_log *log, const struct err *failure)
{
        if (log->n_sending > 1) {
                log->most = log->n_sending / 2;
                return;
        }
        LOG_ERROR("the registry refuses a decision, which will not be in its log", "error", failure->msg);
        log->refused++;
        spool_take(log->spool);
}

static void told(void *arg, const char *body, const struct err *failure)
{
        struct decision_log *log = arg;

        (void) body;
        log->sending = false;
        if (!failure) {
                succeeded(log);
                return;
        }
        if (failure->kind == ERR_INVALID || failure->kind == ERR_TOO_LARGE) {
                refused(log, failure);
                return;
        }
        if (!log->away)
                LOG_WARN("the registry does not take decisions; they are kept until it does", "error", failure->msg);
        log->away = true;
        (void) backoff_next(&backoff, &log->backoff, clock_ms(), random_u32());
        log->at_ms = clock_ms() + log->backoff.wait_ms;
}

/* {"region":...,"decisions":[...]} around texts that are JSON already. Caller frees. */
static char *body_of(const struct decision_log *log, const struct spool_batch *batch)
{
        struct strbuf b;

        strbuf_init(&b, SPOOL_BATCH_MAX * (SPOOL_TEXT_MAX + 1) + 1024);
        strbuf_adds(&b, "{\"region\":");
        json_quote(&b, log->region);
        strbuf_adds(&b, ",\"decisions\":[");
        for (int i = 0; i < batch->n; i++)
                strbuf_addf(&b, "%s%s", i ? "," : "", batch->texts[i]);
        strbuf_adds(&b, "]}");
        return strbuf_take(&b);
}

int64_t decision_log_run(struct decision_log *log, int64_t now_ms)
{
        struct spool_batch batch;

        look_at_disk(log);
        if (log->sending)
                return -1;
        if (now_ms < log->at_ms)
                return log->at_ms - now_ms;
        spool_peek(log->spool, log->most, &batch);
        if (batch.n == 0)
                return -1;
        log->sending = true;
        log->n_sending = batch.n;
        log->send(log->registry, body_of(log, &batch), told, log);
        return -1;
}

void decision_log_get_stats(const struct decision_log *log, struct decision_log_stats *out)
{
        spool_get_stats(log->spool, &out->spool);
        out->refused = log->refused;
        out->sending = log->sending;
}

struct decision_log *decision_log_new(const struct decision_log_config *config)
{
        struct decision_log *log = xcalloc(1, sizeof *log);

        log->send = config->send;
        log->registry = config->registry;
        log->region = xstrdup(config->region);
        log->spool = spool_open(config->folder, config->max_bytes);
        log->most = SPOOL_BATCH_MAX;
        return log;
}

void decision_log_free(struct decision_log *log)
{
        if (!log)
                return;
        spool_close(log->spool);
        free(log->region);
        free(log);
}
