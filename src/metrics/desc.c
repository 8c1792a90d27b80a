/* desc.c: checking names, help, labels and buckets, and names against each other. */
#include "desc.h"

#include "cells.h"
#include "escape_name.h"
#include "native.h"
#include "utf8.h"
#include "view.h"
#include "written_names.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const struct sx_metric_options default_buckets = {SX_BUCKETS_DEFAULT};

#define MAX_SERIES_DEFAULT 10000u
#define NATIVE_BUCKETS_DEFAULT 160u
#define SECONDS_MAX 1e9 /* 30 years */
#define WINDOW_SECONDS_DEFAULT 600

bool sx__is_metric_type(enum sx_metric_type type)
{
    return (unsigned)type <= SX_GAUGE_HISTOGRAM;
}

bool sx_metric_name_is_valid(const char *name)
{
    return sx__name_is_legacy(sx__view(name), SX__NAME_OF_METRIC);
}

bool sx_label_name_is_valid(const char *name)
{
    const struct sx_str text = sx__view(name);
    return sx__name_is_legacy(text, SX__NAME_OF_LABEL) &&
           !sx__view_begins_with(text, sx__view("__"));
}

static bool take_suffix(struct sx_str *name, struct sx_str suffix)
{
    if (name->size <= suffix.size || !sx__view_ends_with(*name, suffix)) {
        return false;
    }
    name->size -= suffix.size;
    return true;
}

/* The name of a state set is a label name, too, so it has no colons. */
static bool is_name_of_type(const char *name, enum sx_metric_type type)
{
    const struct sx_str text = sx__view(name);
    const bool has_suffix = sx__name_without_own_suffix(text, type).size < text.size;
    return (type != SX_INFO || has_suffix) && (type != SX_STATE_SET || strchr(name, ':') == NULL);
}

bool sx__metric_name_is_valid(const char *name, bool utf8)
{
    return utf8 ? name != NULL && name[0] != '\0' && sx__utf8_is_valid(sx__view(name))
                : sx_metric_name_is_valid(name);
}

/* A label name is reserved if it begins with __, as it is or after its escaping to a legacy name.
 */
static bool is_reserved_label(const char *label, bool utf8)
{
    const size_t size = strlen(label);
    bool valid = true;
    if (!utf8) {
        return label[0] == '_' && label[1] == '_';
    }
    if (size < 2) {
        return false;
    }
    const size_t first = sx__utf8_measure((struct sx_str){label, size}, &valid);
    const struct sx_str second = {label + first, size - first};
    const struct sx_str both = {label, second.size == 0 ? first
                                                        : first + sx__utf8_measure(second, &valid)};
    return sx__names_meet(both, sx__view("__"), SX__NAME_OF_LABEL);
}

const char *sx__label_fault(enum sx_metric_type type, const char *const *labels, size_t index,
                            bool utf8)
{
    const char *label = labels[index];
    if (utf8 && (label[0] == '\0' || !sx__utf8_is_valid(sx__view(label)))) {
        return "is not UTF-8, or empty";
    }
    if (is_reserved_label(label, utf8)) {
        return "is reserved, because it begins with two underscores";
    }
    if (!utf8 && !sx_label_name_is_valid(label)) {
        return "is not of the form [a-zA-Z_][a-zA-Z0-9_]*";
    }
    if ((type == SX_HISTOGRAM || type == SX_GAUGE_HISTOGRAM) && strcmp(label, "le") == 0) {
        return "is the label of a histogram's buckets";
    }
    if (type == SX_SUMMARY && strcmp(label, "quantile") == 0) {
        return "is the label of a summary's quantiles";
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(labels[i], label) == 0) {
            return "is given twice";
        }
        if (utf8 && sx__names_meet(sx__view(labels[i]), sx__view(label), SX__NAME_OF_LABEL)) {
            return "is equal to another label name after escaping";
        }
    }
    return NULL;
}

static int read_labels(struct sx__desc *desc, const char *const *labels)
{
    desc->labels = labels;
    desc->label_count = 0;
    for (size_t i = 0; labels != NULL && labels[i] != NULL; i++) {
        if (i == SX_LABELS_MAX) {
            return SX_EINVAL;
        }
        if (sx__label_fault(desc->type, labels, i, desc->utf8_names) != NULL) {
            return SX_ELABEL;
        }
        desc->label_count = i + 1;
    }
    return SX_OK;
}

bool sx__has_unit(enum sx_metric_type type)
{
    return type != SX_INFO && type != SX_STATE_SET;
}

