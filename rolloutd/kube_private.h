/*
 * Between kube*.c: what the Kubernetes platform knows of the cluster, and who does what with it.
 *
 *      kube.c             the platform: operations handed to the parts below, the loop
 *      kube_ops.c         operations that have not been answered
 *      kube_connect.c     which kinds this server has, and the watches
 *      kube_leader.c      the election, and the label of the leader's pod
 *      kube_spec.c        ModelRollout.spec to struct kube_spec, or a sentence why not (pure)
 *      kube_index.c       watch events to the structs below; the JSON is not kept
 *      kube_index_release.c, kube_index_service.c  the same of releases, and of Services that are of no one release
 *      kube_claims.c      who may have which route (pure)
 *      kube_read.c        what the cluster has of a ModelRollout that has just come
 *      kube_world.c       the structs to struct world, and what Prometheus should scrape (pure)
 *      kube_load.c        load(): all records; reload(): one
 *      kube_state.c       save(): the status and its compare-and-swap
 *      kube_publish.c     publish(): what there is to tell of a target
 *      kube_history.c     history(), and marks taken away
 *      kube_complain.c    what is told when a record cannot be used
 *      kube_status_patch.c  the JSON Patch that replaces a status (pure)
 *      kube_status_doc.c, kube_conditions.c  struct target to status and conditions (pure)
 *      kube_events.c      Kubernetes Events
 *      kube_plan.c        what a release is made from: the data of its ControllerRevision (pure)
 *      kube_objects.c     Service, budget, autoscaler of a release as JSON (pure)
 *      kube_deployment.c  the Deployment of a release as JSON (pure)
 *      kube_configs.c     a template's ConfigMaps and Secrets, copied and renamed (pure)
 *      kube_scale.c       what size a release was given, as its Deployment says (pure)
 *      kube_make.c        one object as it should be: read, then create, patch, delete or leave it
 *      kube_measure.c     what metrics tell of it
 *      kube_workload.c    deploy() and retire(): the calls, one after the other (kube_deploy.c, kube_retire.c)
 *      kube_pods.c        why pods are not ready, from Deployments and pods (pure)
 *      kube_look.c        reading the pods of releases that are not ready
 *      kube_router.c      route(): jobs, who overtakes whom, what the route is seen to be
 *      kube_leftover.c    routes of a spec.route that is another by now
 *      kube_shift*.c      one job: read, decide, write, and again while others are faster
 *      kube_slots.c       the two Services of an adopted route (pure)
 *      kube_httproute.c   the first router: HTTPRoute of the Gateway API (pure)
 *      kube_gateways.c    what is peculiar about the gateways that read a route
 *
 * Everything runs on the loop's thread. Memory is counted in bytes per ModelRollout: there may be thousands.
 */
#pragma once

#include <uthash.h>

#include "lib/kube_client.h"
#include "lib/kube_elect.h"
#include "lib/kube_watch.h"
#include "rolloutd/kube.h"
#include "rolloutd/kube_spec.h"
#include "rolloutd/platform.h"

enum { KUBE_RELEASES_MAX = WORLD_VERSIONS_MAX, KUBE_NAME_MAX = 40, KUBE_OBJECT_NAME_MAX = 63, KUBE_URGENT_TIMEOUT_MS = 3000 };

/* Labels and annotations of what we make. */
#define KUBE_LABEL_ROLLOUT "sluice.dev/rollout"  /* NAME */
#define KUBE_LABEL_RELEASE "sluice.dev/release"  /* "7.1" */
#define KUBE_ANNOTATION_EPOCH "sluice.dev/epoch" /* of the leader that wrote it */
#define KUBE_MARK_TO "sluice.dev/rollback-to"    /* `ctl rollback` past us: on the ModelRollout */
#define KUBE_MARK_BY "sluice.dev/rollback-by"
#define KUBE_MARK_REASON "sluice.dev/rollback-reason"
#define KUBE_MARK_AT "sluice.dev/rollback-at" /* also the mark's id */

