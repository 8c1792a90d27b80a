/* trace_parent.h: parses the header `traceparent`, which says of which trace a request is part.
 *
 * Threads: any.
 * Source:  W3C "Trace Context", 3.2 and 4.3
 */
#ifndef SX_TRACE_PARENT_H
#define SX_TRACE_PARENT_H

#include <sextant/status.h>

#include <stdbool.h>

struct sx__trace_parent {
    struct sx_str trace_id; /* 32 lower-case hexadecimal digits, in the header */
    struct sx_str span_id;  /* 16 such digits: the caller's span */
    bool is_sampled;        /* the caller may have recorded the trace */
};

/** Parses the value of the header.
 *
 * Of versions above 00, which are to come, it takes the parts of version 00, as the source says.
 *
 * @param header  without spaces around it; if there were several such headers, none of them counts
 * @return   false: it is not valid, and must be ignored; *parent is then unchanged
 */
bool sx__trace_parent_parse(struct sx__trace_parent *parent, struct sx_str header);

#endif