/* A unit is written without quotes, also where the name of the metric is in UTF-8. */
static bool has_unit_characters(struct sx_str unit)
{
    for (size_t i = 0; i < unit.size; i++) {
        const char c = unit.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_') {
            return false;
        }
    }
    return true;
}

/* OpenMetrics 1.0, "Unit": the name of the family must end in an underscore and the unit. The
 * _total of a counter is not part of that name. */
static int read_unit(struct sx__desc *desc, const char *unit)
{
    struct sx_str name = sx__name_without_own_suffix(desc->name, desc->type);
    desc->unit = sx__view(unit == NULL ? "" : unit);
    if (desc->unit.size == 0) {
        return SX_OK;
    }
    const bool is_named = take_suffix(&name, desc->unit) && take_suffix(&name, sx__view("_"));
    return is_named && has_unit_characters(desc->unit) && sx__has_unit(desc->type) ? SX_OK
                                                                                   : SX_EUNIT;
}

/* Rounded up. */
static uint64_t ms_of(double seconds)
{
    const double ms = seconds * 1000;
    const uint64_t whole = (uint64_t)ms;
    return whole + ((double)whole < ms);
}

static int read_idle_seconds(struct sx__desc *desc, double seconds)
{
    if (!(seconds >= 0 && seconds <= SECONDS_MAX) || (seconds > 0 && desc->label_count == 0)) {
        return SX_EINVAL;
    }
    desc->idle_ms = ms_of(seconds);
    return SX_OK;
}

size_t sx__bounds_fault(const double *bounds, size_t count)
{
    size_t i = 0;
    while (i < count && isfinite(bounds[i]) && (i == 0 || bounds[i] > bounds[i - 1])) {
        i++;
    }
    return i;
}

const char *sx__native_fault(const struct sx_native_options *options)
{
    if (options->growth_factor == 0) {
        return options->max_buckets == 0 && options->zero_threshold == 0
                   ? NULL
                   : "native buckets need a growth factor";
    }
    if (!(options->growth_factor > 1 && options->growth_factor <= DBL_MAX)) {
        return "the growth factor of native buckets must be greater than 1";
    }
    if (options->max_buckets > SX_NATIVE_BUCKETS_MAX) {
        return "there are too many native buckets";
    }
    if (options->zero_threshold != 0 &&
        !(options->zero_threshold >= DBL_MIN && options->zero_threshold <= DBL_MAX)) {
        return "the zero threshold of native buckets must be positive and not subnormal";
    }
    return NULL;
}

static int read_native(struct sx__desc *desc, const struct sx_native_options *options)
{
    if (sx__native_fault(options) != NULL) {
        return SX_EINVAL;
    }
    if (options->growth_factor == 0) {
        return SX_OK;
    }
    desc->native_max =
        options->max_buckets == 0 ? NATIVE_BUCKETS_DEFAULT : (uint32_t)options->max_buckets;
    desc->native_schema = sx__native_schema_of(options->growth_factor);
    desc->zero_threshold =
        options->zero_threshold == 0 ? SX__ZERO_THRESHOLD_DEFAULT : options->zero_threshold;
    return SX_OK;
}

static int read_buckets(struct sx__desc *desc, const struct sx_metric_options *options)
{
    const double *bounds = options->buckets;
    size_t count = options->bucket_count;
    if (bounds == NULL && desc->native_max > 0) {
        return SX_OK; /* native buckets alone */
    }
    if (bounds == NULL) {
        bounds = default_buckets.buckets;
        count = default_buckets.bucket_count;
    } else if (count > SX_BUCKETS_MAX + 1) { /* +Inf is one more; no need to look at any */
        return SX_EBUCKETS;
    } else if (count > 0 && bounds[count - 1] == HUGE_VAL) {
        count--;
    }
    if (count > SX_BUCKETS_MAX || sx__bounds_fault(bounds, count) < count) {
        return SX_EBUCKETS;
    }
    desc->bounds = bounds;
    desc->bound_count = count;
    return SX_OK;
}

static bool are_ascending_quantiles(const double *quantiles, size_t count)
{
    size_t i = 0;
    while (i < count && quantiles[i] >= 0 && quantiles[i] <= 1 &&
           (i == 0 || quantiles[i] > quantiles[i - 1])) {
        i++;
    }
    return i == count;
}

