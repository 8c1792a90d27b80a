/* encode_text.c: Prometheus text 0.0.4.
 *
 * The text before a number was escaped when its series was made; here it is copied. Only the lines
 * of a histogram are composed of pieces, because all its buckets have the same labels. Runs in the
 * thread that scrapes.
 *
 * Source: Prometheus "Exposition formats", Text-based format
 */
#include "encode_text.h"

#include "collectors.h"
#include "constants.h"
#include "format_number.h"
#include "page.h"
#include "scrape.h"

#include <sextant/collector.h>

#include <string.h>

#define PIECE(text) ((struct sx_str){text, sizeof(text) - 1})

static const struct sx_str type_names[] = {
    [SX_COUNTER] = {"counter", 7},     [SX_GAUGE] = {"gauge", 5},
    [SX_HISTOGRAM] = {"histogram", 9}, [SX_SUMMARY] = {"summary", 7},
    [SX_INFO] = {"gauge", 5},          [SX_STATE_SET] = {"gauge", 5},
    [SX_UNTYPED] = {"untyped", 7},     [SX_GAUGE_HISTOGRAM] = {"histogram", 9},
};

/* ` NUMBER\n`, as a double or as an integer */
#define NUMBER_SIZE_MAX (SX__DOUBLE_SIZE_MAX + 2)
/* `,le="BOUND"} ` */
#define BOUND_PIECE_SIZE_MAX (SX__DOUBLE_SIZE_MAX + 9)

/* Pieces are short, so a call of memcpy would take as long as the copy. The last 16 bytes may
 * overlap those before them. */
static char *copy(char *at, struct sx_str piece)
{
    char *end = at + piece.size;
    const char *from = piece.data;
    if (piece.size < 16) {
        memcpy(at, from, piece.size);
        return end;
    }
    for (; end - at > 16; at += 16, from += 16) {
        memcpy(at, from, 16);
    }
    memcpy(end - 16, piece.data + piece.size - 16, 16);
    return end;
}

static char *end_of(const struct sx_page *page)
{
    return page->data + page->size;
}

static void set_end(struct sx_page *page, const char *end)
{
    page->size = (size_t)(end - page->data);
}

/* HELP escapes the backslash and the line feed, and nothing else: `\"` is an error there. */
static char *copy_escaped(char *at, struct sx_str help)
{
    for (size_t i = 0; i < help.size; i++) {
        char c = help.data[i];
        if (c == '\\' || c == '\n') {
            *at++ = '\\';
        }
        *at++ = c == '\n' ? 'n' : c;
    }
    return at;
}

/* A family without help has no HELP line, which is optional. */
static char *write_help(char *at, struct sx_str name, struct sx_str help)
{
    if (help.size == 0) {
        return at;
    }
    at = copy(at, PIECE("# HELP "));
    at = copy(at, name);
    *at++ = ' ';
    at = copy_escaped(at, help);
    *at++ = '\n';
    return at;
}

int sx__text_head(struct sx_page *page, const struct sx__family *family)
{
    struct sx_str name = sx__family_name(family);
    struct sx_str help = sx__family_help(family);
    int status = sx__page_reserve(page, 2 * name.size + 2 * help.size + 64);
    if (status != SX_OK) {
        return status;
    }
    char *at = write_help(end_of(page), name, help);
    at = copy(at, PIECE("# TYPE "));
    at = copy(at, name);
    *at++ = ' ';
    at = copy(at, type_names[family->type]);
    *at++ = '\n';
    set_end(page, at);
    return SX_OK;
}

static struct sx_str text_of(const struct sx__series *series)
{
    return (struct sx_str){sx__series_text(series), series->text_size};
}

/* Writes the number of a series. Returns NULL if the series is removed. */
static char *write_counter(char *at, const struct sx__reading *reading,
                           const struct sx__series *series)
{
    struct sx__counter_value value;
    if (!sx__read_counter(reading, series, &value)) {
        return NULL;
    }
    return value.is_whole ? sx__write_whole(at, value.whole) : sx__write_double(at, value.number);
}

static char *write_gauge(char *at, const struct sx__reading *reading,
                         const struct sx__series *series)
{
    double value;
    return sx__read_gauge(reading, series, &value) ? sx__write_double(at, value) : NULL;
}

/* One line a series. */
static int render_simple(struct sx_page *page, const struct sx_registry *registry,
                         const struct sx__reading *reading, const struct sx__family *family)
{
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    for (; series != NULL; series = sx__series_at(registry, &series->next)) {
        int status = sx__page_reserve(page, series->text_size + NUMBER_SIZE_MAX);
        if (status != SX_OK) {
            return status;
        }
        char *at = copy(end_of(page), text_of(series));
        at = family->type == SX_COUNTER ? write_counter(at, reading, series)
                                        : write_gauge(at, reading, series);
        if (at != NULL) {
            *at++ = '\n';
            set_end(page, at);
        }
    }
    return SX_OK;
}

/* The end of the text before the number, for each bucket of a family; the same for all its series.
 */
