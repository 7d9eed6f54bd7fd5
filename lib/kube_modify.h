/* Read, change, write back under the version read; and when somebody was faster, all of it again. */
#pragma once

#include "lib/kube_client.h"

struct kube_modify;

/* Change a fresh object. 1: write it; 0: it is as it should be, nothing to write; -1: give up with *e. May run several times. */
typedef int (*kube_edit_fn)(void *arg, json_t *object, struct err *e);

/* Up to five tries, 10 ms and a little chance apart. done gets the object as written, or as it was found right. `target` names the
 * object, the lane and the time for each call; its verb and body do not count. What it points to must live until done. */
struct kube_modify *kube_modify_start(struct kube *k, const struct kube_call *target, kube_edit_fn edit, kube_done_fn done,
                                      void *arg);
void kube_modify_cancel(struct kube_modify *m);
