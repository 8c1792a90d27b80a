/* Property: what is accepted has two ids that are not 0, inside the header; and the same ids and
 * flags, written as version 00, are accepted with the same meaning. */
#include "trace_parent.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_same(struct sx_str a, struct sx_str b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static void check(const char *header, size_t size)
{
    struct sx__trace_parent parent;
    if (!sx__trace_parent_parse(&parent, (struct sx_str){header, size})) {
        return;
    }
    char text[64];
    struct sx__trace_parent again;
    const int written = snprintf(text, sizeof text, "00-%.32s-%.16s-%02x", parent.trace_id.data,
                                 parent.span_id.data, parent.is_sampled ? 1u : 0u);
    if (parent.trace_id.data != header + 3 || parent.span_id.data != header + 36 || written != 55 ||
        strspn(parent.trace_id.data, "0") >= 32 || strspn(parent.span_id.data, "0") >= 16 ||
        !sx__trace_parent_parse(&again, (struct sx_str){text, (size_t)written}) ||
        !is_same(again.trace_id, parent.trace_id) || !is_same(again.span_id, parent.span_id) ||
        again.is_sampled != parent.is_sampled) {
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
