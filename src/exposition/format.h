/* format.h: what a format is: a visitor, which is called with families and series and appends them
 * to a page.
 *
 * Everything else exists once and for all formats: the order of families, reading values,
 * collectors, joining registries and filtering by name (encode.c). To add a format, write one file
 * with a struct sx__format, and add it to the table in formats.c.
 *
 * For each family on the page the calls are: begin; then for each registry that has it, enter and
 * its series; then end. At the end of the page: finish. All run in the thread that scrapes, return
 * SX_OK or SX_ENOMEM, and reserve the bytes that they write (page.h).
 */
#ifndef SX_EXPOSITION_FORMAT_H
#define SX_EXPOSITION_FORMAT_H

#include "escape_name.h"
#include "exemplars.h"
#include "native.h"
#include "series_values.h"
#include "text_state.h"

#include <sextant/collector.h>
#include <sextant/exposition.h>

struct sx__format;

/* A page that is being written. */
struct sx__writer {
    struct sx_page *page;
    const struct sx__format *format;
    enum sx__name_scheme scheme;
    const struct sx__family *family; /* the one of the last `enter` */
    size_t family_start;             /* for formats: where the family begins on the page */
    uint64_t deadline_ns;            /* by sx__clock_now_ns, for beginning a family; 0: none */
    struct sx__text_lines lines;     /* for the text formats */
};

/* What few series have. */
struct sx__series_extra {
    const struct sx__exemplar *exemplar; /* of a counter; NULL: none */
    bool has_timestamp;
    int64_t timestamp_ms;                /* since 1970 */
    int64_t created_ms;                  /* since 1970; 0: not known */
    const struct sx_quantile *quantiles; /* of a summary */
    size_t quantile_count;
};

/* A series of a counter, gauge or another type of which a sample is one number. */
struct sx__simple_series {
    struct sx_str text; /* of the record; see struct sx__series */
    struct sx__counter_value value;
    const struct sx__series_extra
        *extra; /* NULL: none; otherwise numbers() gets this series alone */
};

/* How many numbers a format gets per call: enough for a tight loop. Larger batches are slower,
 * because writing a batch overlaps with the cache misses of reading the next one. */
#define SX__NUMBERS_MAX 8

/* What a histogram shows. */
struct sx__histogram_value {
    const uint64_t *buckets; /* observations, not cumulative; one more than bounds */
    double sum;
    const struct sx__exemplar *const *exemplars; /* by bucket, or of a histogram that has only
                                                    native buckets in any order; each may be NULL */
    uint32_t exemplar_count;                     /* 0: none */
    const struct sx__native_values *native;      /* NULL: it has none */
    const struct sx__series_extra *extra;        /* NULL: none */
};

struct sx__format {
    bool shows_exemplars; /* otherwise they are not read */
    bool shows_native;    /* native buckets of histograms, too */
    bool shows_created;   /* when a counter, histogram or summary was made, too */

    /** Begins a family: its name, type and help. */
    int (*begin)(struct sx__writer *writer, const struct sx__family *family);

    /** Prepares for the series of a family, whose labels and bounds may differ from those of the
     * family of the same name in another registry. May be NULL. */
    int (*enter)(struct sx__writer *writer);

    /** Writes series of which a sample is one number: 1 to SX__NUMBERS_MAX. */
    int (*numbers)(struct sx__writer *writer, const struct sx__simple_series *numbers,
                   size_t count);

    /** Writes a histogram, gauge histogram or summary; the latter has one bucket, its count. */
    int (*histogram)(struct sx__writer *writer, struct sx_str labels,
                     const struct sx__histogram_value *value);

    /** Ends a family. May be NULL. */
    int (*end)(struct sx__writer *writer);

    /** Ends the page. May be NULL. */
    int (*finish)(struct sx__writer *writer);
};

/** Returns a format of enum sx_format, or NULL. */
const struct sx__format *sx__format_of(enum sx_format format);

/** Whether the format and the escaping exist, and the names are there. */
bool sx__page_options_are_valid(const struct sx_page_options *options);

extern const struct sx__format sx__format_text;
extern const struct sx__format sx__format_openmetrics;
extern const struct sx__format sx__format_protobuf;

#endif
