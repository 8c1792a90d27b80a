/* exposition.h: the page that Prometheus reads.
 *
 * A page is rendered to memory first and is whole or not there at all. Keep the page and render
 * into it again: its buffer is reused.
 */
#ifndef SEXTANT_EXPOSITION_H
#define SEXTANT_EXPOSITION_H

#include <sextant/metrics.h>
#include <sextant/status.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sx_format {
    SX_FORMAT_TEXT = 0, /* Prometheus text 0.0.4 */
};

/** A rendered page. Initialise with `{0}`; `data` is not NUL-terminated. */
struct sx_page {
    char *data;
    size_t size;
    size_t capacity;
};

/** Renders all families of the registry; each with its HELP and TYPE, in order of registration.
 *
 * @param page      its former content is replaced; on failure it is empty
 * @param registry  NULL: the default registry
 * Errors:   SX_EINVAL, SX_ENOMEM
 * Threads:  [any] with a page of its own; takes no lock that an update takes
 * Memory:   the page owns its buffer; free with sx_page_clean_up
 * Source:   Prometheus "Exposition formats"
 */
SX_API SX_MUST_CHECK int sx_page_render(struct sx_page *page, struct sx_registry *registry,
                                        enum sx_format format);

/** Frees the page's buffer and zeroes it; NULL is a no-op. */
SX_API void sx_page_clean_up(struct sx_page *page);

/** The Content-Type of a format: "text/plain; version=0.0.4; charset=utf-8". Static string. [any]
 */
SX_API const char *sx_format_content_type(enum sx_format format);

#ifdef __cplusplus
}
#endif
#endif
