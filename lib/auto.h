/* Scope cleanup: borrow with AUTO(), give away with TAKE(). */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

/* After DEFINE_AUTO(json, json_t *, json_decref), `AUTO(json) doc = ...;` is released when it leaves its scope. */
#define DEFINE_AUTO(name, type, release)                                                                                         \
        static inline void name##_release_(type *p)                                                                              \
        {                                                                                                                        \
                if (*p)                                                                                                          \
                        release(*p);                                                                                             \
        }                                                                                                                        \
        typedef type name##_t_
#define AUTO(name) __attribute__((cleanup(name##_release_))) name##_t_

/* Hand the value over and leave nothing behind for the cleanup to release. */
#define TAKE(p)                                                                                                                  \
        ({                                                                                                                       \
                __auto_type took_ = (p);                                                                                         \
                (p) = NULL;                                                                                                      \
                took_;                                                                                                           \
        })

DEFINE_AUTO(str, char *, free);
DEFINE_AUTO(file, FILE *, fclose);
DEFINE_AUTO(json, json_t *, json_decref);

/* A descriptor is empty at -1, not at 0, so it does not fit DEFINE_AUTO. */
typedef int fd_t_;
static inline void fd_release_(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}
#define TAKE_FD(fd)                                                                                                              \
        ({                                                                                                                       \
                int took_ = (fd);                                                                                                \
                (fd) = -1;                                                                                                       \
                took_;                                                                                                           \
        })
