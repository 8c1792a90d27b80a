// The same work done by prometheus-cpp; see measure.h.
#include "measure.h"
#include <memory>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>
#include <prometheus/text_serializer.h>
#include <sstream>
#include <string>

static prometheus::Registry registry;

static prometheus::Family<prometheus::Counter> &requests()
{
    static auto &family = prometheus::BuildCounter()
                              .Name("bench_requests_total")
                              .Help("Requests.")
                              .Register(registry);
    return family;
}

static void *counter_make(int index)
{
    static auto &family =
        prometheus::BuildCounter().Name("bench_total").Help("Updates.").Register(registry);
    return &family.Add({{"worker", index == 0 ? "a" : "b"}});
}

static void counter_loop(void *metric, long updates)
{
    auto *counter = static_cast<prometheus::Counter *>(metric);
    for (long i = 0; i < updates; i++) {
        counter->Increment();
    }
}

static void *histogram_make(int index)
{
    static auto &family =
        prometheus::BuildHistogram().Name("bench_seconds").Help("Values.").Register(registry);
    prometheus::Histogram::BucketBoundaries bounds(std::begin(bench_buckets),
                                                   std::end(bench_buckets));
    return &family.Add({{"worker", index == 0 ? "a" : "b"}}, bounds);
}

static void histogram_loop(void *metric, long updates)
{
    auto *histogram = static_cast<prometheus::Histogram *>(metric);
    for (long i = 0; i < updates; i++) {
        histogram->Observe(bench_values[i & (VALUES - 1)]);
    }
}

static void *gauge_make(void)
{
    static auto &family =
        prometheus::BuildGauge().Name("bench_inprogress").Help("Requests.").Register(registry);
    return &family.Add({});
}

static void gauge_loop(void *metric, long updates)
{
    auto *gauge = static_cast<prometheus::Gauge *>(metric);
    for (long i = 0; i < updates; i++) {
        gauge->Increment();
        gauge->Decrement();
    }
}

static prometheus::Counter &look_up(const char (*labels)[32])
{
    return requests().Add({{"method", labels[0]}, {"handler", labels[1]}, {"code", labels[2]}});
}

static int lookup_make(void)
{
    for (auto &labels : bench_labels) {
        look_up(labels);
    }
    return 0;
}

static void lookup_loop(void *, long updates)
{
    for (long i = 0; i < updates; i++) {
        look_up(bench_labels[bench_picks[i & (VALUES - 1)]]).Increment();
    }
}

static int series_make(void)
{
    for (int i = 0; i < bench_series_count; i++) {
        bench_series[i] = &requests().Add({{"method", "GET"},
                                           {"handler", "bench.handler_" + std::to_string(i)},
                                           {"code", "200"}});
    }
    return 0;
}

static void series_add(void *counter, int amount)
{
    static_cast<prometheus::Counter *>(counter)->Increment(amount);
}

static unsigned long scrape_run(void)
{
    static std::ostringstream page;
    page.str("");
    prometheus::TextSerializer().Serialize(page, registry.Collect());
    return static_cast<unsigned long>(page.tellp());
}

static void summary_loop(void *metric, long updates)
{
    auto *summary = static_cast<prometheus::Summary *>(metric);
    for (long i = 0; i < updates; i++) {
        summary->Observe(bench_values[i & (VALUES - 1)]);
    }
}

static int quantiles_case()
{
    bench_fill();
    auto &family =
        prometheus::BuildSummary().Name("bench_seconds").Help("Values.").Register(registry);
    void *summary = &family.Add({{"worker", "a"}},
                                prometheus::Summary::Quantiles{{.5, .05}, {.9, .01}, {.99, .001}});
    bench_updates(summary_loop, &summary, 1);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && std::string(argv[1]) == "quantiles_1") {
        return quantiles_case();
    }
    return bench_main(argc, argv);
}
