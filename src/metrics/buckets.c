/* buckets.c: bucket bounds at equal distances, or at equal ratios. */
#include <sextant/metrics.h>

#include <math.h>

struct series_of_bounds {
    double start;
    double step; /* the distance, or */
    double factor;
};

/* Multiply instead of adding to the previous bound, which would accumulate rounding errors. */
static double linear(const struct series_of_bounds *bounds, size_t index, double before)
{
    (void)before;
    return bounds->start + (double)index * bounds->step;
}

static double exponential(const struct series_of_bounds *bounds, size_t index, double before)
{
    return index == 0 ? bounds->start : before * bounds->factor;
}

typedef double bound_fn(const struct series_of_bounds *bounds, size_t index, double before);

static int fill(double *bounds, size_t count, const struct series_of_bounds *of, bound_fn *bound)
{
    double before = 0;
    if (bounds == NULL || count == 0 || count > SX_BUCKETS_MAX) {
        return SX_EINVAL;
    }
    for (size_t i = 0; i < count; i++) {
        double next = bound(of, i, before);
        if (!isfinite(next) || (i > 0 && next <= before)) {
            return SX_EBUCKETS;
        }
        before = next;
    }
    for (size_t i = 0; i < count; i++) {
        bounds[i] = bound(of, i, i == 0 ? 0 : bounds[i - 1]);
    }
    return SX_OK;
}

int sx_buckets_linear(double *bounds, size_t count, double start, double width)
{
    return fill(bounds, count, &(struct series_of_bounds){.start = start, .step = width}, linear);
}

int sx_buckets_exponential(double *bounds, size_t count, double start, double factor)
{
    if (!(start > 0)) {
        return SX_EBUCKETS;
    }
    return fill(bounds, count, &(struct series_of_bounds){.start = start, .factor = factor},
                exponential);
}
