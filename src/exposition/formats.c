/* formats.c: the table of formats, their Content-Types, and which one a scraper gets. */
#include "format.h"
#include "negotiate.h"

#include <sextant/exposition.h>

#define TYPE_TEXT_0_0_4 "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_TEXT_1_0_0 "text/plain; version=1.0.0; charset=utf-8"
#define TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TYPE_PROTOBUF \
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

/* By enum sx_escaping. */
#define CONTENT_TYPES(type)                                                                    \
    {                                                                                          \
        type, type "; escaping=underscores", type "; escaping=dots", type "; escaping=values", \
            type "; escaping=allow-utf-8"                                                      \
    }

#define ESCAPINGS 5

/* By enum sx_format. The Content-Type of text 0.0.4 has no escaping parameter. */
static const struct {
    const struct sx__format *format;
    const char *content_types[ESCAPINGS];
} formats[] = {
    [SX_FORMAT_TEXT] = {&sx__format_text,
                        {TYPE_TEXT_0_0_4, TYPE_TEXT_0_0_4, TYPE_TEXT_0_0_4, TYPE_TEXT_0_0_4,
                         TYPE_TEXT_0_0_4}},
    [SX_FORMAT_TEXT_1_0_0] = {&sx__format_text, CONTENT_TYPES(TYPE_TEXT_1_0_0)},
    [SX_FORMAT_OPENMETRICS] = {&sx__format_openmetrics, CONTENT_TYPES(TYPE_OPENMETRICS)},
    [SX_FORMAT_PROTOBUF] = {&sx__format_protobuf, CONTENT_TYPES(TYPE_PROTOBUF)},
};

#define FORMATS (sizeof formats / sizeof formats[0])

const struct sx__format *sx__format_of(enum sx_format format)
{
    const size_t index = (size_t)format;
    return index < FORMATS ? formats[index].format : NULL;
}

static bool is_known_format(const struct sx_page_options *options)
{
    return (size_t)options->format < FORMATS && (size_t)options->escaping < ESCAPINGS;
}

bool sx__page_options_are_valid(const struct sx_page_options *options)
{
    return is_known_format(options) && (options->name_count == 0 || options->names != NULL);
}

const char *sx_page_content_type(const struct sx_page_options *options)
{
    if (options == NULL || !is_known_format(options)) {
        return TYPE_TEXT_0_0_4;
    }
    return formats[options->format].content_types[options->escaping];
}

const char *sx_format_content_type(enum sx_format format)
{
    const struct sx_page_options options = {.format = format};
    return sx_page_content_type(&options);
}

/* ---- negotiation ---- */

#define OFFERED(text)          \
    {                          \
        text, sizeof(text) - 1 \
    }

/* In order of our preference; the first is for clients without a preference. */
static const struct sx__offer offers[] = {
    {SX_FORMAT_TEXT, OFFERED(TYPE_TEXT_0_0_4)},
    {SX_FORMAT_TEXT_1_0_0, OFFERED(TYPE_TEXT_1_0_0)},
    {SX_FORMAT_OPENMETRICS, OFFERED(TYPE_OPENMETRICS)},
    {SX_FORMAT_PROTOBUF, OFFERED(TYPE_PROTOBUF)},
};

#define OFFERS (sizeof offers / sizeof offers[0])

void sx_page_negotiate(struct sx_page_options *options, struct sx_str accept)
{
    if (options != NULL) {
        options->format = sx__negotiate(offers, OFFERS, accept, &options->escaping)->format;
    }
}

enum sx_format sx_format_negotiate(struct sx_str accept)
{
    return sx__negotiate(offers, OFFERS, accept, NULL)->format;
}
