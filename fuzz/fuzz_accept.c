/* Property: a quality is 0 to 1000, what is chosen is one of the renderers and none is wanted more,
 * and of a header without the media type or a star nothing is chosen. */
#include "accept.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct sx_renderer items[] = {
    {"application/json", sx_render_json, {0}},
    {"text/csv; charset=utf-8", sx_render_json, {0}},
    {"text/plain", sx_render_json, {0}},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sx_renderer_list list = SX_LIST(items);
    char *accept = malloc(size + 1);
    if (accept == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(accept, data, size);
    }
    accept[size] = '\0';
    unsigned most = 0;
    for (size_t i = 0; i < list.count; i++) {
        unsigned quality = sx__accept_quality(accept, items[i].media_type);
        most = quality > most ? quality : most;
    }
    const struct sx_renderer *chosen = sx__accept_choose(&list, accept);
    if (most > 1000 || (chosen == NULL) != (most == 0) ||
        (chosen != NULL && sx__accept_quality(accept, chosen->media_type) != most)) {
        abort();
    }
    if (strpbrk(accept, "/") == NULL && strspn(accept, " \t") != strlen(accept) && chosen != NULL) {
        abort();
    }
    free(accept);
    return 0;
}
