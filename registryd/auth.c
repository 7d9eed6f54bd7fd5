/* Tokens, the admin's file and a small cache of lookups. */
#include "registryd/auth.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/fs.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "lib/sha256.h"
#include "registryd/store.h"

enum { SLOTS = 256 }; /* by the first byte of the hash; a collision costs a lookup */

struct slot {
        char hash[TOKEN_HASH_LEN + 1];
        char name[NAME_MAX_LEN + 1];
        enum role role;
        int64_t seen_ms;
};

struct auth {
        struct pg *db;
        char admin_hash[TOKEN_HASH_LEN + 1];
        pthread_mutex_t lock; /* the slots */
        struct slot slots[SLOTS];
};

void token_make(char out[static TOKEN_TEXT_LEN + 1])
{
        unsigned char raw[32];

        random_bytes(raw, sizeof raw);
        memcpy(out, "slc_", 4);
        hex_encode(raw, sizeof raw, out + 4);
}

void token_hash(const char *token, char out[static TOKEN_HASH_LEN + 1])
{
        unsigned char raw[SHA256_LEN];

        sha256_of(token, strlen(token), raw);
        hex_encode(raw, sizeof raw, out);
}

static int read_admin(const char *path, char **token, struct err *e)
{
        char fresh[TOKEN_TEXT_LEN + 2];

        if (!fs_exists(path)) {
                token_make(fresh);
                fresh[TOKEN_TEXT_LEN] = '\n';
                if (fs_write_atomic(path, fresh, TOKEN_TEXT_LEN + 1, 0600, e))
                        return -1;
        }
        if (fs_read_line(path, token, e) || token_check(*token, e))
                return err_wrap(e, "admin token in %s", path);
        return 0;
}

int auth_new(struct pg *db, const char *admin_file, struct auth **out, struct err *e)
{
        AUTO(str) token = NULL;

        if (read_admin(admin_file, &token, e))
                return -1;
        struct auth *a = xcalloc(1, sizeof *a);
        a->db = db;
        token_hash(token, a->admin_hash);
        (void) pthread_mutex_init(&a->lock, NULL);
        *out = a;
        return 0;
}

void auth_free(struct auth *a)
{
        if (!a)
                return;
        (void) pthread_mutex_destroy(&a->lock);
        free(a);
}

static struct slot *slot_of(struct auth *a, const char *hash)
{
        char first[3] = { hash[0], hash[1], '\0' };

        return &a->slots[strtoul(first, NULL, 16) % SLOTS];
}

static bool recall(struct auth *a, const char *hash, int64_t max_age_ms, struct slot *out)
{
        (void) pthread_mutex_lock(&a->lock);
        *out = *slot_of(a, hash);
        (void) pthread_mutex_unlock(&a->lock);
        return strcmp(out->hash, hash) == 0 && clock_ms() - out->seen_ms <= max_age_ms;
}

static void remember(struct auth *a, const struct slot *s)
{
        (void) pthread_mutex_lock(&a->lock);
        *slot_of(a, s->hash) = *s;
        (void) pthread_mutex_unlock(&a->lock);
}

static void forget(struct auth *a, const char *hash)
{
        (void) pthread_mutex_lock(&a->lock);
        struct slot *s = slot_of(a, hash);
        if (strcmp(s->hash, hash) == 0)
                *s = (struct slot){ 0 };
        (void) pthread_mutex_unlock(&a->lock);
}

void auth_forget(struct auth *a)
{
        (void) pthread_mutex_lock(&a->lock);
        memset(a->slots, 0, sizeof a->slots);
        (void) pthread_mutex_unlock(&a->lock);
}

/* From the cache or the database. While the database is away, what was known lately still counts: it opens only what needs no
 * database, such as the metrics that show the outage. */
static int look_up(struct auth *a, int64_t deadline_ms, const char *hash, struct slot *s, struct err *e)
{
        struct err why = { 0 };

        if (recall(a, hash, AUTH_FRESH_MS, s))
                return 0;
        *s = (struct slot){ .seen_ms = clock_ms() }; /* before the query: a revocation during it must not be missed */
        memcpy(s->hash, hash, sizeof s->hash);
        if (token_store_find(a->db, deadline_ms, hash, &s->role, s->name, &why) == 0) {
                remember(a, s);
                return 0;
        }
        if (why.kind == ERR_UNAUTHORIZED) {
                forget(a, hash);
                *e = why;
                return -1;
        }
        if (err_is_retryable(why.kind) && recall(a, hash, AUTH_STALE_MS, s))
                return 0;
        /* Whoever asks is nobody yet, and the whole message names hosts and users. */
        return err_set(e, why.kind, "the token cannot be checked: the database does not answer");
}

int auth_check(struct auth *a, int64_t deadline_ms, const char *token, enum role *role, char name[static NAME_MAX_LEN + 1],
               struct err *e)
{
        char hash[TOKEN_HASH_LEN + 1];
        struct slot s;

        if (token_check(token, NULL))
                return err_set(e, ERR_UNAUTHORIZED, "this is no token");
        token_hash(token, hash);
        if (strcmp(hash, a->admin_hash) == 0) {
                *role = ROLE_ADMIN;
                (void) snprintf(name, NAME_MAX_LEN + 1, "%s", AUTH_ADMIN_NAME);
                return 0;
        }
        if (look_up(a, deadline_ms, hash, &s, e))
                return -1;
        *role = s.role;
        (void) snprintf(name, NAME_MAX_LEN + 1, "%s", s.name);
        return 0;
}
