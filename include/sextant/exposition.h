/* exposition.h: the page that Prometheus scrapes: rendering it, answering a scrape, checking it.
 *
 * A page is rendered to memory before it is sent, so it is complete or there is none. Keep the page
 * and render into it again: its buffer is reused.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler. Threads that
 *            render at the same time need a page each.
 * Every function of this header is [any].
 */
#ifndef SEXTANT_EXPOSITION_H
#define SEXTANT_EXPOSITION_H

#include <sextant/metrics.h>
#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The formats of a page. Each is one that Prometheus reads; see docs/formats.md. */
enum sx_format {
    SX_FORMAT_TEXT = 0,    /* Prometheus text 0.0.4 */
    SX_FORMAT_TEXT_1_0_0,  /* Prometheus text 1.0.0: names may be in quotes */
    SX_FORMAT_OPENMETRICS, /* OpenMetrics text 1.0.0 */
    SX_FORMAT_PROTOBUF,    /* Prometheus protobuf, each family behind its length; not text */
};

/** How names with characters other than [a-zA-Z0-9_:] are written. Other names are not changed,
 * except that SX_ESCAPING_DOTS doubles their underscores. */
enum sx_escaping {
    SX_ESCAPING_DEFAULT = 0, /* as SX_ESCAPING_UNDERSCORES, but not named in the Content-Type */
    SX_ESCAPING_UNDERSCORES, /* my.metric: my_metric */
    SX_ESCAPING_DOTS,        /* my.metric: my_dot_metric */
    SX_ESCAPING_VALUES,      /* my.metric: U__my_2e_metric */
    SX_ESCAPING_ALLOW_UTF_8, /* unchanged, in quotes in text; SX_FORMAT_TEXT: as underscores */
};

/** A rendered page. Initialise it with `{0}`. */
struct sx_page {
    char *data; /* ends with a NUL that `size` does not count; NULL before the first page */
    size_t size;
    size_t capacity;
    void *reserved[1];
};

/** Renders all families of the registry, each with its HELP and TYPE, in order of registration;
 * then those of callbacks and collectors, in the order in which these were registered; then the
 * gauges of SX_MODE_LIVE_ALL. What the registry shows of others (sx_registry_show) follows, as in
 * sx_page_render_registries.
 *
 * @param page      its former content is replaced; on failure it is empty
 * @param registry  NULL: the default registry
 * Errors:   SX_EINVAL, SX_ENOMEM, SX_ESTATE (the caller is a collector or callback)
 * Threads:  [any]; may take the registry's lock for short times. Only the updates that take it (see
 *           metrics.h) wait for that
 * Memory:   the page owns its buffer; free it with sx_page_clean_up. A caller that passes the
 *           buffer on may free `data` with free() instead, and then no longer uses the page.
 * Source:   Prometheus "Exposition formats"
 */
SX_API SX_MUST_CHECK int sx_page_render(struct sx_page *page, struct sx_registry *registry,
                                        enum sx_format format);

/** Renders several registries to one page: the first as sx_page_render does, then the second, and
 * so on. A registry that is in the list twice is rendered once.
 *
 * Families of the same name and type in several registries become one family, in the place of the
 * first one, with the HELP of the first one; their labels, and the bounds of histograms, may
 * differ. What would make the page invalid is left out:
 *
 * - a family whose name has another type in an earlier registry, or clashes with a sample name of
 *   an earlier registry's family;
 * - a series that an earlier registry has with the same labels and values. Constant labels keep
 *   series apart; see sx_registry_options.
 *
 * The first registry counts what was left out, on each page 1 for each later registry and family,
 * in `sextant_page_conflicts_total{family="…",error="SX_E…"}`, and logs it (sx_registry_set_log).
 * Exception: if several registries have the same series of the library's own metrics
 * (`sextant_…`), the later ones are left out without a count or log.
 *
 * @param page        its former content is replaced; on failure it is empty
 * @param registries  NULL in the list: the default registry; none may be destroyed meanwhile
 * @param count       0: the page is empty
 * Errors:   SX_EINVAL, SX_ENOMEM, SX_ESTATE (the caller is a collector or callback)
 * Threads:  [any]; may take the registry's lock for short times. Only the updates that take it (see
 *           metrics.h) wait for that
 * Memory:   as sx_page_render. With several registries, some 200 bytes for each family for the time
 *           of the call, and 32 to 96 bytes for each series of the largest family that is joined
 * Source:   Prometheus "Exposition formats", Grouping and sorting
 */
