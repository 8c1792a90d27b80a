/* buckets.c: making bounds, and repairing them for a histogram. */
#include "buckets.h"

#include "prom_map.h"
#include "report.h"

#include <sextant/metrics.h>

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double default_bounds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
static prom_histogram_buckets_t default_buckets = {
    sizeof default_bounds / sizeof default_bounds[0],
    default_bounds,
};
prom_histogram_buckets_t *prom_histogram_default_buckets = &default_buckets;

/* Makes buckets with room for the bounds, which *bounds receives. */
static prom_histogram_buckets_t *make_buckets(double **bounds, size_t count)
{
    if (count > INT_MAX) {
        return NULL;
    }
    prom_histogram_buckets_t *buckets = malloc(sizeof *buckets);
    *bounds = calloc(count + 1, sizeof **bounds);
    if (buckets == NULL || *bounds == NULL) {
        free(buckets);
        free(*bounds);
        return NULL;
    }
    *buckets = (prom_histogram_buckets_t){(int)count, *bounds};
    return buckets;
}

prom_histogram_buckets_t *prom_histogram_buckets_new(size_t count, double bucket, ...)
{
    double *bounds;
    prom_histogram_buckets_t *buckets = make_buckets(&bounds, count);
    if (buckets == NULL) {
        return NULL;
    }
    va_list others;
    va_start(others, bucket);
    bounds[0] = bucket;
    for (size_t i = 1; i < count; i++) {
        bounds[i] = va_arg(others, double);
    }
    va_end(others);
    return buckets;
}

prom_histogram_buckets_t *prom_histogram_buckets_linear(double start, double width, size_t count)
{
    double *bounds;
    prom_histogram_buckets_t *buckets = count < 2 ? NULL : make_buckets(&bounds, count);
    for (size_t i = 0; buckets != NULL && i < count; i++) {
        bounds[i] = start + width * (double)i;
    }
    return buckets;
}

prom_histogram_buckets_t *prom_histogram_buckets_exponential(double start, double factor,
                                                             size_t count)
{
    if (count < 1 || !(start > 0) || !(factor > 1)) {
        return NULL;
    }
    double *bounds;
    prom_histogram_buckets_t *buckets = make_buckets(&bounds, count);
    for (size_t i = 0; buckets != NULL && i < count; i++) {
        bounds[i] = start;
        start *= factor;
    }
    return buckets;
}

int prom_histogram_buckets_destroy(prom_histogram_buckets_t *self)
{
    if (self != NULL && self != prom_histogram_default_buckets && self != &default_buckets) {
        free((void *)self->upper_bounds);
        free(self);
    }
    return 0;
}

size_t prom_histogram_buckets_count(prom_histogram_buckets_t *self)
{
    return self == NULL || self->count < 0 ? 0 : (size_t)self->count;
}

static int compare_bounds(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Copies the bounds that are numbers, in order and each once. Returns how many they are. */
static size_t copy_bounds(double *bounds, const prom_histogram_buckets_t *buckets, size_t count)
{
    size_t numbers = 0;
    for (size_t i = 0; i < count; i++) {
        if (isfinite(buckets->upper_bounds[i])) {
            bounds[numbers++] = buckets->upper_bounds[i];
        }
    }
    qsort(bounds, numbers, sizeof *bounds, compare_bounds);
    size_t used = 0;
    for (size_t i = 0; i < numbers; i++) {
        if (used == 0 || bounds[i] > bounds[used - 1]) {
            bounds[used++] = bounds[i];
        }
    }
    return used;
}

/* Whether the bounds are those of the program; it may have given +Inf, too. */
static int are_same(const double *bounds, size_t used, const prom_histogram_buckets_t *buckets,
                    size_t count)
{
    const double *given = buckets->upper_bounds;
    if (count > 0 && given[count - 1] == HUGE_VAL) {
        count--;
    }
    return used == count && (count == 0 || memcmp(bounds, given, count * sizeof *bounds) == 0);
}

double *prom__bounds_make(size_t *count, const prom_histogram_buckets_t *buckets,
                          const char *metric)
{
    const size_t given = buckets->count < 0 ? 0 : (size_t)buckets->count;
    double *bounds = calloc(given + 1, sizeof *bounds);
    if (bounds == NULL) {
        return NULL;
    }
    const size_t used = copy_bounds(bounds, buckets, given);
    if (used > SX_BUCKETS_MAX) {
        prom__report_once("%s has %zu bounds, but at most %d are possible", metric, used,
                          SX_BUCKETS_MAX);
        free(bounds);
        return NULL;
    }
    if (!are_same(bounds, used, buckets, given)) {
        prom__report_once("the bounds of %s are not increasing; they are sorted", metric);
    }
    bounds[used] = HUGE_VAL;
    *count = used + 1;
    return bounds;
}

/* ---- buckets that histograms share ---- */

/* How many histograms have the buckets of an address; made by the first histogram, and kept. */
static prom_map_t *buckets_uses;

struct address_text {
    char text[2 + 2 * sizeof(void *) + 1];
};

static struct address_text address_of(const prom_histogram_buckets_t *buckets)
{
    struct address_text address;
    (void)snprintf(address.text, sizeof address.text, "%" PRIxPTR, (uintptr_t)buckets);
    return address;
}

/* The number of uses is the value itself. */
static int set_uses(const struct address_text *address, uintptr_t uses)
{
    return prom_map_set(buckets_uses, address->text, (void *)uses);
}

static uintptr_t get_uses(const struct address_text *address)
{
    return (uintptr_t)prom_map_get(buckets_uses, address->text);
}

int prom__buckets_use(prom_histogram_buckets_t *buckets)
{
    const struct address_text address = address_of(buckets);
    if (buckets_uses == NULL) {
        buckets_uses = prom_map_new();
    }
    return set_uses(&address, get_uses(&address) + 1);
}

void prom__buckets_leave(prom_histogram_buckets_t *buckets)
{
    const struct address_text address = address_of(buckets);
    const uintptr_t others = get_uses(&address) - 1;
    if (others > 0) {
        (void)set_uses(&address, others); /* needs no memory, as the key is there */
    } else {
        (void)prom_map_delete(buckets_uses, address.text);
        (void)prom_histogram_buckets_destroy(buckets);
    }
}
