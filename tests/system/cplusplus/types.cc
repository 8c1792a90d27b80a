// The types of metrics.hpp.
#include <cmath>
#include <cstdio>
#include <sextant/metrics.hpp>
#include <string>

static int failures;

static void check(bool good, const char *what)
{
    if (!good) {
        std::fprintf(stderr, "failed: %s\n", what);
        failures++;
    }
}

static sextant::counter_family<2> requests;
static sextant::gauge_family<1> depths;
static sextant::histogram_family<1> durations;

static void use_without_registration()
{
    sextant::counter counter;
    counter.inc();
    counter.add(2);
    check(!counter && counter.value() == 0, "a counter that is not registered");
    sextant::gauge gauge;
    gauge.set(1);
    check(!gauge && gauge.value() == 0, "a gauge that is not registered");
    sextant::histogram histogram;
    histogram.observe(1);
    check(!histogram && histogram.count() == 0, "a histogram that is not registered");
    check(requests.inc("GET", "200") == SX_EINVAL, "a family that is not registered");
    check(!requests.get("GET", "200"), "no handle");
}

static void use_metrics()
{
    sextant::counter jobs;
    check(jobs.register_in(nullptr, "jobs_total", "Jobs.") == SX_OK, "a counter");
    jobs.inc();
    jobs.add(.5);
    check(jobs && jobs.value() == 1.5, "its value");
    sextant::gauge depth;
    check(depth.register_in(nullptr, "depth", "Depth.") == SX_OK, "a gauge");
    depth.set(4);
    depth.add(-2);
    depth.inc();
    depth.dec();
    check(depth.value() == 2, "its value");
    sextant::histogram sizes, seconds;
    check(sizes.register_in(nullptr, "sizes", "Sizes.", {1., 2.}) == SX_OK, "a histogram");
    check(seconds.register_in(nullptr, "seconds", "Seconds.") == SX_OK, "with default buckets");
    sizes.observe(1.5);
    check(sizes.count() == 1 && sizes.sum() == 1.5, "its values");
    {
        const sextant::timer timer(seconds);
        const sextant::in_progress busy(depth);
        check(depth.value() == 3, "in progress");
    }
    check(depth.value() == 2 && seconds.count() == 1, "after the block");
    check(sextant::counter().register_in(nullptr, "bad name", "x") == SX_ENAME, "an error");
}

static void use_families()
{
    check(requests.register_in(nullptr, "requests_total", "R.", {"method", "code"}) == SX_OK, "c");
    check(depths.register_in(nullptr, "depths", "D.", {"queue"}, 100) == SX_OK, "g");
    check(durations.register_in(nullptr, "durations", "D.", {"method"}, {.1, 1.}) == SX_OK, "h");
    const std::string method = std::string("GE") + "T";
    check(requests.inc(method, "200") == SX_OK, "inc");
    check(requests.add(2.5, "GET", std::string("200")) == SX_OK, "add");
    const char *unknown = nullptr;
    check(requests.inc(unknown, "") == SX_OK, "a null pointer is the empty value");
    check(requests.get("", "").value() == 1, "the empty value");
    check(requests.get("GET", "200").value() == 3.5, "get");
    check(depths.set(7, "a") == SX_OK && depths.set(2, "a") == SX_OK, "set");
    check(depths.add(1, "a") == SX_OK, "add");
    check(depths.get("a").value() == 3, "the gauge");
    check(depths.remove("a") == 1, "remove the gauge");
    check(depths.set(1, "b") == SX_OK && depths.clear() == 1, "clear the gauges");
    check(durations.observe(.5, method) == SX_OK, "observe");
    check(durations.get("GET").count() == 1, "the histogram");
    check(durations.remove("GET") == 1, "remove the histogram");
    check(durations.observe(.5, "") == SX_OK && durations.clear() == 1, "clear the histograms");
    sextant::counter handle = requests.get("GET", "200");
    handle.release();
    check(!handle, "a handle that was given up is empty");
    check(requests.remove(method, "200") == 1, "remove");
    check(requests.clear() == 1, "clear");
#if __cplusplus >= 201703L
    check(requests.inc(std::string_view("GET and more", 3), "201") == SX_OK, "a string_view");
    check(requests.get("GET", "201").value() == 1, "its value");
#endif
}

static void limit_series()
{
    sextant::counter_family<1> limited;
    sextant::histogram_family<1> seconds;
    const char *const label[1] = {"user"};
    check(limited.register_in(nullptr, "limited_total", "L.", label, 1) == SX_OK, "one series");
    check(seconds.register_in(nullptr, "limited_seconds", "L.", label, {1.}, 1) == SX_OK,
          "one series");
    for (const char *user : {"a", "b", "c"}) {
        check(limited.inc(user) >= 0 && seconds.observe(1, user) >= 0, "all are counted");
    }
    check(limited.clear() < 3 && seconds.clear() < 3, "not all have a series");
}

// A handle that is not given up keeps the memory of its series when that is removed.
template <class Family, class Use> static void give_up(const char *name, Use use)
{
    sx_registry *registry = nullptr;
    sx_registry_options options = {};
    options.directory_bytes = 1 << 20;
    check(sx_registry_new(&registry, &options) == SX_OK, "a registry");
    Family family;
    check(family.register_in(registry, name, "N.", {"user"}) == SX_OK, name);
    bool kept = true;
    for (int i = 0; i < 20000; i++) {
        const std::string user = std::to_string(i);
        auto handle = family.get(user);
        kept = kept && handle && use(handle) == 1;
        handle.release();
        family.remove(user);
    }
    check(kept, name);
    sx_registry_destroy(registry);
}

static void give_up_handles()
{
    give_up<sextant::counter_family<1>>("counters", [](sextant::counter &counter) {
        counter.inc();
        return counter.value();
    });
    give_up<sextant::gauge_family<1>>("gauges", [](sextant::gauge &gauge) {
        gauge.inc();
        return gauge.value();
    });
    give_up<sextant::histogram_family<1>>("histograms", [](sextant::histogram &histogram) {
        histogram.observe(1);
        return histogram.sum();
    });
}

int main()
{
    use_without_registration();
    use_metrics();
    use_families();
    limit_series();
    give_up_handles();
    return failures;
}