SX_API SX_MUST_CHECK int sx_page_render_registries(struct sx_page *page,
                                                   struct sx_registry *const *registries,
                                                   size_t count, enum sx_format format);

/** What is on a page, and how it is written. The zero value is all families, in text 0.0.4. */
struct sx_page_options {
    enum sx_format format;
    enum sx_escaping escaping;
    const struct sx_str *names; /* only the families of these names, each as the registry has it,
                                   with its prefix; borrowed. Collectors run all the same. */
    size_t name_count;          /* 0: all families */
    unsigned timeout_ms;        /* after this time no callback, collector or family is begun, and
                                   the page fails with SX_ETIMEOUT; 0: no limit */
    uint64_t started_ns;        /* CLOCK_MONOTONIC from which timeout_ms counts; 0: the call */
    void *reserved[2];
};

/** As sx_page_render_registries, with options.
 *
 * @param options  NULL: all defaults
 * Errors:   SX_EINVAL (also if `options` has an unknown format or escaping, or `names` is NULL and
 *           name_count is not 0), SX_ENOMEM, SX_ESTATE (the caller is a collector or callback),
 *           SX_ETIMEOUT (see `timeout_ms`)
 */
SX_API SX_MUST_CHECK int sx_page_render_options(struct sx_page *page,
                                                struct sx_registry *const *registries, size_t count,
                                                const struct sx_page_options *options);

/** Renders a copy of a registry with a name (`shared_name` of struct sx_registry_options), in which
 * this process takes no part. For tools. A process that has the registry renders it as any other.
 *
 * The copy is checked before it is used, so no content of the registry can make this function
 * crash. The page has the counters, gauges, histograms and summaries of the registry, without
 * exemplars, quantiles, native buckets and times of creation. Infos and state sets are gauges. What
 * the callbacks and collectors of the participants show is not there.
 *
 * @param page         its former content is replaced; on failure it is empty
 * @param shared_name  of a registry of the same user
 * @param options      NULL: all defaults
 * Errors:   SX_EINVAL, SX_ENOENT (there is no registry of this name), SX_EACCESS, SX_ELAYOUT (see
 *           sx_registry_new), SX_EPROTO (it is damaged), SX_EAGAIN (series are made or removed so
 *           often that no copy is of one moment), SX_EREGISTRIES, SX_ENOMEM (also if the registry
 *           has more than 1 GiB), SX_ETIMEOUT, SX_ESYSTEM
 * Threads:  [any]; no participant waits for it
 * Memory:   as sx_page_render, and twice the memory of the registry for the time of the call
 */
SX_API SX_MUST_CHECK int sx_page_render_shared(struct sx_page *page, const char *shared_name,
                                               const struct sx_page_options *options);

/** Frees the page's buffer; the page is then empty and can be used again. NULL is a no-op. */
SX_API void sx_page_clean_up(struct sx_page *page);

/** Returns the Content-Type of a format, such as "text/plain; version=0.0.4; charset=utf-8".
 *
 * Threads:  [any]
 * Memory:   a static string
 */
SX_API const char *sx_format_content_type(enum sx_format format);

