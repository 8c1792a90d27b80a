/* shared_page.h: the page of a copy of a registry with a name. */
#ifndef SX_EXPOSITION_SHARED_PAGE_H
#define SX_EXPOSITION_SHARED_PAGE_H

#include "shared_copy.h"

#include <sextant/exposition.h>

/** Renders any bytes that claim to be a registry. Errors: as sx_page_render_shared. */
int sx__page_render_bytes(struct sx_page *page, const struct sx__bytes *bytes,
                          const struct sx_page_options *options);

#endif
