/* explain.c: looking again for what a registration stumbled over. Not fast, as it happens once.
 */
#include "explain.h"

#include "family.h"
#include "format_number.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A line that is being written. */
struct explanation {
    char *text;
    size_t size;
    size_t used;
};

/* What was to be registered. */
struct attempt {
    const struct sx_registry *registry;
    enum sx_metric_type type;
    bool labelled;
    const struct sx_metric_options *options;
};

static const char *const type_words[] = {
    [SX_COUNTER] = "counter", [SX_GAUGE] = "gauge", [SX_HISTOGRAM] = "histogram"};

/* Counts what would be longer than the line as if it were there, without writing it. */
SX_PRINTF(2, 3) static void add_text(struct explanation *line, const char *format, ...)
{
    va_list arguments;
    size_t left = line->used < line->size ? line->size - line->used : 0;
    va_start(arguments, format);
    int size = vsnprintf(left > 0 ? line->text + line->used : NULL, left, format, arguments);
    va_end(arguments);
    line->used += size > 0 ? (size_t)size : 0;
}

/* Not by %g, which depends on the locale. */
static void add_number(struct explanation *line, double number)
{
    char digits[SX__DOUBLE_SIZE_MAX];
    add_text(line, "%.*s", (int)(sx__write_double(digits, number) - digits), digits);
}

static void add_bytes(struct explanation *line, struct sx_str bytes)
{
    add_text(line, "%.*s", (int)(bytes.size < 80 ? bytes.size : 80), bytes.data);
}

/* ---- SX_ELABEL, SX_EINVAL, SX_EBUCKETS ---- */

static size_t label_count(const struct sx_metric_options *options)
{
    size_t count = 0;
    while (options->labels != NULL && options->labels[count] != NULL) {
        count++;
    }
    return count;
}

static const char *fault_of_label(const struct attempt *attempt, size_t index)
{
    const char *const *labels = attempt->options->labels;
    if (labels[index][0] == '_' && labels[index][1] == '_') {
        return "is reserved, because it begins with two underscores";
    }
    if (!sx_label_name_is_valid(labels[index])) {
        return "is not of the form [a-zA-Z_][a-zA-Z0-9_]*";
    }
    if (attempt->type == SX_HISTOGRAM && strcmp(labels[index], "le") == 0) {
        return "is the label of a histogram's buckets";
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(labels[i], labels[index]) == 0) {
            return "is given twice";
        }
    }
    return NULL;
}

static void explain_label(struct explanation *line, const struct attempt *attempt)
{
    size_t count = label_count(attempt->options);
    for (size_t i = 0; i < count; i++) {
        const char *fault = fault_of_label(attempt, i);
        if (fault != NULL) {
            add_text(line, ": `%.80s` %s", attempt->options->labels[i], fault);
            return;
        }
    }
}

static void explain_argument(struct explanation *line, const struct attempt *attempt)
{
    const struct sx_metric_options *options = attempt->options;
    if (options == NULL) {
        add_text(line, ": there are no options");
    } else if (label_count(options) > SX_LABELS_MAX) {
        add_text(line, ": it has more than %d labels", SX_LABELS_MAX);
    } else if (attempt->labelled && label_count(options) == 0) {
        add_text(line, ": a family needs labels");
    } else if (!attempt->labelled && label_count(options) > 0) {
        add_text(line, ": it has labels, so it must be registered as a family");
    } else if (options->buckets == NULL && options->bucket_count > 0) {
        add_text(line, ": `bucket_count` is not 0, but `buckets` is NULL");
    } else if (options->buckets != NULL && attempt->type != SX_HISTOGRAM) {
        add_text(line, ": only histograms have buckets");
    }
}

