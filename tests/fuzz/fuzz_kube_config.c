// with: lib/base64.c lib/clock.c lib/err.c lib/fs.c lib/kube_config.c lib/kube_config_file.c lib/mem.c lib/strbuf.c lib/yaml_json.c
/* kubeconfig files: whatever the bytes, a whole configuration or an error that says why, and nothing leaked. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auto.h"
#include "lib/kube_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        AUTO(json) doc = NULL;
        struct kube_config c = { 0 };
        struct err e = { 0 };

        if (kube_config_parse("/a/b", (const char *) data, size, &doc, &e) == 0 &&
            kube_config_choose(doc, &(struct kube_config_options){ 0 }, &c, &e) == 0)
                assert(c.server && c.context && c.namespace_ && !c.insecure && (!c.exec.argv || c.exec.argv[0]));
        else
                assert(e.kind != ERR_NONE && e.msg[0]);
        kube_config_done(&c);
        return 0;
}
