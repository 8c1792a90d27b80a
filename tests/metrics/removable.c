/* removable.c: a registry with a family of each type, whose series tests remove. */
#include "removable.h"

#include "page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct sx_registry *registry;
struct sx_counter_family *counters;
struct sx_gauge_family *gauges;
struct sx_histogram_family *histograms;

void removable_make(bool shared)
{
    const struct sx_registry_options small = {
        .shared = shared, .thread_rows = 8, .row_bytes = 64 << 10, .directory_bytes = 1 << 20};
    struct sx_metric_options options = {
        .name = "c_total", .help = "C.", .labels = SX_LABELS("a", "b")};
    assert_int_equal(sx_registry_new(&registry, &small), SX_OK);
    assert_int_equal(sx_counter_family_register(&counters, registry, &options), SX_OK);
    options.name = "g";
    assert_int_equal(sx_gauge_family_register(&gauges, registry, &options), SX_OK);
    options = (struct sx_metric_options){
        .name = "h", .help = "H.", .labels = SX_LABELS("a", "b"), SX_BUCKETS(1, 2)};
    assert_int_equal(sx_histogram_family_register(&histograms, registry, &options), SX_OK);
}

int set_up(void **state)
{
    (void)state;
    removable_make(false);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

int remove_counter(const char *a, const char *b)
{
    const struct sx_str values[] = {{a, strlen(a)}, {b, strlen(b)}};
    return sx_counter_family_remove(counters, values, 2);
}

void clear_all(void)
{
    (void)sx_counter_family_clear(counters);
    (void)sx_gauge_family_clear(gauges);
    (void)sx_histogram_family_clear(histograms);
}

void release(struct sx_counter *counter, struct sx_gauge *gauge, struct sx_histogram *histogram)
{
    sx_counter_release(counter);
    sx_gauge_release(gauge);
    sx_histogram_release(histogram);
}

bool page_has(const char *text)
{
    return strstr(page_text(registry), text) != NULL;
}