static void explain_buckets(struct explanation *line, const struct sx_metric_options *options)
{
    const double *bounds = options->buckets;
    if (bounds == NULL || options->bucket_count > SX_BUCKETS_MAX) {
        add_text(line, ": there are more than %d bounds", SX_BUCKETS_MAX);
        return;
    }
    for (size_t i = 0; i < options->bucket_count; i++) {
        if (!isfinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1])) {
            add_text(line, ": bound %zu is ", i + 1);
            add_number(line, bounds[i]);
            if (i > 0) {
                add_text(line, ", after ");
                add_number(line, bounds[i - 1]);
            }
            return;
        }
    }
}

/* ---- SX_EEXIST, SX_ECLASH ---- */

static bool has_text(const char *text, struct sx_str bytes)
{
    return strlen(text) == bytes.size && memcmp(text, bytes.data, bytes.size) == 0;
}

static bool labels_differ(const struct sx_metric_options *options, const struct sx__family *family)
{
    size_t count = label_count(options);
    bool differ = count != family->label_count;
    for (size_t i = 0; i < count && !differ; i++) {
        differ = !has_text(options->labels[i], sx__family_label(family, i));
    }
    return differ;
}

static void explain_difference(struct explanation *line, const struct attempt *attempt,
                               const struct sx__family *family)
{
    const struct sx_metric_options *options = attempt->options;
    if (family->type != (uint32_t)attempt->type) {
        add_text(line, ": it is a %s", type_words[family->type]);
    } else if (family->source == SX__FROM_CALLBACK) {
        add_text(line, ": its value comes from a callback");
    } else if (labels_differ(options, family)) {
        add_text(line, family->label_count == 0 ? ": it has no labels" : ": its labels are ");
        for (uint32_t i = 0; i < family->label_count; i++) {
            add_text(line, i == 0 ? "`" : ", `");
            add_bytes(line, sx__family_label(family, i));
            add_text(line, "`");
        }
    } else if (!has_text(options->help == NULL ? "" : options->help, sx__family_help(family))) {
        add_text(line, ": its help is `");
        add_bytes(line, sx__family_help(family));
        add_text(line, "`");
    } else {
        add_text(line, ": its buckets have other bounds");
    }
}

static void explain_name(struct explanation *line, const struct attempt *attempt)
{
    const char *text = attempt->options->name;
    if (text == NULL) {
        return;
    }
    const struct sx_str name = {text, strlen(text)};
    const struct sx__family *family = sx__family_find(attempt->registry, name);
    if (family != NULL) {
        explain_difference(line, attempt, family);
        return;
    }
    const struct sx__desc desc = {.type = attempt->type, .name = name};
    family = sx__family_at(attempt->registry, &attempt->registry->first_family);
    while (family != NULL && !sx__desc_clashes(&desc, family)) {
        family = sx__family_at(attempt->registry, &family->next);
    }
    if (family != NULL) {
        add_text(line, ": the %s `", type_words[family->type]);
        add_bytes(line, sx__family_name(family));
        add_text(line, "` has or reserves it");
    }
}

/* ---- the line ---- */

static void explain_detail(struct explanation *line, const struct attempt *attempt, int status)
{
    switch (status) {
    case SX_ELABEL:
        explain_label(line, attempt);
        break;
    case SX_EINVAL:
        explain_argument(line, attempt);
        break;
    case SX_EBUCKETS:
        explain_buckets(line, attempt->options);
        break;
    case SX_EEXIST:
    case SX_ECLASH:
        if (attempt->registry != NULL) {
            explain_name(line, attempt);
        }
        break;
    default:
        break;
    }
}

static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

void sx__explain(char *text, size_t size, const struct sx_registry *registry,
                 enum sx_metric_type type, bool labelled, const struct sx_metric_options *options,
                 int status)
{
    struct explanation line = {.text = text, .size = size};
    const struct attempt attempt = {registry, type, labelled, options};
    const char *name = options == NULL || options->name == NULL ? "" : options->name;
    bool is_known = type == SX_COUNTER || type == SX_GAUGE || type == SX_HISTOGRAM;
    add_text(&line, "%s `%.80s`: %s: %s", is_known ? type_words[type] : "metric", name,
             sx_status_name(status), sx_status_text(status));
    explain_detail(&line, &attempt, status);
    make_printable(text);
}