struct kube_pod {         /* an endpoint of a release's Service */
        char address[48]; /* host:port, [v6]:port */
        bool ready;
};

struct kube_slice { /* one EndpointSlice */
        struct kube_slice *next;
        char *name;
        struct kube_pod *pods;
        int n_pods, n_ready;
};

struct kube_release {    /* what the cluster has of one release */
        int64_t version; /* its key: lib/release.h */
        bool deployed;   /* its Deployment exists */
        int replicas;    /* as the Deployment asks for them; an autoscaler may have moved it */
        int available;
        bool failed;   /* the Deployment says it does not get on, or pods crash */
        char *message; /* NULL: nothing to say */
        int64_t generation, observed_generation;
        int64_t written_generation; /* what our last write returned; older events are not believed */
        int floor;                  /* replicas or autoscaler floor; -1: unknown, or not as its owner wants it scaled now */
        bool retired;               /* all of it has been deleted; it goes when its pods have gone */
        struct kube_slice *slices;
        /* kube_look.c's: what its pods say while not all are ready. Counts beside failed and message, and before them. */
        bool pods_failed;
        char *pods_message; /* NULL: nothing to say; freed with the release */
        int64_t look_at_ms, bad_image_ms;
        int look_wait_ms;
};

struct kube_backend { /* a weighted reference of the route that is ours */
        char service[KUBE_OBJECT_NAME_MAX + 1];
        int64_t version; /* 0: a slot that selects nothing */
        int weight_bp;   /* normalised over our backends to WEIGHT_ALL */
};

struct kube_route {        /* the route as last seen */
        bool exists, ours; /* ours: owned by this ModelRollout, or it has the backends that Adopted names */
        bool accepted;     /* by all parents, at its generation: level (a) of the verification */
        char *trouble;     /* why not accepted or not usable; NULL: nothing */
        char uid[37];
        int64_t generation, written_generation; /* what our last write returned; older events are not believed */
        int64_t settled_ms; /* accepted, but the gateway is given until then to take it up; 0: nothing to wait for */
        int64_t tidied_ms;  /* when its shape was last found wrong */
        bool keep_zeros;    /* backends without weight stay in it */
        bool slots_known;   /* Adopted: which releases the slots select */
        int64_t slots[KUBE_SLOTS];
        int port; /* by which the route calls its backends */
        struct kube_backend *backends;
        int n_backends; /* at most KUBE_RELEASES_MAX */
};

struct kube_target {       /* one ModelRollout */
        UT_hash_handle hh; /* by id */
        char *id;          /* NAMESPACE.NAME */
        char *namespace_, *name, *uid;
        struct kube_spec *spec;        /* as last seen; never NULL */
        int64_t created_ms;            /* wall clock */
        bool announced;                /* the listener knows of it */
        struct kube_target *rival;     /* has the route that we want; NULL: nobody */
        struct kube_read *reading;     /* kube_read.c's: what the cluster has of it is not known yet; NULL: it is */
        struct kube_release *releases; /* one is at its place until the next event, or another is made */
        int n_releases;                /* at most KUBE_RELEASES_MAX */
        struct kube_route route;
        struct kube_leftover *leftovers; /* kube_leftover.c's; NULL: none */
        struct kube_state *state;        /* kube_state.c's: revision, epoch, what is being written */
        int64_t previewed;               /* the release that NAME-preview leads to, as last seen or written; 0: none */
        int64_t candidate;               /* as the controller has told last, if it has */
        bool told;
        struct kube_router_job *routing; /* kube_router.c's: what is under way with the route; NULL: nothing */
        struct kube_work *works;         /* kube_workload.c's: deployments and retirements of its releases */
};

struct kube_kinds { /* which version of each kind this server has; chosen when connecting */
        struct kube_resource rollouts, deployments, services, slices, revisions, configmaps, secrets, pods, budgets, autoscalers,
                routes, events, leases;
};

