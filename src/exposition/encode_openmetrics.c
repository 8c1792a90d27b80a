/* encode_openmetrics.c: OpenMetrics text 1.0.0.
 *
 * Source: OpenMetrics 1.0, https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
#include "label_escape.h"
#include "page.h"
#include "pieces.h"
#include "text_lines.h"
#include "view.h"
#include "written_names.h"

static const struct sx_str openmetrics_types[] = {
    [SX_COUNTER] = {"counter", 7},     [SX_GAUGE] = {"gauge", 5},
    [SX_HISTOGRAM] = {"histogram", 9}, [SX_SUMMARY] = {"summary", 7},
    [SX_INFO] = {"info", 4},           [SX_STATE_SET] = {"stateset", 8},
    [SX_UNTYPED] = {"unknown", 7},     [SX_GAUGE_HISTOGRAM] = {"gaugehistogram", 14},
};

/* What samples append to the name of the family. "Counter": "The … Total sample's MetricName MUST
 * have the suffix `_total`"; "Info": "The Sample MetricName … MUST have the suffix `_info`". */
static struct sx_str suffix_of(const struct sx__family *family)
{
    return sx__own_suffix(family->type);
}

/* Whether the name of the registry has the suffix. If not, samples append it. */
static bool has_suffix(const struct sx__family *family)
{
    const struct sx_str name = sx__family_name(family);
    return sx__name_without_own_suffix(name, family->type).size < name.size;
}

/* The name of the family does not have the suffix: that of the counter `x_total` is `x`. It is
 * taken off after escaping, so that samples have the same names in all formats. */
static char *write_family_name(char *at, const struct sx__writer *writer,
                               const struct sx__family *family)
{
    struct sx_str name = sx__family_name(family);
    const size_t cut = has_suffix(family) ? suffix_of(family).size : 0;
    if (writer->scheme == SX__NAME_AS_IT_IS) {
        name.size -= cut;
        return sx__text_name(at, writer, name, SX__PIECE(""));
    }
    return sx__text_name(at, writer, name, SX__PIECE("")) - cut;
}

/* ABNF: "escaped-string": the backslash, the line feed and the double quote. */
static char *copy_escaped_help(char *at, struct sx_str help)
{
    /* "Line endings … MUST NOT contain carriage returns": those at the end are left out. */
    while (help.size > 0 && help.data[help.size - 1] == '\r') {
        help.size--;
    }
    return sx__label_escape(at, help);
}

/* `# WORD NAME `, then the text of the line follows. */
static char *begin_line(char *at, const struct sx__writer *writer, const struct sx__family *family,
                        struct sx_str word)
{
    at = sx__copy_piece(at, word);
    at = write_family_name(at, writer, family);
    *at++ = ' ';
    return at;
}

/* The name, as it was written, must end in an underscore and the unit. Escaping may change that:
 * with dots, `sent_bytes_total` is the family `sent__bytes_`. Then there is no UNIT line. */
static bool ends_in_unit(struct sx_str name, struct sx_str unit)
{
    name.size -= name.size > 0 && name.data[name.size - 1] == '"';
    return unit.size > 0 && name.size > unit.size && name.data[name.size - unit.size - 1] == '_' &&
           sx__view_ends_with(name, unit);
}

/* "MetricFamily metadata": "TYPE, UNIT, and then HELP" */
static int begin_openmetrics(struct sx__writer *writer, const struct sx__family *family)
{
    struct sx_page *page = writer->page;
    const struct sx_str help = sx__family_help(family);
    const struct sx_str unit = sx__family_unit(family);
    int status =
        sx__page_reserve(page, 3 * sx__name_escaped_size_max(sx__family_name(family).size) +
                                   2 * help.size + unit.size + 80);
    if (status != SX_OK) {
        return status;
    }
    const struct sx_str word = SX__PIECE("# TYPE ");
    const char *const start = sx__page_end(page) + word.size;
    char *at = begin_line(sx__page_end(page), writer, family, word);
    const struct sx_str name = {start, (size_t)(at - 1 - start)};
    at = sx__copy_piece(at, openmetrics_types[family->type]);
    *at++ = '\n';
    if (ends_in_unit(name, unit)) {
        at = begin_line(at, writer, family, SX__PIECE("# UNIT "));
        at = sx__copy_piece(at, unit);
        *at++ = '\n';
    }
    if (help.size > 0) {
        at = begin_line(at, writer, family, SX__PIECE("# HELP "));
        at = copy_escaped_help(at, help);
        *at++ = '\n';
    }
    sx__page_set_end(page, at);
    return SX_OK;
}

static int enter_openmetrics(struct sx__writer *writer)
{
    const struct sx__family *family = writer->family;
    const bool has_it = has_suffix(family);
    struct sx_str base = sx__family_name(family);
    base.size -= has_it ? suffix_of(family).size : 0;
    writer->lines.is_openmetrics = true;
    return sx__text_enter(writer, base, has_it ? SX__PIECE("") : suffix_of(family));
}

static int finish_openmetrics(struct sx__writer *writer)
{
    const struct sx_str eof = SX__PIECE("# EOF\n");
    int status = sx__page_reserve(writer->page, eof.size);
    if (status == SX_OK) {
        sx__page_set_end(writer->page, sx__copy_piece(sx__page_end(writer->page), eof));
    }
    return status;
}

const struct sx__format sx__format_openmetrics = {
    .shows_exemplars = true,
    .shows_created = true,
    .begin = begin_openmetrics,
    .enter = enter_openmetrics,
    .numbers = sx__text_numbers,
    .histogram = sx__text_histogram,
    .finish = finish_openmetrics,
};
