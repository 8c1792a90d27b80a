// The types of metrics.hpp.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <sextant/exposition.h>
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
    sextant::summary summary;
    summary.observe(1);
    check(!summary && summary.count() == 0 && summary.sum() == 0,
          "a summary that is not registered");
    sextant::info<1> info;
    check(!info && info.set("x") == SX_EINVAL, "an info that is not registered");
    sextant::state_set states;
    states.select(0);
    states.set(0, true);
    check(!states && !states.get(0), "a state set that is not registered");
    counter.inc_with_exemplar({sextant::label("a", "x")});
    histogram.observe_with_exemplar(1, {sextant::label("a", "x")});
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

static sx_page page;

static void render(sx_registry *registry, sx_format format)
{
    check(sx_page_render(&page, registry, format) == SX_OK, "the page");
}

static void has_line(const char *line)
{
    check(std::strstr(page.data, line) != nullptr, line);
}

static void use_other_types()
{
    enum mode { IDLE, BUSY };
    sx_registry *registry = nullptr;
    check(sx_registry_new(&registry, nullptr) == SX_OK, "a registry");
    sextant::summary sizes;
    sextant::summary_family<1> times;
    check(sizes.register_in(registry, "sizes", "S.") == SX_OK, "a summary");
    check(times.register_in(registry, "times", "T.", {"method"}, 50) == SX_OK, "summaries");
    sizes.observe(1.5);
    check(sizes && sizes.count() == 1 && sizes.sum() == 1.5, "its values");
    check(times.observe(2, "GET") == SX_OK && times.get("GET").sum() == 2, "of a family");
    check(times.observe(2, "PUT") == SX_OK && times.remove("PUT") == 1, "remove the summary");
    sextant::info<2> build;
    check(build.register_in(registry, "build_info", "B.", {"version", "revision"}) == SX_OK, "i");
    check(build.set(std::string("1.2"), "abc") == SX_OK && build, "its values");
    sextant::state_set modes;
    check(modes.register_in(registry, "mode", "M.", {"idle", "busy"}) == SX_OK, "a state set");
    modes.select(BUSY);
    check(modes && modes.get(BUSY) && !modes.get(IDLE), "a state");
    modes.set(IDLE, true);
    check(modes.get(BUSY) && modes.get(IDLE), "two states");
    sextant::gauge any;
    sextant::untyped_family<1> anys;
    check(any.register_untyped_in(registry, "any", "A.") == SX_OK, "an untyped metric");
    check(anys.register_in(registry, "anys", "A.", {"l"}) == SX_OK, "untyped metrics");
    any.set(-1);
    check(anys.set(5, "x") == SX_OK && anys.add(1, "x") == SX_OK && anys.get("x").value() == 6,
          "a");
    render(registry, SX_FORMAT_TEXT);
    has_line("# TYPE sizes summary\nsizes_sum 1.5\nsizes_count 1\n");
    has_line("\ntimes_sum{method=\"GET\"} 2\ntimes_count{method=\"GET\"} 1\n");
    has_line("\nbuild_info{version=\"1.2\",revision=\"abc\"} 1\n");
    has_line("\nmode{mode=\"idle\"} 1\nmode{mode=\"busy\"} 1\n");
    has_line("# TYPE any untyped\nany -1\n");
    has_line("# TYPE anys untyped\nanys{l=\"x\"} 6\n");
    sx_registry_destroy(registry);
}

static void use_exemplars_and_native_buckets()
{
    sx_registry *registry = nullptr;
    check(sx_registry_new(&registry, nullptr) == SX_OK, "a registry");
    sextant::counter jobs;
    sextant::histogram native, both;
    sextant::histogram_family<1> natives, boths;
    const sx_native_options options = sextant::native_buckets(1.1);
    check(jobs.register_in(registry, "jobs_total", "J.") == SX_OK, "a counter");
    check(native.register_in(registry, "native", "N.", options) == SX_OK, "native");
    check(both.register_in(registry, "both", "B.", {1., 2.}, options) == SX_OK, "both");
    check(natives.register_in(registry, "natives", "N.", {"l"}, options) == SX_OK, "natives");
    check(boths.register_in(registry, "boths", "B.", {"l"}, {1.}, options, 9) == SX_OK, "boths");
    const std::string trace = "4bf9";
    jobs.inc_with_exemplar({sextant::label("trace_id", trace)});
    jobs.add_with_exemplar(2, {sextant::label("trace_id", trace), sextant::label("n", "x")});
    native.observe(1);
    both.observe_with_exemplar(1.5, {sextant::label("trace_id", trace)});
    check(natives.observe(1, "x") == SX_OK && boths.observe(1, "x") == SX_OK, "observe");
    render(registry, SX_FORMAT_OPENMETRICS);
    has_line("\njobs_total 3 # {trace_id=\"4bf9\",n=\"x\"} 2 ");
    has_line("\nnative_bucket{le=\"+Inf\"} 1\n");
    has_line("\nboth_bucket{le=\"2.0\"} 1 # {trace_id=\"4bf9\"} 1.5 ");
    has_line("\nnatives_bucket{l=\"x\",le=\"+Inf\"} 1\n");
    has_line("\nboths_bucket{l=\"x\",le=\"1.0\"} 1\n");
    render(registry, SX_FORMAT_PROTOBUF);
    std::size_t schemas = 0; // sint32 schema = 5 of growth 1.1 is 3, so 6 in zigzag
    for (std::size_t i = 0; i + 3 < page.size; i++) {
        schemas += std::memcmp(page.data + i, "\x28\x06\x31", 3) == 0;
    }
    check(schemas == 4, "four histograms have native buckets");
    sx_registry_destroy(registry);
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
    give_up<sextant::summary_family<1>>("summaries", [](sextant::summary &summary) {
        summary.observe(1);
        return summary.sum();
    });
}

int main()
{
    use_without_registration();
    use_metrics();
    use_families();
    use_other_types();
    use_exemplars_and_native_buckets();
    limit_series();
    give_up_handles();
    sx_page_clean_up(&page);
    return failures;
}