/** Returns the Content-Type of a page with these options. As sx_format_content_type, but it names
 * the escaping, unless that is SX_ESCAPING_DEFAULT or the format is SX_FORMAT_TEXT.
 *
 * @param options  NULL: all defaults
 * Threads:  [any]
 * Memory:   a static string
 */
SX_API const char *sx_page_content_type(const struct sx_page_options *options);

/* ---- answering a scrape, with any HTTP server ---- */

/** Returns the format that an Accept header prefers: the one of the highest weight; among equal
 * weights that of the more specific media range, then that of the first one. To honour the header's
 * `escaping` parameter, too, use sx_page_negotiate.
 *
 * Returns text 0.0.4 if there is no header, or if it accepts all formats alike, or none: a scraper
 * can do more with an unexpected format than with a 406.
 *
 * @param accept  the value of the header, or of several joined by commas; {NULL, 0}: no header
 * Threads:  [any]
 * Source:   RFC 9110 12.5.1; Prometheus "Content negotiation"
 */
SX_API enum sx_format sx_format_negotiate(struct sx_str accept);

/** Sets the format and the escaping of a page's options by an Accept header; see
 * sx_format_negotiate.
 *
 * The escaping is that of the media range that selected the format, or SX_ESCAPING_DEFAULT.
 *
 * @param options  its other members stay; NULL is a no-op
 * Threads:  [any]
 * Source:   Prometheus "Content negotiation", "Escaping schemes"
 */
SX_API void sx_page_negotiate(struct sx_page_options *options, struct sx_str accept);

/** Compresses a page with gzip; sx_page_gzip (gzip.h) is such a function. If it fails, it leaves
 * the page as it is, and the page is sent without compression. */
typedef int sx_gzip_fn(struct sx_page *page);

/** Limits and measures the scrapes that name it in their request. */
struct sx_scrapes;

/** The zero value limits and measures nothing. */
struct sx_scrapes_options {
    unsigned scrapes_max;       /* at the same time; one beyond is answered with 503; 0: no limit */
    unsigned render_timeout_ms; /* `timeout_ms` of the page's options; a page that exceeds it is
                                   answered with 503; 0: no limit */
    bool measure;               /* registers the metrics below */
    void *reserved[4];
};

/** Makes limits and metrics of scrapes. With `measure` the registry has:
 *
 *     sextant_scrapes_total{code}         responses, by their status
 *     sextant_scrapes_in_progress         scrapes that wait for their page, including the one that
 *                                         shows this
 *     sextant_scrape_duration_seconds     a summary: rendering and compressing a page
 *     sextant_scrape_size_bytes           a summary: pages, compressed if they were sent so
 *
 * The counts on a page are those of the scrapes before it. Several objects made for one registry
 * share its metrics, but each has limits of its own. After fork() each process has its own limits;
 * with a shared registry, the scrapes of all processes are counted together.
 *
 * @param scrapes   receives it; untouched on failure
 * @param registry  of the metrics; NULL: the default registry
 * @param options   NULL: all defaults
 * Errors:   SX_EINVAL (`scrapes` is NULL), SX_ENOMEM; as sx_counter_register, if `measure`
 * Threads:  [any]
 * Memory:   destroy with sx_scrapes_destroy, before the registry
 */
SX_API SX_MUST_CHECK int sx_scrapes_new(struct sx_scrapes **scrapes, struct sx_registry *registry,
                                        const struct sx_scrapes_options *options);

/** Removes the metrics from the registry, unless another struct sx_scrapes has them, too. NULL is a
 * no-op.
 *
 * Threads:  any thread, when no scrape uses it
 */
SX_API void sx_scrapes_destroy(struct sx_scrapes *scrapes);