struct bound_pieces {
    struct sx_str pieces[SX_BUCKETS_MAX + 1];
    char text[(SX_BUCKETS_MAX + 1) * BOUND_PIECE_SIZE_MAX];
    size_t longest;
};

static void write_bound_pieces(struct bound_pieces *bounds, const struct sx__family *family)
{
    char *at = bounds->text;
    const bool has_labels =
        family->label_count > 0 || sx__constant_labels(sx__arenas[family->arena].registry).size > 0;
    bounds->longest = 0;
    for (uint32_t i = 0; i <= family->bound_count; i++) {
        const char *start = at;
        if (has_labels) {
            *at++ = ',';
        }
        at = copy(at, PIECE("le=\""));
        at = i < family->bound_count ? sx__write_bound(at, sx__family_bounds(family)[i])
                                     : copy(at, PIECE("+Inf"));
        at = copy(at, PIECE("\"} "));
        bounds->pieces[i] = (struct sx_str){start, (size_t)(at - start)};
        if (bounds->pieces[i].size > bounds->longest) {
            bounds->longest = bounds->pieces[i].size;
        }
    }
}

/* What a histogram shows: the observations of each bucket, not cumulative, and the sum. */
struct histogram {
    const uint64_t *buckets;
    double sum;
};

/* `name_bucket{labels,le="…"} number` for each bucket, cumulative. *total receives the sum of all.
 */
static char *write_buckets(char *at, const struct sx__family *family,
                           const struct bound_pieces *bounds, struct sx_str labels,
                           const uint64_t *buckets, uint64_t *total)
{
    struct sx_str name = sx__family_name(family);
    *total = 0;
    for (uint32_t i = 0; i <= family->bound_count; i++) {
        *total += buckets[i];
        at = copy(at, name);
        at = copy(at, PIECE("_bucket{"));
        at = copy(at, labels);
        at = copy(at, bounds->pieces[i]);
        at = sx__write_whole(at, *total);
        *at++ = '\n';
    }
    return at;
}

/* `name_sum{labels} `, or with no braces where there are no labels */
static char *write_name(char *at, struct sx_str name, struct sx_str suffix, struct sx_str labels)
{
    at = copy(at, name);
    at = copy(at, suffix);
    if (labels.size > 0) {
        *at++ = '{';
        at = copy(at, labels);
        *at++ = '}';
    }
    *at++ = ' ';
    return at;
}

static int render_histogram(struct sx_page *page, const struct sx__family *family,
                            const struct bound_pieces *bounds, struct sx_str labels,
                            const struct histogram *histogram)
{
    uint64_t count;
    struct sx_str name = sx__family_name(family);
    size_t line = name.size + labels.size + bounds->longest + NUMBER_SIZE_MAX + 16;
    int status = sx__page_reserve(page, line * ((size_t)family->bound_count + 3));
    if (status != SX_OK) {
        return status;
    }
    char *at = write_buckets(end_of(page), family, bounds, labels, histogram->buckets, &count);
    if (family->type == SX_SUMMARY) {
        at = end_of(page); /* it has no buckets */
    }
    at = write_name(at, name, PIECE("_sum"), labels);
    at = sx__write_double(at, histogram->sum);
    *at++ = '\n';
    at = write_name(at, name, PIECE("_count"), labels);
    at = sx__write_whole(at, count);
    *at++ = '\n';
    set_end(page, at);
    return SX_OK;
}

static int render_histograms(struct sx_page *page, const struct sx_registry *registry,
                             const struct sx__reading *reading, const struct sx__family *family)
{
    struct bound_pieces bounds;
    uint64_t buckets[SX_BUCKETS_MAX + 1];
    struct histogram histogram = {.buckets = buckets};
    write_bound_pieces(&bounds, family);
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    for (; series != NULL; series = sx__series_at(registry, &series->next)) {
        if (!sx__read_histogram(reading, series, family->bound_count, buckets, &histogram.sum)) {
            continue;
        }
        int status = render_histogram(page, family, &bounds, text_of(series), &histogram);
        if (status != SX_OK) {
            return status;
        }
    }
    return SX_OK;
}

int sx__text_series(struct sx_page *page, const struct sx_registry *registry,
                    const struct sx__reading *reading, const struct sx__family *family)
{
    return sx__has_buckets(family) ? render_histograms(page, registry, reading, family)
                                   : render_simple(page, registry, reading, family);
}

/* ---- callbacks and collectors ---- */

/* Inserts the timestamp of a sample at the end of each of its lines, which begin at `start`. From
 * the last line on, because lines are moved. */
static int add_timestamps(struct sx_page *page, size_t start, const struct sx__sample *sample)
{
    char digits[24];
    if (sample->extra == NULL || !sample->extra->has_timestamp) {
        return SX_OK;
    }
    char *end = digits;
    *end++ = ' ';
    end = sx__write_whole(end, (uint64_t)sample->extra->timestamp_ms);
    const size_t size = (size_t)(end - digits);
    size_t lines = 0;
    for (size_t i = start; i < page->size; i++) {
        lines += page->data[i] == '\n';
    }
    const int status = sx__page_reserve(page, lines * size);
    size_t to = page->size + lines * size;
    for (size_t from = page->size; status == SX_OK && from > start;) {
        page->data[--to] = page->data[--from];
        if (page->data[from] == '\n') {
            to -= size;
            memcpy(page->data + to, digits, size);
        }
    }
    page->size += status == SX_OK ? lines * size : 0;
    return status;
}

