/* Reading one HTTP/1.1 answer. */
#include "bench/load/answer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of a header line "Name: value", NULL if the line has another name. */
static const char *header_value(const char *line, const char *end, const char *name)
{
        size_t n = strlen(name);

        if ((size_t) (end - line) <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
                return NULL;
        for (line += n + 1; line < end && (*line == ' ' || *line == '\t'); line++)
                ;
        return line;
}

/* Copy letters, digits, '.', '_' and '-' as far as they go. */
static void copy_word(char out[static ANSWER_VERSION_MAX], const char *from, const char *end)
{
        size_t n = 0;

        while (n + 1 < ANSWER_VERSION_MAX && from < end && (isalnum((unsigned char) *from) || strchr("._-", *from)))
                out[n++] = *from++;
        out[n] = '\0';
}

static int parse_length(const char *value, const char *end, size_t *out, struct err *e)
{
        size_t n = 0;

        if (value == end || !isdigit((unsigned char) *value))
                return err_set(e, ERR_INVALID, "Content-Length is no number");
        for (; value < end && isdigit((unsigned char) *value); value++)
                if ((n = n * 10 + (size_t) (*value - '0')) > ANSWER_MAX)
                        return err_set(e, ERR_TOO_LARGE, "the answer is over %d bytes", ANSWER_MAX);
        *out = n;
        return 0;
}

static int parse_line(const char *line, const char *end, struct answer *a, bool *has_length, struct err *e)
{
        const char *value;

        if ((value = header_value(line, end, "Content-Length"))) {
                *has_length = true;
                return parse_length(value, end, &a->body_len, e);
        }
        if (header_value(line, end, "Transfer-Encoding"))
                return err_set(e, ERR_INVALID, "the answer has a Transfer-Encoding");
        if ((value = header_value(line, end, "Connection")) && end - value >= 5 && strncasecmp(value, "close", 5) == 0)
                a->closes = true;
        if ((value = header_value(line, end, "X-Sluice-Version")))
                copy_word(a->version, value, end);
        return 0;
}

/* "model_version" as JSON has it, with or without spaces around the colon. */
static void version_from_body(const char *body, size_t len, struct answer *a)
{
        static const char name[] = "\"model_version\"";
        const char *end = body + len, *at = memmem(body, len, name, sizeof name - 1);

        if (!at)
                return;
        for (at += sizeof name - 1; at < end && strchr(" \t:\"", *at) && *at; at++)
                ;
        copy_word(a->version, at, end);
}

int answer_parse(const char *data, size_t len, struct answer *out, struct err *e)
{
        const char *head_end = memmem(data, len, "\r\n\r\n", 4);
        bool has_length = false;

        *out = (struct answer){ 0 };
        if (len >= 5 && memcmp(data, "HTTP/", 5) != 0)
                return err_set(e, ERR_INVALID, "the answer is not HTTP");
        if (!head_end)
                return len > 65536 ? err_set(e, ERR_TOO_LARGE, "the answer's head is over 64 KiB") : 0;
        if (len < 13 || memcmp(data, "HTTP/1.", 7) != 0 || data[8] != ' ')
                return err_set(e, ERR_INVALID, "the answer is not HTTP/1");
        out->status = atoi(data + 9);
        if (out->status < 200 || out->status > 599)
                return err_set(e, ERR_INVALID, "the answer's status is %d", out->status);
        out->closes = data[7] == '0';
        for (const char *line = data, *end; line < head_end; line = end + 2) {
                end = memmem(line, (size_t) (head_end + 2 - line), "\r\n", 2);
                if (parse_line(line, end, out, &has_length, e) < 0)
                        return -1;
        }
        if (!has_length)
                return err_set(e, ERR_INVALID, "the answer has no Content-Length");
        out->head_len = (size_t) (head_end + 4 - data);
        if (len < out->head_len + out->body_len)
                return 0;
        if (out->version[0] == '\0')
                version_from_body(data + out->head_len, out->body_len, out);
        return 1;
}