/** Begins a scrape. Only servers that queue scrapes need it: sx_exposition_respond begins a scrape
 * by itself, but the limit should hold for queued scrapes, too.
 *
 * @param scrapes  NULL: returns SX_OK
 * Errors:   SX_EAGAIN (`scrapes_max` are in progress; answer with 503, which is counted already)
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_scrapes_begin(struct sx_scrapes *scrapes);

struct sx_exposition_response;

/** Ends a scrape that sx_scrapes_begin has begun. Counts the response by its status; if it is 200,
 * observes the duration and the size of the page.
 *
 * @param scrapes   NULL is a no-op
 * @param response  that of sx_exposition_respond; if the server has sent another one, such as a 503
 *                  because the page was late, one with only that `status`; NULL: there was none
 * Threads:  [any]
 */
SX_API void sx_scrapes_end(struct sx_scrapes *scrapes,
                           const struct sx_exposition_response *response);

/** A scrape request. A header that was not sent is {NULL, 0}. The views are borrowed. */
struct sx_exposition_request {
    struct sx_str method;                  /* {NULL, 0}: GET */
    struct sx_str accept;                  /* several Accept headers: joined by commas */
    struct sx_str accept_encoding;         /* the same with Accept-Encoding; see `gzip` */
    struct sx_registry *const *registries; /* several registries for one page; NULL in the list:
                                              the default registry; see
                                              sx_page_render_registries */
    size_t registry_count;                 /* 0: the page is of one registry */
    struct sx_str query;                   /* behind the `?` of the target, as it was sent; each
                                              `name[]=FAMILY` selects a family; {NULL, 0}: all */
    sx_gzip_fn *gzip;           /* called if accept_encoding prefers gzip and the page has at least
                                   1,024 bytes; NULL: never */
    struct sx_scrapes *scrapes; /* borrowed; NULL: no limits, and nothing is measured */
    bool scrape_has_begun;      /* sx_scrapes_begin was called for this request, and the caller will
                                   call sx_scrapes_end, which counts the response, also a 405 */
    uint64_t begun_ns; /* CLOCK_MONOTONIC from which render_timeout_ms counts, such as when the
                          request was queued; 0: the call */
};

/** A header of a response. This struct stays as it is, because responses contain an array of it. */
struct sx_exposition_header {
    const char *name, *value;
};

#define SX_EXPOSITION_HEADERS_MAX 6

/** The response to send. Its strings are static; the body is static or lies in the page. */
struct sx_exposition_response {
    int status; /* 200; 405; 500: the page could not be rendered; 503: beyond a limit */
    const char *content_type;
    size_t content_length; /* for HEAD the same as for GET */
    struct sx_str body;    /* empty for HEAD */
    /* Headers besides Content-Type and Content-Length: Vary and Content-Encoding of a page, Allow
     * of a 405. */
    struct sx_exposition_header headers[SX_EXPOSITION_HEADERS_MAX];
    size_t header_count;
    size_t page_size;      /* of the page before it was compressed; 0: there is none */
    double render_seconds; /* for rendering and compressing the page; 0: there is none */
    void *reserved[2];
};

/** Answers a scrape request: GET and HEAD with the page, any other method with 405 and Allow. The
 * page's format and escaping are those that the Accept header prefers (sx_page_negotiate); if the
 * query has `name[]` parameters, only the families of these names are on it.
 *
 * If your server computes Content-Length from the body and drops the body of HEAD itself, pass GET
 * for both methods.
 *
 * @param response  set whenever SX_OK is returned, also if it is a 405, 500 or 503
 * @param page      rendered into; keep it until the body was sent, then use it again
 * @param registry  NULL: the default registry. With registries in the request it must be NULL.
 * Errors:   SX_EINVAL (`response`, `page` or `request` is NULL; if registry_count is above 0:
 *           `registries` is NULL, or `registry` is not NULL)
 * Threads:  [any]
 * Memory:   the body borrows from the page
 */
SX_API SX_MUST_CHECK int sx_exposition_respond(struct sx_exposition_response *response,
                                               struct sx_page *page, struct sx_registry *registry,
                                               const struct sx_exposition_request *request);

/* ---- checking a page ---- */