struct kube_platform {
        struct platform base;
        struct kube_settings settings;
        struct kube *kube;
        struct kube_kinds kinds; /* plural NULL: not known yet, or the server has none */
        struct kube_connect *connect;
        struct kube_elect *elect;
        struct kube_leader *leader;
        struct kube_watch *rollouts, *deployments, *slices, *services, *routes; /* NULL: not begun */
        struct kube_target *targets;
        struct kube_claim *claims;         /* kube_claims.c's */
        struct kube_load *loads;           /* kube_load.c's: records being read */
        struct kube_question *questions;   /* kube_history.c's */
        struct kube_complaint *complaints; /* kube_complain.c's */
        struct kube_state *writing;        /* kube_state.c's: those with something to write */
        int n_publishing;                  /* kube_state.c's: writes under way of what people read, and of no record */
        struct kube_read *reads;           /* kube_read.c's: those that wait to try again */
        struct kube_op *ops, *answers;     /* kube_ops.c's: asked for; answered and not told */
        struct platform_listener listener;
        struct kube_router_job *routings; /* kube_router.c's: of all targets */
        struct kube_gateways *gateways;   /* kube_gateways.c's; NULL: none was needed yet */
        int64_t settle_ms;                /* when the first route has settled; 0: none is waited for */
        struct kube_work *works;          /* kube_workload.c's: deployments and retirements that have not begun */
        struct kube_glance *glances;      /* kube_look.c's: pods being read */
        int64_t look_at_ms;
        struct platform_meter meter;
        bool leading;
        bool announcing; /* the records have been read: the listener is told what is wanted */
        int64_t epoch;
};

/* kube_connect.c: the kinds, then the watches; ModelRollouts first, so that whatever else comes finds its target. */
struct kube_connect *kube_connect_new(struct kube_platform *k);
void kube_connect_free(struct kube_connect *c);
int64_t kube_connect_run(struct kube_connect *c, int64_t now_ms);
bool kube_connect_is_synced(const struct kube_connect *c); /* each watch has had its first list */

/* kube_leader.c. -1: no election can be held by such settings. */
int kube_leader_new(struct kube_platform *k, struct err *e);
struct lease_times kube_lease_times(int64_t lease_ms); /* 0: the defaults */
/* How long one write may take: little enough that a leader that renews its lease in time can nearly always begin one. */
int64_t kube_write_ms(int64_t lease_ms);
void kube_leader_free(struct kube_platform *k); /* gives the lease away, waiting 2 s at most */
int64_t kube_leader_run(struct kube_platform *k, int64_t now_ms);
/* A write of ours met a higher epoch: another one leads. Ends the process. */
void kube_leader_deposed(struct kube_platform *k, int64_t epoch) __attribute__((noreturn));

/* kube_ops.c. A part may call done whenever it likes, even from inside: it is noted, and told from run(). */
typedef void (*kube_history_fn)(void *arg, const char *events, const struct err *failure);
struct kube_op *kube_op_done(struct kube_platform *k, const char *target, platform_done_fn done, void *arg);
struct kube_op *kube_op_record(struct kube_platform *k, const char *target, platform_done_fn done, void *arg);
struct kube_op *kube_op_saved(struct kube_platform *k, const char *target, platform_saved_fn done, void *arg);
struct kube_op *kube_op_history(struct kube_platform *k, const char *target, kube_history_fn done, void *arg);
void kube_op_observe(struct kube_platform *k, const char *target, platform_world_fn done, void *arg);
/* What the parts are given as done, with the operation as argument. */
void kube_op_answer(void *op, const struct err *failure);
void kube_op_answer_saved(void *op, int64_t revision, const struct err *failure);
void kube_op_answer_history(void *op, const char *events, const struct err *failure);
void kube_op_refuse(struct kube_op *op, enum err_kind kind, const char *why);
void kube_ops_tell(struct kube_platform *k);
void kube_ops_was_read(struct kube_platform *k, const struct kube_target *t); /* t->reading is over */
void kube_ops_gone(struct kube_platform *k, const char *target);              /* nothing is told of it any more, save history() */
bool kube_ops_any(const struct kube_platform *k);                             /* answered and not told */
void kube_ops_free(struct kube_platform *k);                                  /* tells nothing */

