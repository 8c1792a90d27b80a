/* sample_suffixes.c: the suffixes of each type. See sample_suffixes.h. */
#include "sample_suffixes.h"

#include "view.h"

#define SAMPLE_SUFFIX(text)      \
    {                            \
        (text), sizeof(text) - 1 \
    }

const struct sx__sample_suffix sx__sample_suffixes[SX__SAMPLE_SUFFIXES] = {
    {SX_PARSED_UNKNOWN, SAMPLE_SUFFIX(""), SX__SAMPLE_VALUE, false},
    {SX_PARSED_GAUGE, SAMPLE_SUFFIX(""), SX__SAMPLE_VALUE, false},
    {SX_PARSED_COUNTER, SAMPLE_SUFFIX("_total"), SX__SAMPLE_TOTAL, false},
    {SX_PARSED_COUNTER, SAMPLE_SUFFIX("_created"), SX__SAMPLE_CREATED, false},
    {SX_PARSED_HISTOGRAM, SAMPLE_SUFFIX("_bucket"), SX__SAMPLE_BUCKET, true},
    {SX_PARSED_HISTOGRAM, SAMPLE_SUFFIX("_sum"), SX__SAMPLE_SUM, true},
    {SX_PARSED_HISTOGRAM, SAMPLE_SUFFIX("_count"), SX__SAMPLE_COUNT, true},
    {SX_PARSED_HISTOGRAM, SAMPLE_SUFFIX("_created"), SX__SAMPLE_CREATED, false},
    {SX_PARSED_SUMMARY, SAMPLE_SUFFIX(""), SX__SAMPLE_QUANTILE, false},
    {SX_PARSED_SUMMARY, SAMPLE_SUFFIX("_sum"), SX__SAMPLE_SUM, true},
    {SX_PARSED_SUMMARY, SAMPLE_SUFFIX("_count"), SX__SAMPLE_COUNT, true},
    {SX_PARSED_SUMMARY, SAMPLE_SUFFIX("_created"), SX__SAMPLE_CREATED, false},
    {SX_PARSED_INFO, SAMPLE_SUFFIX("_info"), SX__SAMPLE_INFO, false},
    {SX_PARSED_STATESET, SAMPLE_SUFFIX(""), SX__SAMPLE_STATE, false},
    {SX_PARSED_GAUGEHISTOGRAM, SAMPLE_SUFFIX("_bucket"), SX__SAMPLE_BUCKET, false},
    {SX_PARSED_GAUGEHISTOGRAM, SAMPLE_SUFFIX("_gsum"), SX__SAMPLE_SUM, false},
    {SX_PARSED_GAUGEHISTOGRAM, SAMPLE_SUFFIX("_gcount"), SX__SAMPLE_COUNT, false},
};

enum sx__sample_role sx__sample_role(enum sx_parsed_type type, struct sx_str family,
                                     struct sx_str name)
{
    for (size_t i = 0; i < SX__SAMPLE_SUFFIXES; i++) {
        const struct sx__sample_suffix *known = &sx__sample_suffixes[i];
        if (known->type == type && sx__view_is_joined(name, family, known->suffix)) {
            return known->role;
        }
    }
    return SX__SAMPLE_NONE;
}
