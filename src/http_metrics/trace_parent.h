/* trace_parent.h: parses the header `traceparent`, which says of which trace a request is part.
 *
 * Threads: any.
 * Source:  W3C "Trace Context", 3.2 and 4.3
 */
#ifndef SX_TRACE_PARENT_H
#define SX_TRACE_PARENT_H

#include <sextant/status.h>

#include <stdbool.h>
#include <stdint.h>

struct sx__trace_parent {
    uint64_t trace_id[2]; /* the first half, the second half */
    uint64_t span_id;     /* the caller's span */
    bool is_sampled;      /* the caller may have recorded the trace */
};

/** Parses the value of the header.
 *
 * Of future versions (above 00) it parses the parts that version 00 has, as the source says.
 *
 * @param header  without spaces around it; if there were several such headers, none of them counts
 * @return   false: it is not valid, and must be ignored; *parent is then unchanged
 */
bool sx__trace_parent_parse(struct sx__trace_parent *parent, struct sx_str header);

/** Writes 16 lower-case hexadecimal digits, without a NUL: half a trace id, or a span id. */
void sx__trace_parent_write_id(char *digits, uint64_t id);

#endif