static int render_quantiles(struct sx_page *page, const struct sx__collected_family *collected,
                            const struct sx__sample *sample)
{
    const struct sx_str name = sx__family_name(collected->family);
    const struct sx_str labels = sx__sample_text(collected, sample);
    const size_t count = sample->extra == NULL ? 0 : sample->extra->quantile_count;
    const size_t line = name.size + labels.size + BOUND_PIECE_SIZE_MAX + NUMBER_SIZE_MAX + 16;
    const int status = sx__page_reserve(page, line * count);
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        char *at = copy(end_of(page), name);
        *at++ = '{';
        at = copy(at, labels);
        at = copy(at, labels.size > 0 ? PIECE(",quantile=\"") : PIECE("quantile=\""));
        at = sx__write_bound(at, sample->extra->quantiles[i].quantile);
        at = copy(at, PIECE("\"} "));
        at = sx__write_double(at, sample->extra->quantiles[i].value);
        *at++ = '\n';
        set_end(page, at);
    }
    return status;
}

static int render_simple_samples(struct sx_page *page, const struct sx__collected_family *collected)
{
    for (const struct sx__sample *sample = collected->first; sample != NULL;
         sample = sample->next) {
        struct sx_str text = sx__sample_text(collected, sample);
        int status = sx__page_reserve(page, text.size + NUMBER_SIZE_MAX);
        if (status != SX_OK) {
            return status;
        }
        char *at = copy(end_of(page), text);
        at = sx__write_double(at, sample->value);
        *at++ = '\n';
        const size_t start = page->size;
        set_end(page, at);
        status = add_timestamps(page, start, sample);
        if (status != SX_OK) {
            return status;
        }
    }
    return SX_OK;
}

static int render_histogram_samples(struct sx_page *page,
                                    const struct sx__collected_family *collected)
{
    struct bound_pieces bounds;
    write_bound_pieces(&bounds, collected->family);
    for (const struct sx__sample *sample = collected->first; sample != NULL;
         sample = sample->next) {
        const struct histogram histogram = {sample->buckets, sample->value};
        const size_t start = page->size;
        int status = render_quantiles(page, collected, sample);
        if (status == SX_OK) {
            status = render_histogram(page, collected->family, &bounds,
                                      sx__sample_text(collected, sample), &histogram);
        }
        if (status == SX_OK) {
            status = add_timestamps(page, start, sample);
        }
        if (status != SX_OK) {
            return status;
        }
    }
    return SX_OK;
}

int sx__text_samples(struct sx_page *page, const struct sx__collected_family *collected)
{
    return sx__has_buckets(collected->family) ? render_histogram_samples(page, collected)
                                              : render_simple_samples(page, collected);
}

static int render_collection(struct sx_page *page, const struct sx_collection *collection)
{
    const struct sx__collected_family *collected = collection->first;
    for (; collected != NULL; collected = collected->next) {
        int status = sx__text_head(page, collected->family);
        if (status == SX_OK) {
            status = sx__text_samples(page, collected);
        }
        if (status != SX_OK) {
            return status;
        }
    }
    return SX_OK;
}

/* ---- the page ---- */

/* Renders all families, and marks collections that clash with one of them. */
static int render_families(struct sx_page *page, struct sx_registry *registry,
                           const struct sx__collections *collections)
{
    struct sx__reading reading;
    int status = SX_OK;
    sx__reading_begin(&reading, registry);
    const uint32_t *link = &registry->first_family;
    const struct sx__family *family;
    while (status == SX_OK && (family = sx__collections_next_family(collections, registry, link,
                                                                    reading.epoch)) != NULL) {
        link = &family->next;
        status = sx__text_head(page, family);
        if (status == SX_OK) {
            status = sx__text_series(page, registry, &reading, family);
        }
    }
    sx__reading_end(&reading);
    return status;
}

/* Collectors run first, because they may update metrics of the registry. Their samples come last,
 * because only then it is known which names the page has. */
int sx__encode_text(struct sx_page *page, struct sx_registry *registry)
{
    struct sx__collections collections;
    sx__scrape_prepare(registry);
    int status = sx__collectors_run(&collections, registry, NULL);
    if (status == SX_OK) {
        status = render_families(page, registry, &collections);
    }
    for (const struct sx_collection *collection = collections.first;
         collection != NULL && status == SX_OK; collection = collection->next) {
        if (collection->status != SX_OK) {
            sx__collectors_report(collection, collection->status);
        } else {
            status = render_collection(page, collection);
        }
    }
    sx__collections_clean_up(&collections);
    return status;
}
