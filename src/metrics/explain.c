/* explain.c: finding out why a registration failed, for its message. It repeats the checks of the
 * registration; this is slow, but happens once.
 */
#include "explain.h"

#include "epochs.h"
#include "family.h"
#include "format_number.h"
#include "view.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* A line that is being written. */
struct explanation {
    char *text;
    size_t size;
    size_t used;
};

/* What was to be registered. */
struct attempt {
    struct sx_registry *registry;
    enum sx_metric_type type;
    bool labelled;
    const struct sx_metric_options *options;
};

static const char *const type_words[] = {
    [SX_COUNTER] = "counter",
    [SX_GAUGE] = "gauge",
    [SX_HISTOGRAM] = "histogram",
    [SX_SUMMARY] = "summary",
    [SX_INFO] = "info",
    [SX_STATE_SET] = "state set",
    [SX_UNTYPED] = "untyped metric",
    [SX_GAUGE_HISTOGRAM] = "gauge histogram",
};

/* Text beyond the end of the line is counted, but not written. */
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

static void explain_label(struct explanation *line, const struct attempt *attempt)
{
    const char *const *labels = attempt->options->labels;
    const size_t count = label_count(attempt->options);
    const char *fault = NULL;
    for (size_t i = 0; i < count && fault == NULL; i++) {
        fault = sx__label_fault(attempt->type, labels, i, attempt->options->utf8_names);
        if (fault != NULL) {
            add_text(line, ": `%.80s` %s", labels[i], fault);
        }
    }
    for (size_t i = 0; i < count && fault == NULL && attempt->registry != NULL; i++) {
        if (sx__constants_have_label(attempt->registry, labels[i])) {
            fault = "is a constant label of the registry";
            add_text(line, ": `%.80s` %s", labels[i], fault);
        }
    }
    if (fault == NULL && attempt->options->multiprocess_mode == SX_MODE_LIVE_ALL) {
        add_text(line, ": SX_MODE_LIVE_ALL adds the label `" SX__PROCESS_LABEL
                       "`, which is a constant label of the registry");
    }
}

static void explain_argument(struct explanation *line, const struct attempt *attempt)
{
    const struct sx_metric_options *options = attempt->options;
    if (!sx__is_metric_type(attempt->type)) {
        add_text(line, ": its type is unknown");
    } else if (attempt->type == SX_INFO || attempt->type == SX_STATE_SET) {
        add_text(line, ": its type has a register function of its own");
    } else if (attempt->type == SX_GAUGE_HISTOGRAM) {
        add_text(line, ": only collectors have its type");
    } else if (options == NULL) {
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
    } else if (options->native.growth_factor != 0 && attempt->type != SX_HISTOGRAM) {
        add_text(line, ": only histograms have native buckets");
    } else if (attempt->type == SX_HISTOGRAM && sx__native_fault(&options->native) != NULL) {
        add_text(line, ": %s", sx__native_fault(&options->native));
    } else if (attempt->type != SX_SUMMARY &&
               (options->quantiles != NULL || options->quantile_count > 0 ||
                options->window_seconds != 0)) {
        add_text(line, ": only summaries have quantiles");
    } else if (attempt->type == SX_SUMMARY && sx__quantiles_fault(options) != NULL) {
        add_text(line, ": %s", sx__quantiles_fault(options));
    } else if (sx__multiprocess_fault(attempt->type, options) != NULL) {
        add_text(line, ": %s", sx__multiprocess_fault(attempt->type, options));
    } else if (options->idle_seconds != 0) {
        add_text(line, ": `idle_seconds` is for families with labels, and from 0 to 1e9");
    }
}

