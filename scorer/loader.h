/* Getting the model, checked and warm, in a thread of its own, so that probes are answered meanwhile. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/sha256.h"
#include "scorer/settings.h"
#include "scorer/v2.h"
#include "scorer/warm_up.h"

struct loader { /* zeroed: not started */
        int fd; /* readable once it is done */
        /* After loader_join(): */
        struct v2 v2;                     /* on success */
        char digest[DIGEST_TEXT_LEN + 1]; /* of the version, or of the local file */
        int64_t took_ms;
        bool cached; /* the registry was not needed */
        size_t golden_rows;
        struct warm_up warm_up;
        struct err err; /* on failure */

        _Atomic(const char *) doing; /* for people who wait; NULL: it is being loaded */

        const struct settings *settings_;
        pthread_t thread_;
        atomic_bool cancel_;
        bool running_, failed_;
};

int loader_start(struct loader *l, const struct settings *s, struct err *e);
void loader_cancel(struct loader *l);
int loader_join(struct loader *l);  /* waits; 0 with a model that is warm, -1 with err */
void loader_done(struct loader *l); /* joins if that has not happened; frees the model */
