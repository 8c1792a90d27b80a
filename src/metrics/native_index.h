/* native_index.h: which native bucket a number falls into.
 *
 * At schema s, bucket i covers the numbers above 2^((i - 1) / 2^s), up to and including
 * 2^(i / 2^s). Each bound of a schema is also one of the next finer schema. So the index at schema
 * 8, the finest, is found once, and gives that of any other schema by a shift.
 *
 * The bounds are irrational, except for the powers of two. A double is compared with the largest
 * double that is not above the bound, so the result is exact.
 *
 * Source: Prometheus "Native Histograms", Schemas
 */
#ifndef SX_METRICS_NATIVE_INDEX_H
#define SX_METRICS_NATIVE_INDEX_H

#include <stdint.h>
#include <string.h>

#define SX__SCHEMA_MIN (-4)
#define SX__SCHEMA_MAX 8
#define SX__NATIVE_BOUNDS 256 /* buckets of a power of two at schema 8 */
#define SX__MANTISSA ((UINT64_C(1) << 52) - 1)

extern const uint64_t sx__native_bounds[SX__NATIVE_BOUNDS + 2];
extern const uint16_t sx__native_starts[256];

/* The index at schema 8 of a number with this biased exponent. */
static inline int32_t sx__native_index_of(int32_t exponent, uint64_t mantissa)
{
    const uint32_t start = sx__native_starts[mantissa >> 44];
    const uint32_t less = start + (uint32_t)(sx__native_bounds[start] < mantissa) +
                          (uint32_t)(sx__native_bounds[start + 1] < mantissa);
    return (exponent - 1023) * SX__NATIVE_BOUNDS + (int32_t)less;
}

int32_t sx__native_index_of_subnormal(uint64_t bits);

/** The index at schema 8 of a positive, finite number, given its bits. */
static inline int32_t sx__native_index(uint64_t bits)
{
    const int32_t exponent = (int32_t)(bits >> 52);
    return __builtin_expect(exponent == 0, 0) ? sx__native_index_of_subnormal(bits)
                                              : sx__native_index_of(exponent, bits & SX__MANTISSA);
}

/** The index of the same number at a schema that is coarser by `halvings`. */
static inline int32_t sx__native_coarser(int32_t index, uint32_t halvings)
{
    return (index + (INT32_C(1) << halvings) - 1) >> halvings;
}

/** The coarsest schema with buckets that grow by this factor at the most, or the finest one, if
 * all are coarser.
 *
 * @param growth_factor  finite and greater than 1
 */
int32_t sx__native_schema_of(double growth_factor);

#endif
