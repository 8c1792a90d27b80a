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

    sx_summary *summary = nullptr;
    const sx_metric_options quantiles = {
        .name = "q", .help = "A test.", SX_QUANTILES(.5, .99), .window_seconds = 60};
    overwrite_stack();
    check(sx_summary_register(&summary, nullptr, &quantiles) == SX_OK, "a summary");
    sx_summary_observe(summary, 0);
    check(sx_summary_quantile(summary, .9) == 0, "its quantile");
}

static void use_other_types()
{
    sx_metric_options options = options_of("s");
    options.labels = SX_LABELS("method");
    sx_summary_family *summaries = nullptr;
    check(sx_summary_family_register(&summaries, nullptr, &options) == SX_OK, "summaries");
    sx_summary_observe_with(summaries, 2, "GET");
    sx_summary *summary = sx_summary_with(summaries, std::string("GET").c_str());
    sx_summary_observe(summary, 3);
    check(sx_summary_count(summary) == 2 && sx_summary_sum(summary) == 5, "the summary's values");

    sx_info *info = nullptr;
    options.name = "build_info";
    check(sx_info_register(&info, nullptr, &options) == SX_OK, "an info");
    check(sx_info_set_with(info, std::string("POST").c_str()) == SX_OK, "its value");

    sx_state_set *modes = nullptr;
    const char *const names[] = {"off", "on", nullptr};
    options = {};
    options.name = "mode";
    check(sx_state_set_register(&modes, nullptr, &options, names) == SX_OK, "a state set");
    sx_state_set_select(modes, 1);
    check(sx_state_set_get(modes, 1) && !sx_state_set_get(modes, 0), "its states");

    sx_gauge *untyped = nullptr;
    options.name = "u_seconds";
    options.unit = "seconds";
    check(sx_untyped_register(&untyped, nullptr, &options) == SX_OK, "an untyped metric");

    sx_histogram *native = nullptr;
    options.name = "n_seconds";
    options.native.growth_factor = 1.1;
    check(sx_histogram_register(&native, nullptr, &options) == SX_OK, "native buckets");
    const sx_label labels[] = {{"trace_id", {"abc", 3}}};
    sx_histogram_observe_with_exemplar(native, 2, labels, 1);
    check(sx_histogram_count(native) == 1, "it counts");
}

int main()
{
    use_families();
    use_buckets();
    use_other_types();
    return failures;
}
