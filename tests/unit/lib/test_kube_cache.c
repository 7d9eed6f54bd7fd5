/* The mirror: what changes are reported when lists and events come in. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/kube_cache.h"
#include "lib/strbuf.h"
#include "tests/unit/lib/unit.h"

static json_t *object(const char *name, const char *uid, const char *version)
{
        return json_pack("{s:{s:s, s:s, s:s, s:s, s:[i]}, s:i}", "metadata", "namespace", "ns", "name", name, "uid", uid,
                         "resourceVersion", version, "managedFields", 1, "bulk", 1);
}

static void log_change(void *arg, enum kube_change change, const json_t *o)
{
        const json_t *meta = json_object_get(o, "metadata");

        strbuf_addf(arg, "%c%s@%s ", "+*-"[change], json_string_value(json_object_get(meta, "name")),
                    json_string_value(json_object_get(meta, "resourceVersion")));
}

static void drop_bulk(json_t *o)
{
        (void) json_object_del(o, "bulk");
}

static void put(struct kube_cache *c, const char *name, const char *uid, const char *version)
{
        AUTO(json) o = object(name, uid, version);

        kube_cache_put(c, o);
}

static void changes_are_reported_once_each(void **state)
{
        AUTO_STRBUF log;
        (void) state;

        strbuf_init(&log, 1000);
        struct kube_cache *c =
                kube_cache_new(&(struct kube_cache_options){ .prune = drop_bulk, .changed = log_change, .arg = &log });
        put(c, "a", "1", "10");
        put(c, "a", "1", "10"); /* a replay */
        put(c, "a", "1", "11");
        put(c, "a", "2", "12"); /* another object of that name */
        AUTO(json) last = object("a", "2", "13");
        kube_cache_remove(c, last);
        kube_cache_remove(c, last);
        assert_string_equal(strbuf_str(&log), "+a@10 *a@11 -a@11 +a@12 -a@13 ");
        assert_int_equal(kube_cache_count(c), 0);
        kube_cache_free(c);
}

static void a_list_sweeps_what_is_gone(void **state)
{
        AUTO_STRBUF log;
        (void) state;

        strbuf_init(&log, 1000);
        struct kube_cache *c = kube_cache_new(&(struct kube_cache_options){ .changed = log_change, .arg = &log });
        put(c, "a", "1", "1");
        put(c, "b", "2", "2");
        put(c, "c", "3", "3");
        kube_cache_begin(c);
        put(c, "a", "1", "1");
        put(c, "c", "3", "4");
        put(c, "d", "5", "5");
        kube_cache_begin(c); /* the list broke off and begins again: the first half does not count */
        put(c, "c", "3", "4");
        put(c, "d", "5", "5");
        assert_int_equal(kube_cache_count(c), 4);
        kube_cache_end(c);
        assert_string_equal(strbuf_str(&log), "+a@1 +b@2 +c@3 *c@4 +d@5 -a@1 -b@2 ");
        assert_null(kube_cache_get(c, "ns", "a"));
        assert_non_null(kube_cache_get(c, "ns", "d"));
        assert_null(kube_cache_get(c, "other", "d"));
        kube_cache_free(c);
}

static void what_nobody_reads_is_not_kept(void **state)
{
        (void) state;
        struct kube_cache *c = kube_cache_new(&(struct kube_cache_options){ .prune = drop_bulk });
        AUTO(json) nameless = json_pack("{s:{}}", "metadata");
        put(c, "a", "1", "1");
        kube_cache_put(c, nameless);
        assert_int_equal(kube_cache_count(c), 1);
        const json_t *kept = kube_cache_get(c, "ns", "a");
        assert_null(json_object_get(kept, "bulk"));
        assert_null(json_object_get(json_object_get(kept, "metadata"), "managedFields"));
        kube_cache_free(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(changes_are_reported_once_each),
                cmocka_unit_test(a_list_sweeps_what_is_gone),
                cmocka_unit_test(what_nobody_reads_is_not_kept),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
