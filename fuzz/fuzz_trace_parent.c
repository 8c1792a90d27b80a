/* Property: what is accepted has the ids of the header, and they are not 0; and the same ids and
 * flags, written as version 00, are accepted with the same meaning. */
#include "trace_parent.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(const char *header, size_t size)
{
    struct sx__trace_parent parent;
    if (!sx__trace_parent_parse(&parent, (struct sx_str){header, size})) {
        return;
    }
    char text[] = "00-................................-................-0x";
    struct sx__trace_parent again;
    sx__trace_parent_write_id(text + 3, parent.trace_id[0]);
    sx__trace_parent_write_id(text + 19, parent.trace_id[1]);
    sx__trace_parent_write_id(text + 36, parent.span_id);
    text[54] = parent.is_sampled ? '1' : '0';
    if (memcmp(text + 3, header + 3, 50) != 0 || (parent.trace_id[0] | parent.trace_id[1]) == 0 ||
        parent.span_id == 0 ||
        !sx__trace_parent_parse(&again, (struct sx_str){text, sizeof text - 1}) ||
        again.trace_id[0] != parent.trace_id[0] || again.trace_id[1] != parent.trace_id[1] ||
        again.span_id != parent.span_id || again.is_sampled != parent.is_sampled) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = malloc(size > 0 ? size : 1);
    if (exact != NULL) {
        memcpy(exact, data, size);
        check(exact, size);
    }
    free(exact);
    return 0;
}
