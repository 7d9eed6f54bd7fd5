/* Capped string buffer. */
#include "lib/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

void strbuf_init(struct strbuf *b, size_t max)
{
        *b = (struct strbuf){ .max = max };
}

void strbuf_done(struct strbuf *b)
{
        free(b->data_);
        *b = (struct strbuf){ .max = b->max };
}

void strbuf_reset(struct strbuf *b)
{
        b->len = 0;
        b->overflowed = false;
        if (b->data_)
                b->data_[0] = '\0';
}

static bool make_room(struct strbuf *b, size_t more)
{
        if (b->overflowed || more > b->max || b->len > b->max - more) {
                b->overflowed = true;
                return false;
        }
        size_t need = b->len + more + 1;
        if (need <= b->cap_)
                return true;
        size_t cap = b->cap_ * 2 > need ? b->cap_ * 2 : need < 64 ? 64 : need;
        if (cap > b->max + 1)
                cap = b->max + 1;
        b->data_ = xrealloc(b->data_, cap, 1);
        b->cap_ = cap;
        return true;
}

bool strbuf_add(struct strbuf *b, const void *data, size_t len)
{
        if (!make_room(b, len))
                return false;
        if (len)
                memcpy(b->data_ + b->len, data, len);
        b->len += len;
        b->data_[b->len] = '\0';
        return true;
}

bool strbuf_adds(struct strbuf *b, const char *s)
{
        return strbuf_add(b, s, strlen(s));
}

bool strbuf_addc(struct strbuf *b, char c)
{
        return strbuf_add(b, &c, 1);
}

bool strbuf_addv(struct strbuf *b, const char *fmt, va_list ap)
{
        va_list again;

        va_copy(again, ap);
        int n = vsnprintf(NULL, 0, fmt, ap);
        bool ok = n >= 0 && make_room(b, (size_t) n);
        if (ok) {
                (void) vsnprintf(b->data_ + b->len, (size_t) n + 1, fmt, again);
                b->len += (size_t) n;
        }
        va_end(again);
        return ok;
}

bool strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        bool ok = strbuf_addv(b, fmt, ap);
        va_end(ap);
        return ok;
}

void strbuf_drop(struct strbuf *b, size_t n)
{
        if (n > b->len)
                n = b->len;
        if (!n)
                return;
        memmove(b->data_, b->data_ + n, b->len - n + 1);
        b->len -= n;
}

const char *strbuf_str(const struct strbuf *b)
{
        return b->data_ ? b->data_ : "";
}

bool strbuf_ok(const struct strbuf *b)
{
        return !b->overflowed;
}

char *strbuf_take(struct strbuf *b)
{
        char *text = b->data_ ? b->data_ : xstrdup("");

        *b = (struct strbuf){ .max = b->max };
        return text;
}
