/* Between kube_spec*.c: reading members of a ModelRollout; each remembers the first thing that was wrong. */
#pragma once

#include "rolloutd/kube_spec.h"

void kube_spec_wrong(struct kube_spec *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* NULL when absent or of another type; `path` ends in a dot. */
const json_t *kube_spec_member(struct kube_spec *s, const json_t *in, const char *path, const char *name, json_type type,
                               const char *type_name);
const char *kube_spec_text(struct kube_spec *s, const json_t *in, const char *path, const char *name); /* "" is absent */
int kube_spec_int(struct kube_spec *s, const json_t *in, const char *path, const char *name, int low, int high, int fallback);

bool kube_spec_is_label(const char *text);             /* an RFC 1035 label: what a Service may be called */
int kube_spec_duration(const char *text, int64_t *ms); /* 90s, 1h30m, 250ms; at most 7 days; -1 */
void kube_spec_read_route(struct kube_spec *s, const json_t *object, const json_t *spec);
