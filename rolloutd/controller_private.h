/* Between controller*.c. */
#pragma once

#include "rolloutd/controller.h"

void controller_env(struct controller *c); /* what targets need of it, into c->env */
/* As platform_records_fn; failed, it is tried again later. */
void controller_records_loaded(void *arg, const struct platform_record *records, size_t n, const struct err *failure);
/* controller_unreadable.c */
void controller_leave_alone(struct controller *c, const char *target, const struct err *why);
void controller_forget_unreadable(struct controller *c, const char *target);
int64_t controller_read_again(struct controller *c, int64_t now_ms); /* in how many milliseconds to call it again */
void controller_listen(struct controller *c);                        /* to declarations, if there are any */
