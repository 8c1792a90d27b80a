/* page.h: growing the buffer of a page. */
#ifndef SX_EXPOSITION_PAGE_H
#define SX_EXPOSITION_PAGE_H

#include <sextant/exposition.h>

/** Makes room for `size` more bytes. Errors: SX_ENOMEM; the page is then unchanged.
 *
 * Writers reserve once for all that they are about to write, and then only copy.
 */
int sx__page_reserve(struct sx_page *page, size_t size);

#endif
