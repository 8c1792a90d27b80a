/* write_family.c: reads the series of a family, and passes them to a format. */
#include "write_family.h"

#include "series_record.h"
#include "shown_exemplars.h"
#include "summary_window.h"
#include "written_labels.h"

/* What is written of one registry's family. */
struct writing {
    struct sx__writer *writer;
    const struct sx__page_family *from;
    struct sx__series_set *known;
    bool escapes_labels; /* names of labels are not as the records have them */
    size_t repeated;
    int status;
    size_t number_count; /* those that the format has not got yet */
    struct sx__simple_series numbers[SX__NUMBERS_MAX];
    struct sx__shown_exemplars exemplars; /* of the series that is being read */
    struct sx__series_extra extra;        /* of the same */
    struct sx_quantile quantiles[SX_QUANTILES_MAX];
};

/* Whether the series is new to the page. Sets the status. Not inlined, as most pages have one
 * registry, and all their series are new. */
__attribute__((noinline)) static bool is_new(struct writing *writing, struct sx_str text)
{
    bool is_known = false;
    const struct sx__family *family = writing->from->family;
    const struct sx_str labels = sx__series_labels(family, text);
    writing->status = writing->escapes_labels
                          ? sx__series_set_add_escaped(writing->known, family, labels,
                                                       writing->writer->scheme, &is_known)
                          : sx__series_set_add(writing->known, labels, &is_known);
    writing->repeated += is_known;
    return !is_known && writing->status == SX_OK;
}

static void flush_numbers(struct writing *writing)
{
    if (writing->number_count > 0 && writing->status == SX_OK) {
        writing->status = writing->writer->format->numbers(writing->writer, writing->numbers,
                                                           writing->number_count);
    }
    writing->number_count = 0;
}

/* The value of the next number is read into its place. Takes it if the series is new. */
static inline void take_number(struct writing *writing, struct sx_str text)
{
    if (writing->known == NULL || is_new(writing, text)) {
        writing->numbers[writing->number_count++].text = text;
        if (writing->number_count == SX__NUMBERS_MAX) {
            flush_numbers(writing);
        }
    }
}

static inline struct sx__counter_value *next_number(struct writing *writing)
{
    return &writing->numbers[writing->number_count].value;
}

static inline void pass_histogram(struct writing *writing, struct sx_str text,
                                  const struct sx__histogram_value *value)
{
    if (writing->known == NULL || is_new(writing, text)) {
        writing->status = writing->writer->format->histogram(writing->writer, text, value);
    }
}

static struct sx_str text_of(const struct sx__series *series)
{
    return (struct sx_str){sx__series_text(series), series->text_size};
}

/* sx__read_counter and its like return false if the series is removed; it is then left out. */

/* Reads what a series of the directory has besides its numbers. Exemplars must be read before the
 * numbers, so that the numbers count them. */
static bool read_extra(struct writing *writing, const struct sx__series *series)
{
    const struct sx__format *format = writing->writer->format;
    writing->extra = (struct sx__series_extra){.exemplar = NULL};
    writing->exemplars.count = 0;
    if (format->shows_created) {
        writing->extra.created_ms = sx__series_created_ms(series);
    }
    if (format->shows_exemplars && sx__series_has_exemplars(series)) {
        writing->status = sx__shown_exemplars_read(&writing->exemplars, series);
        sx__reading_refresh(writing->from->reading);
        writing->extra.exemplar = writing->exemplars.count > 0 ? writing->exemplars.slots[0] : NULL;
    }
    return writing->status == SX_OK;
}

/* The format gets the series alone. */
static void take_number_with_extra(struct writing *writing, struct sx_str text)
{
    writing->numbers[0].extra = &writing->extra;
    take_number(writing, text);
    flush_numbers(writing);
    writing->numbers[0].extra = NULL;
}

static void write_with_extra(struct writing *writing, const struct sx__series *series)
{
    flush_numbers(writing);
    if (writing->status == SX_OK && read_extra(writing, series) &&
        sx__read_counter(writing->from->reading, series, next_number(writing))) {
        take_number_with_extra(writing, text_of(series));
    }
}

static void write_counters(struct writing *writing, const struct sx_registry *registry)
{
    const struct sx__page_family *from = writing->from;
    const struct sx__format *format = writing->writer->format;
    const bool shows_created = format->shows_created && registry->has_created;
    const struct sx__series *series = sx__series_at(registry, &from->family->first_series);
    for (; series != NULL && writing->status == SX_OK;
         series = sx__series_at(registry, &series->next)) {
        if (shows_created || (format->shows_exemplars && sx__series_has_exemplars(series))) {
            write_with_extra(writing, series);
        } else if (sx__read_counter(from->reading, series, next_number(writing))) {
            take_number(writing, text_of(series));
        }
    }
}

static void write_gauges(struct writing *writing, const struct sx_registry *registry)
{
    const struct sx__page_family *from = writing->from;
    const struct sx__series *series = sx__series_at(registry, &from->family->first_series);
    for (; series != NULL && writing->status == SX_OK;
         series = sx__series_at(registry, &series->next)) {
        struct sx__counter_value *value = next_number(writing);
        value->is_whole = false;
        if (sx__read_gauge(from->reading, series, &value->number)) {
            take_number(writing, text_of(series));
        }
    }
}

