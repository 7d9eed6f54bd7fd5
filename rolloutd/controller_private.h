/* Between controller*.c. */
#pragma once

#include "rolloutd/controller.h"

void controller_env(struct controller *c); /* what targets need of it, into c->env */
/* As platform_records_fn; failed, it is tried again later. */
void controller_records_loaded(void *arg, const struct platform_record *records, size_t n, const struct err *failure);
void controller_listen(struct controller *c); /* to declarations, if there are any */
