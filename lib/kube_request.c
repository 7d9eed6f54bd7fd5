/* Where each verb goes and what it carries. */
#include "lib/kube_request.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auto.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/strbuf.h"

enum { PATH_MAX_BYTES = 16384, SEGMENT_MAX = 253 };

static const struct {
        const char *name, *method, *content_type;
        bool named;  /* the path ends in the object's name */
        bool writes; /* takes a fieldManager */
        const char *query;
} verbs[KUBE_VERB_COUNT] = {
        [KUBE_GET] = { "get", "GET", NULL, true, false, NULL },
        [KUBE_LIST] = { "list", "GET", NULL, false, false, NULL },
        [KUBE_WATCH] = { "watch", "GET", NULL, false, false, "watch=1&allowWatchBookmarks=true" },
        [KUBE_CREATE] = { "create", "POST", "application/json", false, true, NULL },
        [KUBE_UPDATE] = { "update", "PUT", "application/json", true, true, NULL },
        [KUBE_JSON_PATCH] = { "json-patch", "PATCH", "application/json-patch+json", true, true, NULL },
        [KUBE_MERGE_PATCH] = { "merge-patch", "PATCH", "application/merge-patch+json", true, true, NULL },
        [KUBE_APPLY] = { "apply", "PATCH", "application/apply-patch+yaml", true, true, NULL }, /* JSON is YAML too */
        [KUBE_DELETE] = { "delete", "DELETE", "application/json", true, false, NULL },
};

const char *kube_verb_name(enum kube_verb v)
{
        return verbs[v].name;
}

/* What cannot leave its place in the path, and could be the name of something (RFC 1123 and the freer names of RBAC). */
static int add_segment(struct strbuf *b, const char *segment, struct err *e)
{
        size_t n = strlen(segment);

        if (!n || n > SEGMENT_MAX || strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0 || strpbrk(segment, "/%"))
                return err_set(e, ERR_INVALID, "\"%.64s\" is no Kubernetes name", segment);
        AUTO(str) escaped = http_escape(segment);
        strbuf_addc(b, '/');
        strbuf_adds(b, escaped);
        return 0;
}

static int add_path(struct strbuf *b, const struct kube_call *c, struct err *e)
{
        const struct kube_resource *r = c->resource;

        if (c->path) {
                strbuf_adds(b, c->path);
                return 0;
        }
        strbuf_adds(b, *r->group ? "/apis" : "/api");
        if ((*r->group && add_segment(b, r->group, e)) || add_segment(b, r->version, e))
                return -1;
        if (c->namespace_) {
                strbuf_adds(b, "/namespaces");
                if (add_segment(b, c->namespace_, e))
                        return -1;
        }
        if (add_segment(b, r->plural, e))
                return -1;
        if (verbs[c->verb].named && add_segment(b, c->name ? c->name : "", e))
                return -1;
        return c->subresource ? add_segment(b, c->subresource, e) : 0;
}

static void add_query(struct strbuf *b, const struct kube_call *c)
{
        const char *join = "?";

        if (c->query && *c->query) {
                strbuf_addf(b, "%s%s", join, c->query);
                join = "&";
        }
        if (verbs[c->verb].query) {
                strbuf_addf(b, "%s%s", join, verbs[c->verb].query);
                join = "&";
        }
        if (!verbs[c->verb].writes)
                return;
        AUTO(str) manager = http_escape(c->field_manager ? c->field_manager : "sluice");
        strbuf_addf(b, "%sfieldManager=%s%s", join, manager, c->verb == KUBE_APPLY && c->force ? "&force=true" : "");
}

int kube_request_init(struct kube_request *rq, const struct kube_call *c, struct err *e)
{
        AUTO_STRBUF path;

        strbuf_init(&path, PATH_MAX_BYTES);
        *rq = (struct kube_request){ .method = verbs[c->verb].method };
        rq->what = xasprintf("%s %s %s%s%s", rq->method, c->path ? c->path : c->resource->plural,
                             c->namespace_ ? c->namespace_ : "", c->namespace_ ? "/" : "", c->name ? c->name : "");
        if (add_path(&path, c, e))
                return err_wrap(e, "%s", rq->what);
        add_query(&path, c);
        if (!strbuf_ok(&path))
                return err_set(e, ERR_INVALID, "%s: the path is over %d bytes", rq->what, PATH_MAX_BYTES);
        rq->path = strbuf_take(&path);
        if (c->body) {
                rq->body = json_text(c->body);
                rq->content_type = verbs[c->verb].content_type;
        }
        return 0;
}

void kube_request_done(struct kube_request *rq)
{
        free(rq->path);
        free(rq->body);
        free(rq->what);
        *rq = (struct kube_request){ 0 };
}