const char *sx__quantiles_fault(const struct sx_metric_options *options)
{
    if (options->quantiles == NULL && options->quantile_count > 0) {
        return "`quantile_count` is not 0, but `quantiles` is NULL";
    }
    if (options->quantile_count > SX_QUANTILES_MAX) {
        return "there are too many quantiles";
    }
    if (!are_ascending_quantiles(options->quantiles, options->quantile_count)) {
        return "quantiles are from 0 to 1, in ascending order";
    }
    if (!(options->window_seconds >= 0 && options->window_seconds <= SECONDS_MAX)) {
        return "`window_seconds` is from 0 to 1e9";
    }
    return options->window_seconds > 0 && options->quantile_count == 0 ? "a window is for quantiles"
                                                                       : NULL;
}

/* Observations are counted in the finest buckets that the lanes have room for; see native.h. */
static int read_quantiles(struct sx__desc *desc, const struct sx_metric_options *options)
{
    if (sx__quantiles_fault(options) != NULL) {
        return SX_EINVAL;
    }
    if (options->quantile_count > 0) {
        desc->quantiles = options->quantiles;
        desc->quantile_count = options->quantile_count;
        desc->window_ms =
            ms_of(options->window_seconds > 0 ? options->window_seconds : WINDOW_SECONDS_DEFAULT);
        desc->native_max = NATIVE_BUCKETS_DEFAULT;
        desc->native_schema = SX__SCHEMA_MAX;
        desc->zero_threshold = SX__ZERO_THRESHOLD_DEFAULT;
    }
    return SX_OK;
}

const char *sx__multiprocess_fault(enum sx_metric_type type,
                                   const struct sx_metric_options *options)
{
    const enum sx_multiprocess_mode mode = options->multiprocess_mode;
    size_t labels = 0;
    if ((unsigned)mode > SX_MODE_SHARED) {
        return "its multiprocess mode is unknown";
    }
    if (mode != SX_MODE_LIVE_SUM && type != SX_GAUGE && type != SX_UNTYPED) {
        return "only gauges and untyped metrics have a multiprocess mode";
    }
    for (; options->labels != NULL && options->labels[labels] != NULL; labels++) {
        if (mode == SX_MODE_LIVE_ALL && strcmp(options->labels[labels], SX__PROCESS_LABEL) == 0) {
            return "with SX_MODE_LIVE_ALL the label `process` is that of the process";
        }
    }
    return mode == SX_MODE_LIVE_ALL && labels == SX_LABELS_MAX
               ? "with SX_MODE_LIVE_ALL there must be room for the label `process`"
               : NULL;
}

/* The type's own options; others must not be set. */
static int read_type_options(struct sx__desc *desc, const struct sx_metric_options *options)
{
    const bool is_histogram = desc->type == SX_HISTOGRAM || desc->type == SX_GAUGE_HISTOGRAM;
    const bool has_quantiles =
        options->quantiles != NULL || options->quantile_count > 0 || options->window_seconds != 0;
    const bool has_buckets = options->buckets != NULL || options->native.growth_factor != 0;
    if ((has_quantiles && desc->type != SX_SUMMARY) || (has_buckets && !is_histogram) ||
        (desc->type == SX_GAUGE_HISTOGRAM && options->native.growth_factor != 0) ||
        sx__multiprocess_fault(desc->type, options) != NULL) {
        return SX_EINVAL;
    }
    desc->multiprocess_mode = options->multiprocess_mode;
    if (desc->type == SX_SUMMARY) {
        return read_quantiles(desc, options);
    }
    int status = is_histogram ? read_native(desc, &options->native) : SX_OK;
    return status == SX_OK && is_histogram ? read_buckets(desc, options) : status;
}

int sx__desc_read(struct sx__desc *desc, enum sx_metric_type type, bool labelled,
                  const struct sx_metric_options *options)
{
    *desc = (struct sx__desc){.type = type, .max_series = MAX_SERIES_DEFAULT};
    if (options == NULL) {
        return SX_EINVAL;
    }
    if (options->max_series != 0) {
        desc->max_series =
            options->max_series < UINT32_MAX ? (uint32_t)options->max_series : UINT32_MAX;
    }
    desc->utf8_names = options->utf8_names;
    if (!sx__metric_name_is_valid(options->name, options->utf8_names) ||
        !is_name_of_type(options->name, type)) {
        return SX_ENAME;
    }
    desc->name = sx__view(options->name);
    const char *help = options->help == NULL ? "" : options->help;
    desc->help = sx__view(help);
    if (!sx__utf8_is_valid(desc->help)) {
        return SX_EHELP;
    }
    int status = read_unit(desc, options->unit);
    if (status == SX_OK) {
        status = read_labels(desc, options->labels);
    }
    if (status != SX_OK) {
        return status;
    }
    if ((desc->label_count > 0) != labelled || (labelled && type == SX_STATE_SET) ||
        (options->buckets == NULL && options->bucket_count > 0)) {
        return SX_EINVAL;
    }
    status = read_idle_seconds(desc, options->idle_seconds);
    return status == SX_OK ? read_type_options(desc, options) : status;
}