static void explain_buckets(struct explanation *line, const struct sx_metric_options *options)
{
    const double *bounds = options->buckets;
    const size_t last = SX_BUCKETS_MAX; /* a bound with this index may only be +Inf */
    if (options->bucket_count > last + 1 ||
        (options->bucket_count == last + 1 && bounds[last] != HUGE_VAL)) {
        add_text(line, ": there are more than %d bounds", SX_BUCKETS_MAX);
        return;
    }
    const size_t wrong = sx__bounds_fault(bounds, options->bucket_count);
    add_text(line, ": bound %zu is ", wrong + 1);
    add_number(line, bounds[wrong]);
    if (wrong > 0) {
        add_text(line, ", after ");
        add_number(line, bounds[wrong - 1]);
    }
}

static void explain_unit(struct explanation *line, const struct attempt *attempt)
{
    const struct sx_metric_options *options = attempt->options;
    if (!sx__has_unit(attempt->type)) {
        add_text(line, ": it must not have a unit");
        return;
    }
    add_text(line, ": the name must end in `_%.80s`", options->unit);
    if (attempt->type == SX_COUNTER) {
        add_text(line, " or `_%.80s_total`", options->unit);
    }
}

/* ---- SX_EEXIST, SX_ECLASH ---- */

static bool labels_differ(const struct sx_metric_options *options, const struct sx__family *family)
{
    size_t count = label_count(options);
    bool differ = count != family->label_count;
    for (size_t i = 0; i < count && !differ; i++) {
        differ = !sx__views_equal(sx__view(options->labels[i]), sx__family_label(family, i));
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
    } else if (!sx__views_equal(sx__view(options->help == NULL ? "" : options->help),
                                sx__family_help(family))) {
        add_text(line, ": its help is `");
        add_bytes(line, sx__family_help(family));
        add_text(line, "`");
    } else if (!sx__views_equal(sx__view(options->unit == NULL ? "" : options->unit),
                                sx__family_unit(family))) {
        add_text(line, ": its unit is `");
        add_bytes(line, sx__family_unit(family));
        add_text(line, "`");
    } else if (family->multiprocess_mode != (uint32_t)options->multiprocess_mode) {
        add_text(line, ": its multiprocess mode differs");
    } else if (attempt->type == SX_SUMMARY) {
        add_text(line, ": its quantiles or their window differ");
    } else if (options->native.growth_factor != 0 || family->native_max != 0) {
        add_text(line, ": its classic or native buckets differ");
    } else {
        add_text(line, ": its buckets have other bounds");
    }
}

/* The caller is reading. */
static void explain_taken(struct explanation *line, const struct attempt *attempt,
                          const struct sx__full_name *name)
{
    const struct sx__family *family = sx__family_find(attempt->registry, name->text);
    if (family != NULL) {
        explain_difference(line, attempt, family);
        return;
    }
    const struct sx__desc desc = {
        .type = attempt->type, .name = name->text, .legacy = name->legacy};
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

static void explain_name(struct explanation *line, const struct attempt *attempt)
{
    struct sx__full_name full;
    const char *text = attempt->options->name;
    if (text == NULL) {
        return;
    }
    const struct sx_str name = sx__view(text);
    if (sx__full_name_make(&full, attempt->registry, name) == SX_OK) {
        const struct sx__reader reader = sx__epoch_enter(attempt->registry);
        explain_taken(line, attempt, &full);
        sx__epoch_leave(attempt->registry, reader);
    }
    sx__full_name_clean_up(&full);
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
    case SX_EUNIT:
        explain_unit(line, attempt);
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

void sx__explain(char *text, size_t size, struct sx_registry *registry, enum sx_metric_type type,
                 bool labelled, const struct sx_metric_options *options, int status)
{
    struct explanation line = {.text = text, .size = size};
    const struct attempt attempt = {registry, type, labelled, options};
    const char *name = options == NULL || options->name == NULL ? "" : options->name;
    add_text(&line, "%s `", sx__is_metric_type(type) ? type_words[type] : "metric");
    if (registry != NULL) {
        add_bytes(&line, sx__name_prefix(registry, sx__view(name)));
    }
    add_text(&line, "%.80s`: %s: %s", name, sx_status_name(status), sx_status_text(status));
    explain_detail(&line, &attempt, status);
    make_printable(text);
}
