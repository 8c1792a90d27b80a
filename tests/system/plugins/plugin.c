/* A plugin that counts, with a libsextant-metrics of its own: its host does not link it. */
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <string.h>

int plugin_count(void);
int plugin_count(void)
{
    struct sx_counter *counter = NULL;
    struct sx_histogram *histogram = NULL;
    struct sx_metric_options options = {.name = "plugin_total", .help = "Calls."};
    if (sx_counter_register(&counter, NULL, &options) != SX_OK) {
        return -1;
    }
    options.name = "plugin_values";
    if (sx_histogram_register(&histogram, NULL, &options) != SX_OK) {
        return -1;
    }
    sx_counter_inc(counter);
    sx_histogram_observe(histogram, 1);
    return (int)sx_counter_value(counter);
}