/** A rule of the checker.
 *
 * A violation is an error if the format forbids it, if it contradicts the type of the metric, or if
 * Prometheus or promtool refuses the page for it. It is advice if the page is valid but unusual.
 */
struct sx_check_rule {
    const char *name; /* such as "duplicate"; it stays the same in later versions */
    const char *text; /* what breaks the rule, without a full stop */
    bool advice;      /* false: a violation is an error */
    bool lint;        /* only checked if the options ask for it */
    void *reserved[2];
};

/** Returns all rules of the checker, which docs/metrics.md explains.
 *
 * @param count  receives their number; may be NULL
 * Threads:  [any]
 * Memory:   static
 */
SX_API const struct sx_check_rule *sx_check_rules(size_t *count);

/** A rule that a page breaks, and where. */
struct sx_violation {
    size_t line;      /* from 1 */
    const char *rule; /* the name of the rule, such as "duplicate"; static */
    const char *text; /* a sentence for people, without its full stop; valid only during the call */
    bool advice;      /* false: an error; see struct sx_check_rule */
    const char *suggestion; /* what to do, to follow the sentence; NULL: none; valid as `text` */
    void *reserved[1];
};

/** Receives a violation, which is valid only during the call. Returns 0 to continue the check;
 * anything else ends it. */
typedef int sx_violation_fn(void *context, const struct sx_violation *violation);

/** How a page is checked. The zero value is right. */
struct sx_check_options {
    enum sx_format format;
    size_t violations_max;    /* the check ends after so many; 0: 100 */
    bool no_advice;           /* errors only */
    bool lint;                /* also the rules of names, units, HELP and labels; all are advice */
    bool utf8_names;          /* names may be in quotes, and any UTF-8; in SX_FORMAT_TEXT_1_0_0
                                 they may in any case */
    const char *const *allow; /* names of rules whose violations are left out; borrowed */
    size_t allow_count;
    void *reserved[4];
};

/** Checks a page more strictly than Prometheus does: it reports what the format does not allow,
 * what readers disagree about, and what would be stored but make no sense.
 *
 * In a page without errors, all lines parse and are UTF-8; each family is one group, with its TYPE
 * before its samples; each series is there once; counters are not negative; histograms have ordered
 * and cumulative buckets up to +Inf, and a count that equals the bucket +Inf. Bounds of buckets and
 * quantiles are compared as the doubles they are, so `le="1"` and `le="1.0"` of one histogram are
 * one series twice. Violations are reported in order of their lines, except that what a histogram
 * or summary lacks comes last; in OpenMetrics, at the end of its samples.
 *
 * A page of OpenMetrics without errors keeps every MUST and MUST NOT of the specification that a
 * page can show; docs/reading.md lists the others. What it only SHOULD do is advice.
 *
 * @param page     the complete page; need not end with NUL
 * @param options  NULL: all defaults
 * @param report   receives each violation; NULL: violations are only counted
 * @param context  passed to `report`
 * @return   the number of violations, of errors and advice together, without those that `options`
 *           leaves out, never more than violations_max; or a negative status
 * Errors:   SX_EINVAL (also if the page is above 4 GiB, or `allow` has a name that is not of a
 *           rule), SX_ENOMEM
 * Threads:  [any]
 * Memory:   allocates about 30 bytes for each sample, 90 for each family, 150 for each histogram or
 *           summary, in OpenMetrics 60 for each sample and 180 for each family, and 32 for each
 *           label of the sample that has most, and frees them; the page is borrowed
 * Cost:     nearly linear in the size of the page, even if its author wants to make the check slow
 * Source:   Prometheus "Exposition formats"; OpenMetrics 1.0
 */
SX_API SX_MUST_CHECK int sx_exposition_check(struct sx_str page,
                                             const struct sx_check_options *options,
                                             sx_violation_fn *report, void *context);

#ifdef __cplusplus
}
#endif
#endif