/* kube_read.c */
void kube_read_start(struct kube_platform *k, struct kube_target *t);
void kube_read_drop(struct kube_platform *k, struct kube_target *t);
int64_t kube_read_run(struct kube_platform *k, int64_t now_ms);

/* kube_claims.c: `rival` anew for everybody who wants the same routes as t, which has come or goes; kube_index_tell() for those whose
 * rival is another now, t not among them. */
void kube_claims_add(struct kube_platform *k, struct kube_target *t);
void kube_claims_remove(struct kube_platform *k, struct kube_target *t);
/* Those who want the route, the i-th; NULL: no more. */
struct kube_target *kube_claims_route(const struct kube_platform *k, const char *namespace_, const char *route, int i);

/* kube_index.c: kube_change_fn with the platform as argument. */
void kube_index_rollout(void *k, enum kube_change change, const json_t *object);
void kube_index_deployment(void *k, enum kube_change change, const json_t *object);
void kube_index_slice(void *k, enum kube_change change, const json_t *object);
void kube_index_service(void *k, enum kube_change change, const json_t *object);
void kube_index_route(void *k, enum kube_change change, const json_t *object);
void kube_index_announce(struct kube_platform *k);                       /* all: after load() */
void kube_index_tell(struct kube_platform *k, struct kube_target *t);    /* what is wanted of one */
void kube_index_stirred(struct kube_platform *k, struct kube_target *t); /* what is seen of it is another now */
void kube_index_free(struct kube_platform *k);
/* NULL: there is none. */
struct kube_target *kube_find(const struct kube_platform *k, const char *id);
struct kube_target *kube_find_named(const struct kube_platform *k, const char *namespace_, const char *name);
struct kube_release *kube_release_of(struct kube_target *t, int64_t version,
                                     bool make); /* NULL when there is none, or too many */
int kube_release_ready(const struct kube_release *r);
/* NAME-v7-1. */
void kube_object_name(const struct kube_target *t, int64_t version, char out[static KUBE_OBJECT_NAME_MAX + 1]);

/* kube.c: may we write for so long? UNAVAILABLE with a sentence when we do not lead, or not for long enough. */
int kube_may_write(const struct kube_platform *k, int64_t needed_ms, struct err *e);
/* The ownerReference to t; caller owns it. */
json_t *kube_owner(const struct kube_target *t);
/* metadata with name, namespace, owner, labels (release: 0 for none) and epoch; caller owns it. */
json_t *kube_metadata(const struct kube_platform *k, const struct kube_target *t, const char *name, int64_t release);

/* The parts' operations: as platform.h says of deploy(), retire(), route(), load(), save(), publish(), record(), unmark(). */
void kube_workload_deploy(struct kube_platform *k, struct kube_target *t, const struct deployment *d, platform_done_fn done,
                          void *arg);
void kube_workload_retire(struct kube_platform *k, struct kube_target *t, int64_t version, platform_done_fn done, void *arg);
int64_t kube_workload_run(struct kube_platform *k, int64_t now_ms);
/* This is the candidate now, 0: there is none: NAME-preview ends with its candidate's rollout. */
void kube_workload_preview(struct kube_platform *k, struct kube_target *t, int64_t candidate);
void kube_workload_drop(struct kube_platform *k, struct kube_target *t); /* without calling done */
/* Read pods where it is time; called with kube_workload_run(). */
int64_t kube_look_run(struct kube_platform *k, int64_t now_ms);
void kube_look_drop(struct kube_platform *k, struct kube_target *t); /* called from kube_workload_drop() */

void kube_router_route(struct kube_platform *k, struct kube_target *t, const struct weight *w, int n, bool urgent,
                       platform_done_fn done, void *arg);
