// The macros of metrics.h in C++: what they make lives long enough, also when it is optimised.
#include <cstdio>
#include <cstring>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <string>

static int failures;

static void check(bool good, const char *what)
{
    if (!good) {
        std::fprintf(stderr, "failed: %s\n", what);
        failures++;
    }
}

static sx_metric_options options_of(const char *name)
{
    sx_metric_options options = {};
    options.name = name;
    options.help = "A test.";
    options.labels = SX_LABELS("method", "code"); // outlives this function
    return options;
}

// Overwrites the stack where a temporary would have been.
static void overwrite_stack()
{
    volatile char bytes[4096];
    for (char volatile &byte : bytes) {
        byte = 'x';
    }
}

static void use_families()
{
    sx_counter_family *counters = nullptr;
    sx_gauge_family *gauges = nullptr;
    sx_histogram_family *histograms = nullptr;
    sx_metric_options options = options_of("c_total");
    overwrite_stack();
    check(sx_counter_family_register(&counters, nullptr, &options) == SX_OK, "a counter family");
    options.name = "g";
    check(sx_gauge_family_register(&gauges, nullptr, &options) == SX_OK, "a gauge family");
    options.name = "h";
    check(sx_histogram_family_register(&histograms, nullptr, &options) == SX_OK, "histograms");

    const std::string method = std::string("GE") + "T"; // known at run time only
    sx_counter_inc_with(counters, method.c_str(), "200");
    sx_counter_add_with(counters, 1.5, method.c_str(), "200");
    sx_gauge_set_with(gauges, 3, method.c_str(), "200");
    sx_gauge_add_with(gauges, -1, method.c_str(), "200");
    sx_histogram_observe_with(histograms, 2, method.c_str(), "200");
    sx_counter *counter = sx_counter_with(counters, method.c_str(), "200");
    sx_counter_inc(counter);
    check(sx_counter_value(counter) == 3.5, "the counter's value");
    check(sx_gauge_value(sx_gauge_with(gauges, "GET", "200")) == 2, "the gauge's value");
    sx_histogram *histogram = sx_histogram_with(histograms, "GET", "200");
    check(sx_histogram_sum(histogram) == 2, "the histogram's sum");
    {
        SX_TIME_SCOPE(histogram);
        SX_IN_PROGRESS_SCOPE(sx_gauge_with(gauges, "GET", "200"));
        check(sx_gauge_value(sx_gauge_with(gauges, "GET", "200")) == 3, "in progress");
    }
    check(sx_histogram_count(histogram) == 2, "the scope was timed");
}

// Before C++20 designated initializers are an extension, of which -Wpedantic warns.
static void use_buckets()
{
    sx_histogram *histogram = nullptr;
    const sx_metric_options options = {.name = "b", .help = "A test.", SX_BUCKETS(1, 2, 4)};
    overwrite_stack();
    check(sx_histogram_register(&histogram, nullptr, &options) == SX_OK, "a histogram");
    sx_histogram_observe(histogram, 3);
    check(sx_histogram_count(histogram) == 1, "it counts");
}

int main()
{
    use_families();
    use_buckets();
    return failures;
}
