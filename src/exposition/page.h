/* page.h: a page that grows as it is written. */
#ifndef SX_EXPOSITION_PAGE_H
#define SX_EXPOSITION_PAGE_H

#include <sextant/exposition.h>

/** Makes room for `size` more bytes; where that fails, SX_ENOMEM, and the page is as it was.
 *
 * Writers ask once for all they are about to write, and then only copy.
 */
int sx__page_reserve(struct sx_page *page, size_t size);

#endif
