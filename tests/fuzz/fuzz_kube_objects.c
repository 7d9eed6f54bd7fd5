// with: rolloutd/kube_configs.c rolloutd/kube_deployment.c rolloutd/kube_objects.c rolloutd/kube_plan.c rolloutd/kube_pods.c rolloutd/kube_scale.c rolloutd/last_words.c lib/err.c lib/json.c lib/json_write.c lib/mem.c lib/names.c lib/release.c lib/sha256.c lib/strbuf.c lib/utf8.c
/* Templates and pods of any shape: a Deployment or a reason why not, and what a template names is renamed everywhere. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/json.h"
#include "rolloutd/kube_configs.h"
#include "rolloutd/kube_objects.h"
#include "rolloutd/kube_pods.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void build(json_t *doc)
{
        struct kube_scorer s = { "http://r", "s", "copy" };
        AUTO(json)
        plan = json_pack("{s:i, s:s, s:s, s:i, s:O}", "version", 7, "model", "m", "digest", "", "port", 8000, "template", doc);
        AUTO(json) selector = kube_selector("fraud", 7);
        struct kube_configs before, after;
        struct kube_plan p;

        if (kube_plan_read(plan, &p, NULL) || kube_configs_find(p.template, &before, NULL))
                return;
        AUTO(json) deployment = kube_deployment_object(&p, &s, selector, 1, json_object());
        const json_t *template = json_object_get(json_object_get(deployment, "spec"), "template");
        if (json_array_size(json_object_get(json_object_get(template, "spec"), "containers")) &&
            kube_configs_find(template, &after, NULL) == 0)
                assert(after.n >= before.n && after.n <= before.n + 1); /* and the registry's Secret */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        AUTO(json) doc = NULL;
        struct kube_trouble t;

        if (json_parse("template", (const char *) data, size, &doc, NULL))
                return 0;
        build(doc);
        kube_pods_trouble(doc, &t);
        kube_deployment_trouble(doc, &t);
        (void) kube_scale_floor(doc, NULL);
        return 0;
}
