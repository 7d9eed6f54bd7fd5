/* ControllerRevision data, written and read. */
#include "rolloutd/kube_plan.h"

#include <string.h>

#include "lib/json.h"
#include "lib/release.h"

json_t *kube_plan_data(const json_t *rollout, const struct kube_spec *s, int64_t version, const char *digest)
{
        json_t *spec = json_object_get(rollout, "spec");

        return json_pack("{s:I, s:s, s:s, s:i, s:O?, s:O*, s:O*}", "version", (json_int_t) release_version(version), "model",
                         s->model ? s->model : "", "digest", digest, "port", s->route.port, "template",
                         json_object_get(spec, "template"), "autoscaling", json_object_get(spec, "autoscaling"), "maxUnavailable",
                         json_object_get(spec, "maxUnavailable"));
}

int kube_plan_read(json_t *data, struct kube_plan *out, struct err *e)
{
        json_int_t version;
        json_t *containers, *c;
        size_t i;

        *out = (struct kube_plan){ 0 };
        if (json_peek("the release", data, e, "{s:I, s:s, s:s, s:i, s:o, s?o, s?o}", "version", &version, "model", &out->model,
                      "digest", &out->digest, "port", &out->port, "template", &out->template, "autoscaling", &out->autoscaling,
                      "maxUnavailable", &out->max_unavailable))
                return -1;
        out->version = version;
        containers = json_object_get(json_object_get(out->template, "spec"), "containers");
        if (json_array_size(containers) == 0)
                return err_set(e, ERR_INVALID, "the template has no containers");
        json_array_foreach (containers, i, c)
                if (!json_is_object(c))
                        return err_set(e, ERR_INVALID, "container %zu of the template is no object", i);
        return 0;
}
