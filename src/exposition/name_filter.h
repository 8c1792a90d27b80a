/* name_filter.h: the families that the query of a scrape selects:
 * `name[]=up&name[]=requests_total`. */
#ifndef SX_EXPOSITION_NAME_FILTER_H
#define SX_EXPOSITION_NAME_FILTER_H

#include <sextant/status.h>
#include <stddef.h>

struct sx__name_filter {
    struct sx_str *names;
    size_t count; /* 0: all families */
    char *bytes;
};

/** Decodes the names in a query.
 *
 * @param query  as it was sent. A malformed escape stays as it is. The parameter's name may be
 *               written `name%5B%5D`; all other parameters are ignored.
 * @param filter to be cleaned up, also on failure
 * Errors:   SX_ENOMEM
 */
int sx__name_filter_read(struct sx__name_filter *filter, struct sx_str query);

void sx__name_filter_clean_up(struct sx__name_filter *filter);

#endif
