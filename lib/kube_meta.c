/* Members that every Kubernetes object has. */
#include "lib/kube_client.h"

const char *kube_meta(const json_t *object, const char *member)
{
        const char *text = json_string_value(json_object_get(json_object_get(object, "metadata"), member));

        return text ? text : "";
}
