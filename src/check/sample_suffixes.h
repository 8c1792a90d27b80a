/* sample_suffixes.h: what the samples of a family are called.
 *
 * Source: OpenMetrics 1.0, "Suffixes"; Prometheus "Exposition formats", Histograms and summaries
 */
#ifndef SX_SAMPLE_SUFFIXES_H
#define SX_SAMPLE_SUFFIXES_H

#include <sextant/parse.h>
#include <stdbool.h>

/** What a sample is to its family. */
enum sx__sample_role {
    SX__SAMPLE_NONE = 0, /* not a sample of the family */
    SX__SAMPLE_VALUE,    /* of a gauge or unknown */
    SX__SAMPLE_TOTAL,
    SX__SAMPLE_CREATED,
    SX__SAMPLE_BUCKET,
    SX__SAMPLE_SUM,
    SX__SAMPLE_COUNT,
    SX__SAMPLE_QUANTILE,
    SX__SAMPLE_INFO,
    SX__SAMPLE_STATE,
};

/** Samples of OpenMetrics. */
struct sx__sample_suffix {
    enum sx_parsed_type type; /* of the family */
    struct sx_str suffix;     /* behind the name of the family; may be empty */
    enum sx__sample_role role;
    bool is_in_text; /* text 0.0.4 appends it, too */
};

#define SX__SAMPLE_SUFFIXES 17
extern const struct sx__sample_suffix sx__sample_suffixes[SX__SAMPLE_SUFFIXES];

/** Returns what a sample of this name is to a family in OpenMetrics. */
enum sx__sample_role sx__sample_role(enum sx_parsed_type type, struct sx_str family,
                                     struct sx_str name);

#endif
