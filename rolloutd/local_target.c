/* A target's shares on disk, and the slots that they come to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/fs.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/names.h"
#include "rolloutd/local_route.h"

struct local_target *local_target_get(struct local_router *r, const char *name)
{
        struct local_target *t;

        DL_FOREACH(r->targets, t)
        {
                if (!strcmp(t->name, name))
                        return t;
        }
        t = xcalloc(1, sizeof *t);
        (void) snprintf(t->name, sizeof t->name, "%s", name);
        DL_APPEND(r->targets, t);
        return t;
}

bool local_target_matters(const struct local_router *r, const struct local_target *t)
{
        const struct local_replica *p;

        DL_FOREACH(r->processes->head, p)
        {
                if (!strcmp(p->target, t->name))
                        return true;
        }
        return t->asked.n > 0;
}

bool local_shares_have(const struct local_shares *s, int64_t version)
{
        return local_shares_of(s, version) > 0;
}

static int read_shares(const char *path, json_t *weights, struct local_shares *out, struct err *e)
{
        const char *version;
        json_t *bp;

        json_object_foreach (weights, version, bp) {
                struct weight *w = &out->w[out->n];
                if (version_parse(version, &w->version, e))
                        return err_wrap(e, "%s", path);
                w->bp = (int) json_integer_value(bp);
                if (w->bp < 1 || w->bp > WEIGHT_ALL || ++out->n > WORLD_VERSIONS_MAX - 1)
                        return err_set(e, ERR_INVALID, "%s: there is no such weight for version %s", path, version);
        }
        return 0;
}

int local_target_read(struct local_target *t, const char *path, struct err *e)
{
        AUTO(str) text = NULL;
        AUTO(json) doc = NULL;
        json_t *weights;

        if (fs_read(path, 4096, &text, NULL, e) || json_parse(path, text, strlen(text), &doc, e) ||
            json_take(path, doc, e, "{s:o}", "weights", &weights))
                return -1;
        return read_shares(path, weights, &t->asked, e);
}

int local_target_save(const char *target, const struct local_shares *shares, const struct local_store *store, bool quick,
                      struct err *e)
{
        AUTO(str) path = xasprintf("%s/routes/%s.json", store->dir, target);
        AUTO(json) weights = json_object();
        char version[24];

        for (int i = 0; i < shares->n; i++) {
                (void) snprintf(version, sizeof version, "%lld", (long long) shares->w[i].version);
                (void) json_object_set_new(weights, version, json_integer(shares->w[i].bp));
        }
        AUTO(json) doc = json_pack("{s:O}", "weights", weights);
        AUTO(str) text = json_text(doc);
        return (quick ? fs_write_quick : fs_write_atomic)(path, text, strlen(text), 0640, e);
}

/* A replica that does not serve gets no weight while another one of its version does; when none does, all keep theirs, so that the
 * first to be ready takes up the version's share. */
struct tally {
        int serving, all;
};

static struct tally count(const struct local_router *r, const char *target, int64_t version)
{
        struct tally n = { 0 };
        const struct local_replica *p;

        DL_FOREACH(r->processes->head, p)
        {
                if (p->retiring || p->version != version || strcmp(p->target, target))
                        continue;
                n.all++;
                n.serving += p->serving != LOCAL_SERVE_NO;
        }
        return n;
}

static void place(const struct local_target *t, const struct local_replica *p, int weight, struct local_slot *out)
{
        const struct local_slot *now = &t->actual[p->slot];

        if (p->retiring)
                return;
        out->port = p->port;
        out->weight = weight;
        out->enabled = p->serving == LOCAL_SERVE_YES || (p->serving == LOCAL_SERVE_KEEP && (!t->known || now->enabled));
}

void local_target_want(const struct local_router *r, const struct local_target *t, const struct local_shares *shares,
                       struct local_slot out[static LOCAL_SLOTS])
{
        struct local_share s[WORLD_VERSIONS_MAX];
        struct tally n[WORLD_VERSIONS_MAX];
        const struct local_replica *p;

        for (int i = 0; i < LOCAL_SLOTS; i++)
                out[i] = (struct local_slot){ .port = t->known ? t->actual[i].port : LOCAL_UNUSED_PORT };
        for (int i = 0; i < shares->n; i++) {
                n[i] = count(r, t->name, shares->w[i].version);
                s[i] = (struct local_share){ .bp = shares->w[i].bp, .slots = n[i].serving ? n[i].serving : n[i].all };
        }
        local_weights(s, shares->n);
        DL_FOREACH(r->processes->head, p)
        {
                int i = 0;
                if (strcmp(p->target, t->name))
                        continue;
                while (i < shares->n && shares->w[i].version != p->version)
                        i++;
                bool idle = i == shares->n || (p->serving == LOCAL_SERVE_NO && n[i].serving);
                place(t, p, idle ? 0 : s[i].weight, &out[p->slot]);
        }
}

void local_target_live(const struct local_router *r, const struct local_target *t, struct local_shares *out)
{
        int64_t total = 0, of[WORLD_VERSIONS_MAX] = { 0 };
        const struct local_replica *p;

        *out = (struct local_shares){ 0 };
        for (int i = 0; i < LOCAL_SLOTS; i++)
                total += t->actual[i].weight;
        DL_FOREACH(r->processes->head, p)
        {
                int i = 0;
                if (strcmp(p->target, t->name) || t->actual[p->slot].weight == 0)
                        continue;
                while (i < out->n && out->w[i].version != p->version)
                        i++;
                if (i == WORLD_VERSIONS_MAX)
                        continue;
                out->n = i < out->n ? out->n : i + 1;
                out->w[i].version = p->version;
                of[i] += t->actual[p->slot].weight;
        }
        for (int i = 0; i < out->n; i++)
                out->w[i].bp = (int) ((of[i] * WEIGHT_ALL + total / 2) / total);
}

int local_shares_of(const struct local_shares *s, int64_t version)
{
        for (int i = 0; i < s->n; i++)
                if (s->w[i].version == version)
                        return s->w[i].bp;
        return 0;
}

/* But for what whole numbers cannot express; nothing is only nothing. */
bool local_shares_alike(const struct local_shares *a, const struct local_shares *b)
{
        if (a->n != b->n)
                return false;
        for (int i = 0; i < a->n; i++) {
                int other = local_shares_of(b, a->w[i].version);
                if (other == 0 || abs(other - a->w[i].bp) > 50)
                        return false;
        }
        return true;
}
