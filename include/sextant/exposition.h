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
 * Errors:   SX_EINVAL, SX_ENOMEM, SX_ESTATE (the caller is a collector or callback)
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

/* ---- answering a scrape, with whatever server ---- */

/** The format that suits an Accept header best: by its weights and media ranges, and text where it
 *  asks for nothing that can be written. Never fails: a scraper does more with the wrong format
 *  than with a 406.
 *
 * @param accept  the header's value, several joined by commas; {NULL, 0}: there is none
 * Threads:  [any]
 * Source:   RFC 9110 12.5.1; Prometheus "Content negotiation"
 */
SX_API enum sx_format sx_format_negotiate(struct sx_str accept);

/** What a scraper asks; a header that it did not send is {NULL, 0}. Views, borrowed. */
struct sx_exposition_request {
    struct sx_str method;          /* {NULL, 0}: GET */
    struct sx_str accept;          /* several such headers: joined by commas */
    struct sx_str accept_encoding; /* nothing is compressed so far, whatever it says */
    void *reserved[4];
};

struct sx_exposition_header {
    const char *name, *value;
};

#define SX_EXPOSITION_HEADERS_MAX 6

/** What to answer. Strings are static; the body is, too, or lies in the page. */
struct sx_exposition_response {
    int status; /* 200; 405; 500: the page could not be rendered */
    const char *content_type;
    size_t content_length; /* of a HEAD as of its GET */
    struct sx_str body;    /* empty for a HEAD */
    struct sx_exposition_header
        headers[SX_EXPOSITION_HEADERS_MAX]; /* others to send: Vary, Allow */
    size_t header_count;
    void *reserved[4];
};

/** Answers a request for the metrics: GET and HEAD, and 405 with Allow to any other method.
 *
 * @param response  is set whenever SX_OK is returned, also to a 405 or 500
 * @param page      is rendered into; keep it until the body was sent, and use it again
 * @param registry  NULL: the default registry
 * Errors:   SX_EINVAL: one of the other pointers is NULL
 * Threads:  [any] with a page of its own
 * Memory:   the body borrows from the page
 */
SX_API SX_MUST_CHECK int sx_exposition_respond(struct sx_exposition_response *response,
                                               struct sx_page *page, struct sx_registry *registry,
                                               const struct sx_exposition_request *request);

/* ---- checking a page ---- */

/** One thing that is wrong with a page. */
struct sx_violation {
    size_t line;      /* from 1 */
    const char *rule; /* its short name, "duplicate"; static; docs/metrics.md lists them */
    const char *text; /* a sentence without its full stop, for people; borrowed from the checker */
    void *reserved[2];
};

/** Hears of a violation; anything but 0 ends the check. */
typedef int sx_violation_fn(void *context, const struct sx_violation *violation);

/** How a page is checked; the zero value is right. */
struct sx_check_options {
    enum sx_format format;
    size_t violations_max; /* after so many the check ends; 0: 100 */
    void *reserved[4];
};

/** Checks a page more strictly than Prometheus reads it: what is not in the format, what readers
 *  differ on, and what would be stored and then be nonsense.
 *
 * A page of 0 violations has only lines that parse, in UTF-8; families in one piece, typed before
 * their samples; each series once, with the label names of its family; counters that are not
 * negative; histograms with ordered, cumulative buckets up to +Inf, a sum and an equal count.
 * Violations come line by line; what a histogram or summary lacks comes last.
 *
 * @param page     the whole of it, up to 4 GiB; need not end in NUL
 * @param options  NULL: all defaults
 * @param report   hears of each violation; NULL: they are only counted
 * @return   the number of violations, 0 for a good page; or a negative status
 * Errors:   SX_EINVAL, SX_ENOMEM
 * Threads:  [any]
 * Memory:   about 30 bytes a sample while it runs; the page is borrowed
 * Source:   Prometheus "Exposition formats"
 */
SX_API SX_MUST_CHECK int sx_exposition_check(struct sx_str page,
                                             const struct sx_check_options *options,
                                             sx_violation_fn *report, void *context);

#ifdef __cplusplus
}
#endif
#endif
