/*
 * One JSON object a line to standard error: time, level, program, message (constant text), then key/values.
 * Only programs log; lib and rules return errors. Log a thing once, where it is handled.
 *
 *      LOG_WARN("prometheus does not answer", "url", url, "error", err.msg);
 *      LOG_INFO("weight set", "model", name, LOG_INT("weight_pct", 5));
 */
#pragma once

#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Program name on every line, and the least level that is written. Call once in main(). */
void log_init(const char *program, enum log_level least);
int log_level_parse(const char *text, enum log_level *out); /* "debug", "info", "warn", "error"; -1 otherwise, also for NULL */
/* The same name as the least level from now on; at any time. Another text is warned of and changes nothing. */
void log_set_level(const char *text);

/* Pairs of (key, text value), ended by NULL. A NULL value prints as null. Text that is no UTF-8 is made so. */
void log_write(enum log_level level, const char *msg, ...) __attribute__((sentinel));

/* An integer as a key/value pair; the text lives until the end of the enclosing full expression's block. */
struct log_int {
        char text[24];
};
struct log_int log_int(int64_t v);
#define LOG_INT(key, v) (key), log_int(v).text

#define LOG_DEBUG(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__, (char *) 0)
#define LOG_INFO(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__, (char *) 0)
#define LOG_WARN(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__, (char *) 0)
#define LOG_ERROR(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__, (char *) 0)
