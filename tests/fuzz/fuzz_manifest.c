// with: registryd/manifest.c registryd/rules.c registryd/range_rules.c lib/json.c lib/json_write.c lib/names.c lib/sha256.c lib/strbuf.c lib/utf8.c lib/err.c lib/mem.c
/* Bodies of version registrations, and the headers of downloads: hostile text in, a verdict out. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "registryd/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        AUTO(str) text = xstrndup((const char *) data, size);
        AUTO(json) doc = NULL;
        AUTO(manifest) m = NULL;
        struct byte_range range;
        struct precondition when;

        if (json_parse("body", (const char *) data, size, &doc, NULL) == 0 && manifest_new(doc, &m, NULL) == 0 &&
            !digest_is_valid(m->digest))
                abort();
        if (range_parse(text, 1000, &range, NULL) == 0 &&
            (range.first < 0 || range.length < 1 || range.first + range.length > 1000))
                abort();
        (void) etag_is_listed(text, "tag");
        (void) precondition_parse(text, NULL, &when, NULL);
        return 0;
}
