/* encode.h: one or several registries on one page, in any format. */
#ifndef SX_EXPOSITION_ENCODE_H
#define SX_EXPOSITION_ENCODE_H

#include "format.h"

/** Writes an empty page with all families of the registries and of those that they show.
 *
 * @param registries  NULL in the list: the default registry
 * @param options     checked
 * Errors:   SX_ENOMEM, SX_ESTATE
 */
int sx__encode(struct sx_page *page, struct sx_registry *const *registries, size_t count,
               const struct sx_page_options *options);

#endif
