/* encode_text.h: Prometheus text 0.0.4. */
#ifndef SX_EXPOSITION_ENCODE_TEXT_H
#define SX_EXPOSITION_ENCODE_TEXT_H

#include "series_values.h"

#include <sextant/exposition.h>

/** Appends all families of the registry to the page. Errors: SX_ENOMEM. */
int sx__encode_text(struct sx_page *page, struct sx_registry *registry);

#endif
