/* The annotation that says how large a release is to be. */
#include "rolloutd/kube_scale.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/sha256.h"

void kube_scale_wish(const json_t *spec, char out[static KUBE_WISH_LEN + 1])
{
        char digest[DIGEST_TEXT_LEN + 1];
        AUTO(json)
        wish = json_pack("[O?, O?]", json_object_get(spec, "autoscaling"), json_object_get(spec, "maxUnavailable"));
        AUTO(str) text = json_canonical(wish);

        digest_of(text, strlen(text), digest);
        (void) snprintf(out, KUBE_WISH_LEN + 1, "%.*s", KUBE_WISH_LEN, digest + strlen("sha256:"));
}

void kube_scale_text(bool autoscaled, int floor, const char *wish, char out[static KUBE_SCALE_TEXT_MAX])
{
        if (autoscaled)
                (void) snprintf(out, KUBE_SCALE_TEXT_MAX, "%d/%.8s", floor, wish);
        else
                (void) snprintf(out, KUBE_SCALE_TEXT_MAX, "-/%.8s", wish);
}

int kube_scale_floor(const json_t *deployment, const char *wish)
{
        const json_t *annotations = json_object_get(json_object_get(deployment, "metadata"), "annotations");
        const json_t *replicas = json_object_get(json_object_get(deployment, "spec"), "replicas");
        const char *text = json_string_value(json_object_get(annotations, KUBE_ANNOTATION_SCALE));
        const char *slash = text ? strchr(text, '/') : NULL;
        long floor;
        char *end;

        if (!slash || (wish && strcmp(slash + 1, wish) != 0))
                return -1;
        if (strncmp(text, "-/", 2) == 0)
                return json_is_integer(replicas) ? (int) json_integer_value(replicas) : -1;
        floor = strtol(text, &end, 10);
        return end == slash && floor >= 0 && floor <= INT32_MAX ? (int) floor : -1;
}
