/* Counting references, and a table of what there is. */
#include "lib/policy_shared.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/policy_json.h"
#include "lib/sha256.h"

struct shared {
        UT_hash_handle hh; /* in the pool, by key */
        unsigned char key[SHA256_LEN];
        struct policy_pool *pool; /* NULL: in none */
        int refs;
        struct policy policy;
};

struct policy_pool {
        struct shared *all;
};

const struct policy policy_none;

static struct shared *shared_of(const struct policy *p)
{
        return (struct shared *) ((char *) p - offsetof(struct shared, policy));
}

struct policy_pool *policy_pool_new(void)
{
        return xcalloc(1, sizeof(struct policy_pool));
}

void policy_pool_free(struct policy_pool *pool)
{
        struct shared *s, *next;

        if (!pool)
                return;
        HASH_ITER (hh, pool->all, s, next) {
                HASH_DEL(pool->all, s);
                s->pool = NULL;
        }
        free(pool);
}

/* Of what it says, not of its bytes: behind the end of a text there may be anything. */
static void key_of(const struct policy *p, unsigned char key[static SHA256_LEN])
{
        AUTO(json) doc = policy_to_json(p);
        AUTO(str) text = json_text(doc);

        sha256_of(text, strlen(text), key);
}

const struct policy *policy_share(struct policy_pool *pool, const struct policy *p)
{
        unsigned char key[SHA256_LEN];
        struct shared *s = NULL;

        if (p->n_steps == 0)
                return &policy_none;
        key_of(p, key);
        if (pool)
                HASH_FIND(hh, pool->all, key, sizeof key, s);
        if (s)
                return policy_ref(&s->policy);
        s = xcalloc(1, sizeof *s);
        memcpy(s->key, key, sizeof key);
        s->pool = pool;
        s->refs = 1;
        s->policy = *p;
        if (pool)
                HASH_ADD(hh, pool->all, key, sizeof s->key, s);
        return &s->policy;
}

const struct policy *policy_ref(const struct policy *p)
{
        if (p != &policy_none)
                shared_of(p)->refs++;
        return p;
}

void policy_unref(const struct policy *p)
{
        if (!p || p == &policy_none || --shared_of(p)->refs > 0)
                return;
        struct shared *s = shared_of(p);

        if (s->pool)
                HASH_DEL(s->pool->all, s);
        free(s);
}
