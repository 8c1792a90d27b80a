/* gzip.h: compressing pages with zlib.
 *
 *     const struct sx_exposition_request request = {
 *         .accept_encoding = value_of_the_header,
 *         .gzip = sx_page_gzip,
 *     };
 *
 * The metrics server and sx_expose_metrics compress by themselves. This is for programs that answer
 * scrapes with sx_exposition_respond. The function is in libsextant and libsextant-metrics-server,
 * because libsextant-metrics needs no zlib.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler
 */
#ifndef SEXTANT_GZIP_H
#define SEXTANT_GZIP_H

#include <sextant/exposition.h>
#include <sextant/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Compresses a page with gzip (RFC 1952), at zlib's level 1. Equal pages become equal bytes.
 *
 * @param page  its content is replaced by the compressed one, and its buffer is kept; on failure it
 *              is unchanged
 * Errors:   SX_EINVAL (`page` is NULL), SX_EFULL (the result would not be smaller), SX_ENOMEM,
 *           SX_ESTATE (the library was built without zlib), SX_ESYSTEM (zlib failed)
 * Threads:  [any]; a page only by one at a time
 * Memory:   during the call about 270 KiB for zlib, and a buffer for the result: 1/8 of the page
 *           and 1 KiB at first, doubled as needed, at most the size of the page. While realloc
 *           moves it, the smaller buffer exists, too.
 */
SX_API SX_MUST_CHECK int sx_page_gzip(struct sx_page *page);

#ifdef __cplusplus
}
#endif
#endif
