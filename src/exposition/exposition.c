/* exposition.c: rendering registries to a page in one of the formats. Runs in the thread that
 * scrapes.
 */
#include "encode_registries.h"
#include "encode_text.h"
#include "page.h"
#include "shown.h"

#include <sextant/exposition.h>

const char *sx_format_content_type(enum sx_format format)
{
    (void)format; /* so far there is one */
    return "text/plain; version=0.0.4; charset=utf-8";
}

/* Ends a page with NUL, for which it has room. A page that failed is empty, because a truncated one
 * would look complete. */
static int finish_page(struct sx_page *page, int status)
{
    if (status == SX_OK) {
        status = sx__page_reserve(page, 1);
    }
    if (status != SX_OK) {
        page->size = 0;
    }
    if (page->data != NULL) {
        page->data[page->size] = '\0';
    }
    return status;
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
    return finish_page(page, sx__registry_shows(registry)
                                 ? sx__encode_registries(page, &registry, 1)
                                 : sx__encode_text(page, registry));
}

int sx_page_render_registries(struct sx_page *page, struct sx_registry *const *registries,
                              size_t count, enum sx_format format)
{
    if (page == NULL) {
        return SX_EINVAL;
    }
    page->size = 0;
    if (format != SX_FORMAT_TEXT || (registries == NULL && count > 0)) {
        return SX_EINVAL;
    }
    return finish_page(page, sx__encode_registries(page, registries, count));
}