/* Returns false if the summary is removed. */
static bool read_shown_quantiles(struct writing *writing, const struct sx__series *series)
{
    const struct sx__family *family = writing->from->family;
    if (family->quantile_count == 0) {
        return true;
    }
    for (uint32_t i = 0; i < family->quantile_count; i++) {
        writing->quantiles[i].quantile = sx__family_quantiles(family)[i];
    }
    writing->extra.quantiles = writing->quantiles;
    writing->extra.quantile_count = family->quantile_count;
    return sx__summary_window_read(writing->from->reading, series, writing->quantiles,
                                   family->quantile_count);
}

static void write_histograms(struct writing *writing, const struct sx_registry *registry)
{
    const struct sx__page_family *from = writing->from;
    uint64_t buckets[SX_BUCKETS_MAX + 1];
    struct sx__native_values native;
    struct sx__histogram_value value = {.buckets = buckets, .extra = &writing->extra};
    if (writing->writer->format->shows_native && from->family->type == SX_HISTOGRAM &&
        sx__has_native(from->family)) {
        value.native = &native;
    }
    const struct sx__series *series = sx__series_at(registry, &from->family->first_series);
    for (; series != NULL && writing->status == SX_OK;
         series = sx__series_at(registry, &series->next)) {
        if (read_extra(writing, series) && read_shown_quantiles(writing, series) &&
            sx__read_histogram(from->reading, series, from->family->bound_count, buckets,
                               &value.sum) &&
            (value.native == NULL || sx__read_native(from->reading, series, &native))) {
            value.exemplars = writing->exemplars.slots;
            value.exemplar_count = writing->exemplars.count;
            pass_histogram(writing, text_of(series), &value);
        }
    }
}

static void set_extra_of_sample(struct writing *writing, const struct sx__sample_extra *extra)
{
    writing->extra = (struct sx__series_extra){.has_timestamp = extra->has_timestamp,
                                               .timestamp_ms = extra->timestamp_ms,
                                               .quantiles = extra->quantiles,
                                               .quantile_count = extra->quantile_count};
    if (writing->writer->format->shows_exemplars && extra->exemplar_count > 0) {
        writing->extra.exemplar = extra->exemplars[0];
    }
}

static void write_histogram_sample(struct writing *writing, const struct sx__sample *sample,
                                   struct sx_str text)
{
    struct sx__histogram_value value = {.buckets = sample->buckets, .sum = sample->value};
    if (sample->extra != NULL) {
        set_extra_of_sample(writing, sample->extra);
        value.extra = &writing->extra;
        value.native = writing->writer->format->shows_native ? sample->extra->native : NULL;
        if (writing->writer->format->shows_exemplars) {
            value.exemplars = (const struct sx__exemplar *const *)sample->extra->exemplars;
            value.exemplar_count = sample->extra->exemplar_count;
        }
    }
    pass_histogram(writing, text, &value);
}

static void write_samples(struct writing *writing, const struct sx__collected_family *collected)
{
    const bool has_buckets = sx__has_buckets(collected->family);
    const struct sx__sample *sample = collected->first;
    for (; sample != NULL && writing->status == SX_OK; sample = sample->next) {
        const struct sx_str text = sx__sample_text(collected, sample);
        if (has_buckets) {
            write_histogram_sample(writing, sample, text);
            continue;
        }
        if (sample->extra != NULL) {
            flush_numbers(writing);
            set_extra_of_sample(writing, sample->extra);
        }
        *next_number(writing) = (struct sx__counter_value){.number = sample->value};
        if (sample->extra != NULL) {
            take_number_with_extra(writing, text);
        } else {
            take_number(writing, text);
        }
    }
}

int sx__write_series(struct sx__writer *writer, const struct sx__page_family *from,
                     struct sx__series_set *known, size_t *repeated)
{
    struct writing writing;
    writing.writer = writer;
    writing.from = from;
    writing.known = known;
    writing.escapes_labels =
        known != NULL && !sx__written_labels_stay(from->family, writer->scheme);
    writing.repeated = 0;
    writing.status = SX_OK;
    writing.number_count = 0;
    for (size_t i = 0; i < SX__NUMBERS_MAX; i++) {
        writing.numbers[i].extra = NULL;
    }
    writing.exemplars = (struct sx__shown_exemplars){.count = 0};
    const struct sx_registry *registry = sx__arenas[from->family->arena].registry;
    writer->family = from->family;
    if (writer->format->enter != NULL) {
        writing.status = writer->format->enter(writer);
    }
    if (from->collected != NULL) {
        write_samples(&writing, from->collected);
    } else if (sx__has_buckets(from->family)) {
        write_histograms(&writing, registry);
    } else if (from->family->type == SX_COUNTER) {
        write_counters(&writing, registry);
    } else {
        write_gauges(&writing, registry);
    }
    flush_numbers(&writing);
    sx__shown_exemplars_clean_up(&writing.exemplars);
    if (repeated != NULL) {
        *repeated = writing.repeated;
    }
    return writing.status;
}

int sx__write_family(struct sx__writer *writer, const struct sx__page_family *from)
{
    int status = writer->format->begin(writer, from->family);
    if (status == SX_OK) {
        status = sx__write_series(writer, from, NULL, NULL);
    }
    if (status == SX_OK && writer->format->end != NULL) {
        status = writer->format->end(writer);
    }
    return status;
}
