/* Tokens by their hashes. */
#include "rolloutd/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fs.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "lib/sha256.h"

enum { TOKENS_MAX = 10000, COPY_MAX_BYTES = 4 << 20, HASH_LEN = 2 * SHA256_LEN, TOKEN_LEN = 4 + 64 };

struct token {
        char hash[HASH_LEN + 1];
        char name[NAME_MAX_LEN + 1];
        enum role role;
};

struct tokens {
        char *copy_path;
        char admin_hash[HASH_LEN + 1];
        struct token *list;
        size_t n;
};

static void hash_of(const char *token, char out[static HASH_LEN + 1])
{
        unsigned char raw[SHA256_LEN];

        sha256_of(token, strlen(token), raw);
        hex_encode(raw, sizeof raw, out);
}

static int read_admin(const char *path, struct tokens *t, struct err *e)
{
        char fresh[TOKEN_LEN + 2] = "slc_";
        unsigned char raw[32];
        AUTO(str) token = NULL;

        if (!fs_exists(path)) {
                random_bytes(raw, sizeof raw);
                hex_encode(raw, sizeof raw, fresh + 4);
                fresh[TOKEN_LEN] = '\n';
                if (fs_write_atomic(path, fresh, TOKEN_LEN + 1, 0600, e) < 0)
                        return -1;
        }
        if (fs_read_line(path, &token, e) < 0)
                return err_wrap(e, "admin token in %s", path);
        if (strlen(token) < 32)
                return err_set(e, ERR_INVALID, "admin token in %s: shorter than 32 characters", path);
        hash_of(token, t->admin_hash);
        return 0;
}

static int take_token(json_t *item, struct token *out, struct err *e)
{
        const char *name, *role, *hash;

        if (json_peek("token", item, e, "{s:s, s:s, s:s}", "name", &name, "role", &role, "sha256", &hash) < 0 ||
            name_check("token", name, e) < 0)
                return -1;
        if (!role_parse(role, &out->role))
                return err_set(e, ERR_INVALID, "token %s: there is no role \"%.20s\"", name, role);
        if (strlen(hash) != HASH_LEN)
                return err_set(e, ERR_INVALID, "token %s: its hash is not %d digits", name, HASH_LEN);
        snprintf(out->name, sizeof out->name, "%s", name);
        memcpy(out->hash, hash, sizeof out->hash);
        return 0;
}

static int take_list(struct tokens *t, json_t *doc, struct err *e)
{
        json_t *list, *item;
        size_t i;

        if (json_peek("tokens", doc, e, "{s:o}", "tokens", &list) < 0)
                return -1;
        if (!json_is_array(list) || json_array_size(list) > TOKENS_MAX)
                return err_set(e, ERR_INVALID, "tokens: not a list of at most %d", TOKENS_MAX);
        AUTO(str) fresh = (char *) xcalloc(json_array_size(list) + 1, sizeof *t->list);
        json_array_foreach (list, i, item)
                if (take_token(item, (struct token *) (void *) fresh + i, e) < 0)
                        return -1;
        free(t->list);
        t->list = (struct token *) (void *) TAKE(fresh);
        t->n = json_array_size(list);
        return 0;
}

static json_t *copy_of(const struct tokens *t)
{
        json_t *list = json_array();

        for (size_t i = 0; i < t->n; i++)
                json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", t->list[i].name, "role",
                                                      role_name(t->list[i].role), "sha256", t->list[i].hash));
        return json_pack("{s:o}", "tokens", list);
}

static int read_copy(struct tokens *t, struct err *e)
{
        AUTO(str) text = NULL;
        AUTO(json) doc = NULL;
        size_t len;

        if (!fs_exists(t->copy_path))
                return 0;
        if (fs_read(t->copy_path, COPY_MAX_BYTES, &text, &len, e) < 0 || json_parse(t->copy_path, text, len, &doc, e) < 0)
                return -1;
        return take_list(t, doc, e);
}

int tokens_new(const char *copy_path, const char *admin_path, struct tokens **out, struct err *e)
{
        struct tokens *t = xcalloc(1, sizeof *t);

        t->copy_path = xstrdup(copy_path);
        if (read_admin(admin_path, t, e) < 0 || read_copy(t, e) < 0) {
                tokens_free(t);
                return -1;
        }
        *out = t;
        return 0;
}

void tokens_free(struct tokens *t)
{
        if (!t)
                return;
        free(t->copy_path);
        free(t->list);
        free(t);
}

int tokens_check(const struct tokens *t, const char *token, enum role *role, char name[static NAME_MAX_LEN + 1], struct err *e)
{
        char hash[HASH_LEN + 1];

        hash_of(token, hash);
        if (strcmp(hash, t->admin_hash) == 0) {
                *role = ROLE_ADMIN;
                snprintf(name, NAME_MAX_LEN + 1, "%s", TOKENS_ADMIN_NAME);
                return 0;
        }
        for (size_t i = 0; i < t->n; i++)
                if (strcmp(hash, t->list[i].hash) == 0) {
                        *role = t->list[i].role;
                        memcpy(name, t->list[i].name, NAME_MAX_LEN + 1);
                        return 0;
                }
        return err_set(e, ERR_UNAUTHORIZED, "this token is not known here yet; if it was just made, try again in a second");
}

int tokens_update(struct tokens *t, const char *body, struct err *e)
{
        AUTO(json) doc = NULL;
        AUTO(json) before = copy_of(t);

        if (json_parse("tokens", body, strlen(body), &doc, e) < 0 || take_list(t, doc, e) < 0)
                return -1;
        AUTO(json) after = copy_of(t);
        if (json_equal(before, after))
                return 0;
        AUTO(str) text = json_text(after);
        return fs_write_atomic(t->copy_path, text, strlen(text), 0600, e);
}
