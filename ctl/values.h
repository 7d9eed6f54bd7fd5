/* What a word on the command line may be: one row per kind says how it is checked and how it is completed. */
#pragma once

#include "lib/err.h"

enum value {
        VALUE_NONE, /* no value at all */
        VALUE_TEXT,
        VALUE_MODEL,
        VALUE_NEW_MODEL, /* a model that need not exist */
        VALUE_TARGET,    /* what is rolled out: a model's name, on Kubernetes NAMESPACE.NAME or NAME */
        VALUE_REGION,
        VALUE_RELEASE, /* "7" or "7.1" */
        VALUE_VERSION,
        VALUE_REF, /* a version's number or @ALIAS */
        VALUE_ALIAS,
        VALUE_POLICY,
        VALUE_TOKEN,
        VALUE_NEW_TOKEN,
        VALUE_ROLE,
        VALUE_PAIR, /* KEY=VALUE or KEY:=JSON */
        VALUE_COUNT,
        VALUE_DURATION,
        VALUE_URL,
        VALUE_OUTPUT,
        VALUE_SHELL,
        VALUE_FILE,
        VALUE_FOLDER,
        VALUE_COMMAND,
        VALUE_KINDS
};

struct value_kind {
        const char *what;                                                /* for errors: "model" */
        int (*check)(const char *what, const char *text, struct err *e); /* NULL: anything that is not empty */
        const char *const *choices;                                      /* the only values, ended by NULL; or NULL */
};

extern const struct value_kind value_kinds[VALUE_KINDS];

/* INVALID with a sentence that names `where` ("--policy", "MODEL") unless text is a value of this kind. */
int value_check(enum value kind, const char *where, const char *text, struct err *e);
