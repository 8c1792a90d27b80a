/* exposition.c: rendering registries to a page in one of the formats. Runs in the thread that
 * scrapes.
 */
#include "encode.h"
#include "page.h"
#include "shared_object.h"
#include "shared_page.h"

#include <sextant/exposition.h>

#include <unistd.h>

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

/* ---- a registry with a name ---- */

static bool read_object(void *context, size_t offset, void *to, size_t size)
{
    const struct sx__shared_object *object = context;
    return sx__file_read(object->file, offset, to, size);
}

static size_t allocated_of_object(void *context)
{
    const struct sx__shared_object *object = context;
    return sx__file_allocated(object->file);
}

int sx_page_render_shared(struct sx_page *page, const char *shared_name,
                          const struct sx_page_options *options)
{
    static const struct sx_page_options defaults;
    struct sx__shared_object object;
    options = options == NULL ? &defaults : options;
    if (page == NULL) {
        return SX_EINVAL;
    }
    page->size = 0;
    if (shared_name == NULL || !sx__shared_name_is_valid(shared_name) ||
        !sx__page_options_are_valid(options)) {
        return SX_EINVAL;
    }
    int status = sx__shared_object_open_to_read(&object, shared_name);
    if (status == SX_OK) {
        const struct sx__bytes bytes = {read_object, allocated_of_object, &object, object.size};
        status = sx__page_render_bytes(page, &bytes, options);
        (void)close(object.file);
    }
    return status;
}
