/* Every log line is one JSON object, whatever is in it. */
#include "tests/unit/lib/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/auto.h"
#include "lib/fs.h"
#include "lib/log.h"
#include "lib/mem.h"

/* Run `write` with standard error in a file and return what it wrote. */
static char *captured(void (*write_lines)(void))
{
        char path[] = "/tmp/sluice-log-XXXXXX";
        int fd = mkstemp(path), saved = dup(STDERR_FILENO);
        struct err e;
        char *text;

        assert_true(fd >= 0 && saved >= 0);
        assert_true(dup2(fd, STDERR_FILENO) >= 0);
        write_lines();
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        (void) close(fd);
        (void) close(saved);
        assert_ok(fs_read(path, 1 << 20, &text, NULL, &e), e);
        (void) unlink(path);
        return text;
}

static void write_one(void)
{
        log_init("testd", LOG_LEVEL_INFO);
        LOG_WARN("weight set", "model", "a\"b\n\xff", LOG_INT("weight_pct", -5), "none", NULL);
}

static void a_line_is_one_json_object(void **state)
{
        const char *level, *program, *msg, *model, *weight, *when;
        struct err e;
        json_t *none;
        AUTO(str) line = captured(write_one);

        (void) state;
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        AUTO(json) doc = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(doc);
        assert_int_equal(json_unpack_ex(doc, NULL, JSON_STRICT, "{s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "time", &when, "level", &level,
                                        "program", &program, "msg", &msg, "model", &model, "weight_pct", &weight, "none", &none),
                         0);
        assert_string_equal(level, "warn");
        assert_string_equal(program, "testd");
        assert_string_equal(msg, "weight set");
        assert_string_equal(model, "a\"b\n\xef\xbf\xbd");
        assert_string_equal(weight, "-5");
        assert_true(json_is_null(none));
        (void) e;
}

static void write_below_the_level(void)
{
        log_init("testd", LOG_LEVEL_WARN);
        LOG_INFO("not this");
        LOG_DEBUG("nor this");
        LOG_ERROR("but this");
}

static void lines_below_the_level_are_left_out(void **state)
{
        AUTO(str) text = captured(write_below_the_level);

        (void) state;
        assert_lacks(text, "this\",");
        assert_lacks(text, "not this");
        assert_contains(text, "but this");
}

static void write_after_changes(void)
{
        log_init("testd", LOG_LEVEL_INFO);
        log_set_level("warn");
        LOG_INFO("below");
        log_set_level("loud");
        log_set_level(NULL);
        LOG_INFO("still below");
        log_set_level("debug");
        LOG_DEBUG("now it shows");
}

static void the_level_changes_only_to_one_that_exists(void **state)
{
        AUTO(str) text = captured(write_after_changes);

        (void) state;
        assert_lacks(text, "below");
        assert_contains(text, "\"log_level\":\"loud\"");
        assert_contains(text, "\"log_level\":null");
        assert_contains(text, "now it shows");
}

static void write_too_much(void)
{
        char *huge = xmalloc(100001);

        log_init("testd", LOG_LEVEL_INFO);
        memset(huge, 'x', 100000);
        huge[100000] = '\0';
        LOG_INFO("a peer said", "body", huge);
        free(huge);
}

static void a_line_over_the_cap_says_so_and_stays_json(void **state)
{
        AUTO(str) text = captured(write_too_much);

        (void) state;
        assert_true(strlen(text) < 16384);
        AUTO(json) doc = json_loads(text, 0, NULL);
        assert_non_null(doc);
        assert_string_equal(json_string_value(json_object_get(doc, "msg")), "a peer said");
        assert_non_null(json_object_get(doc, "truncated"));
}

static void levels_have_names(void **state)
{
        enum log_level level;

        (void) state;
        assert_int_equal(log_level_parse("error", &level), 0);
        assert_int_equal(level, LOG_LEVEL_ERROR);
        assert_int_equal(log_level_parse("loud", &level), -1);
        assert_int_equal(log_level_parse("", &level), -1);
        assert_int_equal(log_level_parse(NULL, &level), -1); /* a setting without text */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_is_one_json_object),
                cmocka_unit_test(lines_below_the_level_are_left_out),
                cmocka_unit_test(a_line_over_the_cap_says_so_and_stays_json),
                cmocka_unit_test(levels_have_names),
                cmocka_unit_test(the_level_changes_only_to_one_that_exists),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