/* OpenMetrics 1.0, "StateSet": the label of the states has the name of the family. */
static void add_state_label(struct sx__desc *desc, const struct sx_registry *registry)
{
    if (desc->type == SX_STATE_SET) {
        desc->state_label[0] = desc->name.data;
        desc->labels = desc->state_label;
        desc->label_count = sx__constants_have_label(registry, desc->name.data) ? 0 : 1;
    }
}

int sx__desc_place(struct sx__desc *desc, struct sx__full_name *full,
                   const struct sx_registry *registry)
{
    *full = (struct sx__full_name){0};
    for (size_t i = 0; i < desc->label_count; i++) {
        if (sx__constants_have_label(registry, desc->labels[i])) {
            return SX_ELABEL;
        }
    }
    if (desc->multiprocess_mode == SX_MODE_LIVE_ALL &&
        sx__constants_have_label(registry, SX__PROCESS_LABEL)) {
        return SX_ELABEL;
    }
    int status = sx__full_name_make(full, registry, desc->name);
    if (status == SX_OK) {
        desc->name = full->text;
        desc->legacy = full->legacy;
        add_state_label(desc, registry);
        status = desc->type == SX_STATE_SET && desc->label_count == 0 ? SX_ELABEL : SX_OK;
    }
    return status;
}

static int check_constant_label(const struct sx_label *label, const char **names, size_t index)
{
    if (label->name == NULL) {
        return SX_ELABEL;
    }
    names[index] = label->name;
    /* `le` would clash with the buckets of each histogram, `quantile` with those of each summary.
     */
    if (sx__label_fault(SX_HISTOGRAM, names, index, false) != NULL ||
        sx__label_fault(SX_SUMMARY, names, index, false) != NULL) {
        return SX_ELABEL;
    }
    if (label->value.size > 0 && (label->value.data == NULL || !sx__utf8_is_valid(label->value))) {
        return SX_EINVAL;
    }
    return SX_OK;
}

int sx__desc_check_constants(const struct sx_registry_options *options)
{
    const char *names[SX_LABELS_MAX];
    const char *prefix = options->name_prefix;
    if (prefix != NULL && prefix[0] != '\0' && !sx_metric_name_is_valid(prefix)) {
        return SX_ENAME;
    }
    const size_t count = options->constant_label_count;
    if (count > SX_LABELS_MAX || (count > 0 && options->constant_labels == NULL)) {
        return SX_EINVAL;
    }
    int status = SX_OK;
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        status = check_constant_label(&options->constant_labels[i], names, i);
    }
    return status;
}

bool sx__desc_equals(const struct sx__desc *desc, const struct sx__family *family)
{
    if ((uint32_t)desc->type != family->type || (uint32_t)desc->source != family->source ||
        desc->label_count != family->label_count || desc->bound_count != family->bound_count ||
        !sx__views_equal(desc->name, sx__family_name(family)) ||
        !sx__views_equal(desc->help, sx__family_help(family)) ||
        !sx__views_equal(desc->unit, sx__family_unit(family)) ||
        desc->native_max != family->native_max || desc->native_schema != family->native_schema ||
        sx__bits_of(desc->zero_threshold) != family->zero_threshold ||
        desc->quantile_count != family->quantile_count || desc->window_ms != family->window_ms ||
        (uint32_t)desc->multiprocess_mode != family->multiprocess_mode) {
        return false;
    }
    for (size_t i = 0; i < desc->label_count; i++) {
        struct sx_str label = sx__view(desc->labels[i]);
        if (!sx__views_equal(label, sx__family_label(family, i))) {
            return false;
        }
    }
    for (size_t i = 0; i < desc->bound_count; i++) {
        if (desc->bounds[i] != sx__family_bounds(family)[i]) {
            return false;
        }
    }
    for (size_t i = 0; i < desc->quantile_count; i++) {
        if (desc->quantiles[i] != sx__family_quantiles(family)[i]) {
            return false;
        }
    }
    return true;
}

bool sx__desc_clashes(const struct sx__desc *desc, const struct sx__family *family)
{
    return sx__written_names_clash(desc->legacy, desc->type, sx__family_legacy_name(family),
                                   (enum sx_metric_type)family->type);
}
