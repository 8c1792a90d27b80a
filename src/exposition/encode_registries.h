/* encode_registries.h: several registries on one page, in Prometheus text 0.0.4. */
#ifndef SX_EXPOSITION_ENCODE_REGISTRIES_H
#define SX_EXPOSITION_ENCODE_REGISTRIES_H

#include <sextant/exposition.h>

/** Writes an empty page with all families of the registries and of those that they show.
 *
 * @param registries  NULL in the list: the default registry
 * Errors:   SX_ENOMEM, SX_ESTATE
 */
int sx__encode_registries(struct sx_page *page, struct sx_registry *const *registries,
                          size_t count);

#endif
