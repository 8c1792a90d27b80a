/* page.h: growing the buffer of a page. */
#ifndef SX_EXPOSITION_PAGE_H
#define SX_EXPOSITION_PAGE_H

#include <sextant/exposition.h>

/** Makes the buffer larger, so that `size` more bytes fit. Errors: SX_ENOMEM; the page is then
 * unchanged. */
int sx__page_grow(struct sx_page *page, size_t size);

/** Makes room for `size` more bytes. Errors: SX_ENOMEM; the page is then unchanged.
 *
 * Writers reserve once for all that they are about to write, and then only copy.
 */
static inline int sx__page_reserve(struct sx_page *page, size_t size)
{
    return page->capacity - page->size >= size ? SX_OK : sx__page_grow(page, size);
}

/** Where the next byte goes. */
static inline char *sx__page_end(const struct sx_page *page)
{
    return page->data + page->size;
}

/** Takes what was written up to `end` into the page. */
static inline void sx__page_set_end(struct sx_page *page, const char *end)
{
    page->size = (size_t)(end - page->data);
}

#endif
