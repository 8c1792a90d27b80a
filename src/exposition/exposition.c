/* exposition.c: rendering a registry to a page in one of the formats. Runs in the thread that
 * scrapes.
 */
#include "encode_text.h"
#include "page.h"

#include <sextant/exposition.h>

const char *sx_format_content_type(enum sx_format format)
{
    (void)format; /* so far there is one */
    return "text/plain; version=0.0.4; charset=utf-8";
}

int sx_page_render(struct sx_page *page, struct sx_registry *registry, enum sx_format format)
{
    if (page == NULL) {
        return SX_EINVAL;
    }
    page->size = 0;
    if (format != SX_FORMAT_TEXT) {
        return SX_EINVAL;
    }
    if (registry == NULL) {
        registry = sx_registry_default();
    }
    if (registry == NULL) {
        return SX_ENOMEM;
    }
    int status = sx__encode_text(page, registry);
    if (status == SX_OK) {
        status = sx__page_reserve(page, 1);
    }
    if (status != SX_OK) {
        page->size = 0; /* a truncated page would look complete */
    }
    if (page->data != NULL) {
        page->data[page->size] = '\0';
    }
    return status;
}