int64_t kube_router_run(struct kube_platform *k, int64_t now_ms);
void kube_router_drop(struct kube_platform *k, struct kube_target *t); /* without calling done */
void kube_router_free(struct kube_platform *k);                        /* after the targets */
/* A route event (kube_index.c): fill t->route from it. NULL: it is gone. */
void kube_router_seen(struct kube_platform *k, struct kube_target *t, const json_t *route);
/* Another spec.route (kube_index.c): bring the route into that shape, weights as they are. */
void kube_router_wanted(struct kube_platform *k, struct kube_target *t);

/* kube_leftover.c: a route of ours that its owner does not want any more; any route, as the watch tells of it. */
void kube_leftover_add(struct kube_platform *k, struct kube_target *t, const char *name, const char *uid);
void kube_leftover_seen(struct kube_platform *k, enum kube_change change, const json_t *route);
void kube_leftover_collect(struct kube_platform *k, struct kube_target *t); /* delete them, if the new route serves */
void kube_leftover_back(struct kube_platform *k, struct kube_target *t, const struct weight *w,
                        int n); /* a rollback concerns them too */
void kube_leftover_drop(struct kube_target *t);
/* A slot's Service as the watch tells of it; NULL: it is no more. */
void kube_router_slot_seen(struct kube_platform *k, struct kube_target *t, int slot, const json_t *service);

/* kube_load.c: all records, once we lead and have seen the cluster. */
void kube_load_start(struct kube_platform *k, platform_records_fn done, void *arg);
void kube_load_one(struct kube_platform *k, const struct kube_target *t, platform_records_fn done, void *arg);
void kube_load_drop(struct kube_platform *k, const void *arg); /* that argument's done is not called */
int64_t kube_load_run(struct kube_platform *k, int64_t now_ms);
void kube_load_free(struct kube_platform *k); /* calls no done */

void kube_state_save(struct kube_platform *k, struct kube_target *t, const char *json, int64_t expected, platform_saved_fn done,
                     void *arg);
void kube_state_publish(struct kube_platform *k, const struct target *seen, int64_t followed,
                        const struct desire_trouble *trouble);
/* What the status of a ModelRollout says, unless we know better (kube_index.c), or as just read to be sure (kube_load.c): then the
 * record, borrowed, and its revision; NULL: none. */
const char *kube_state_read(struct kube_platform *k, struct kube_target *t, const json_t *modelrollout, int64_t *revision);
void kube_state_seen(struct kube_platform *k, struct kube_target *t, const json_t *modelrollout);
void kube_history_read(struct kube_platform *k, struct kube_target *t, int64_t before, int limit,
                       struct kube_op *op); /* kube_history.c */
void kube_history_free(struct kube_platform *k);
void kube_history_unmark(struct kube_platform *k, struct kube_target *t, const char *id);
int64_t kube_state_run(struct kube_platform *k, int64_t now_ms);
void kube_state_drop(struct kube_platform *k, struct kube_target *t);

void kube_events_record(struct kube_platform *k, struct kube_target *t, const char *event, struct kube_op *op);
/* kube_complain.c: as platform.h says. */
void kube_complain(struct kube_platform *k, struct kube_target *t, const struct desire_trouble *trouble);
void kube_complaints_free(struct kube_platform *k);
void kube_events_trouble(struct kube_platform *k, const struct kube_target *t, const struct desire_trouble *trouble);

/* kube_world.c */
void kube_world_of(const struct kube_platform *k, const struct kube_target *t, struct world *out);
size_t kube_world_discover(const struct kube_platform *k, struct scrape_target *out, size_t max);

/* kube_measure.c: as platform.h says of meter(), mirrors() and epoch(). */
void kube_measure_meter(struct platform *p, const struct platform_meter *m);
int kube_measure_mirrors(const struct platform *p, struct platform_mirror out[static PLATFORM_MIRRORS_MAX]);
int64_t kube_measure_epoch(const struct platform *p);
