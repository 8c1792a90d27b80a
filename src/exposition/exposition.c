/* exposition.c: rendering registries to a page in one of the formats. Runs in the thread that
 * scrapes.
 */
#include "encode.h"
#include "page.h"

#include <sextant/exposition.h>

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
    const struct sx_page_options options = {.format = format};
    if (registry == NULL) {
        registry = sx_registry_default();
    }
    if (page != NULL && registry == NULL) {
        page->size = 0;
        return SX_ENOMEM;
    }
    return sx_page_render_options(page, &registry, 1, &options);
}

int sx_page_render_registries(struct sx_page *page, struct sx_registry *const *registries,
                              size_t count, enum sx_format format)
{
    const struct sx_page_options options = {.format = format};
    return sx_page_render_options(page, registries, count, &options);
}

int sx_page_render_options(struct sx_page *page, struct sx_registry *const *registries,
                           size_t count, const struct sx_page_options *options)
{
    static const struct sx_page_options defaults;
    options = options == NULL ? &defaults : options;
    if (page == NULL) {
        return SX_EINVAL;
    }
    page->size = 0;
    if (!sx__page_options_are_valid(options) || (registries == NULL && count > 0)) {
        return SX_EINVAL;
    }
    return finish_page(page, sx__encode(page, registries, count, options));
}
