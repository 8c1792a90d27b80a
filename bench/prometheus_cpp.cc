// The same work done by prometheus-cpp; see measure.h.
#include "measure.h"
#include <memory>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sstream>
#include <string>

static prometheus::Registry registry;

static void *counter_make(void)
{
    return &prometheus::BuildCounter()
                .Name("bench_total")
                .Help("Updates.")
                .Register(registry)
                .Add({});
}

static void counter_loop(void *metric, long updates)
{
    auto *counter = static_cast<prometheus::Counter *>(metric);
    for (long i = 0; i < updates; i++) {
        counter->Increment();
    }
}

static void *histogram_make(void)
{
    prometheus::Histogram::BucketBoundaries bounds(std::begin(bench_buckets),
                                                   std::end(bench_buckets));
    return &prometheus::BuildHistogram()
                .Name("bench_seconds")
                .Help("Values.")
                .Register(registry)
                .Add({}, bounds);
}

static void histogram_loop(void *metric, long updates)
{
    auto *histogram = static_cast<prometheus::Histogram *>(metric);
    for (long i = 0; i < updates; i++) {
        histogram->Observe(bench_values[i % VALUES]);
    }
}

static int series_make(void)
{
    auto &family = prometheus::BuildCounter()
                       .Name("bench_requests_total")
                       .Help("Requests.")
                       .Register(registry);
    for (int i = 0; i < SERIES; i++) {
        family
            .Add({{"method", "GET"},
                  {"handler", "bench.handler_" + std::to_string(i)},
                  {"code", "200"}})
            .Increment(i * 37.0);
    }
    return 0;
}

static unsigned long scrape_run(void)
{
    static std::ostringstream page;
    page.str("");
    prometheus::TextSerializer().Serialize(page, registry.Collect());
    return static_cast<unsigned long>(page.tellp());
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv);
}
