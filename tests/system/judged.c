/* Serves a page whose values test_judges.py knows, on a free port of 127.0.0.1, which it prints,
 * until its standard input ends. */
#include <math.h>
#include <sextant/collector.h>
#include <sextant/metrics.h>
#include <sextant/metrics_server.h>
#include <sextant/registration.h>
#include <stdio.h>

#define OPTIONS(...) (&(struct sx_metric_options){__VA_ARGS__})

static const struct sx_label trace = {"trace_id", {"4bf92f3577b34da6a3ce929d0e0e4736", 32}};

/* Types that have functions of their own. */
static int fill_more(void)
{
    struct sx_info *info = NULL;
    struct sx_state_set *set = NULL;
    struct sx_gauge *untyped = NULL;
    struct sx_gauge *dotted = NULL;
    int status = sx_info_register(
        &info, NULL,
        OPTIONS(.name = "judged_build_info", .help = "Build.", .labels = SX_LABELS("version")));
    if (status == SX_OK) {
        status = sx_info_set_with(info, "1.2.3");
    }
    if (status == SX_OK) {
        status = sx_state_set_register(&set, NULL, OPTIONS(.name = "judged_mode", .help = "Mode."),
                                       (const char *const[]){"idle", "busy", NULL});
    }
    if (status == SX_OK) {
        status = sx_untyped_register(&untyped, NULL,
                                     OPTIONS(.name = "judged_untyped", .help = "Of no type."));
    }
    if (status == SX_OK) {
        status = sx_gauge_register(
            &dotted, NULL,
            OPTIONS(.name = "judged.dotted", .help = "In UTF-8.", .utf8_names = true));
    }
    sx_state_set_select(set, 1);
    sx_gauge_set(untyped, 17);
    sx_gauge_set(dotted, 18);
    return status;
}

static void fill(struct sx_registration *all)
{
    const struct sx_metric_options requests = {.name = "judged_requests_total",
                                               .help = "Requests, \"quoted\" \\ and\nin two lines.",
                                               .labels = SX_LABELS("path")};
    const struct sx_metric_options level = {.name = "judged_level", .help = "Any number."};
    const struct sx_metric_options unfinite = {
        .name = "judged_unfinite", .help = "No finite number.", .labels = SX_LABELS("kind")};
    const struct sx_metric_options duration = {.name = "judged_duration_seconds",
                                               .help = "Durations.",
                                               .unit = "seconds",
                                               SX_BUCKETS(.25, 1, 100000)};
    const struct sx_metric_options native = {
        .name = "judged_native_seconds", .help = "Native.", .native = {.growth_factor = 1.1}};
    const struct sx_metric_options size = {
        .name = "judged_size_bytes", .help = "Sizes.", SX_QUANTILES(.5, .99)};
    struct sx_counter_family *counters =
        sx_registration_add_family(all, SX_COUNTER, &requests).counters;
    struct sx_gauge *gauge = sx_registration_add(all, SX_GAUGE, &level).gauge;
    struct sx_gauge_family *gauges = sx_registration_add_family(all, SX_GAUGE, &unfinite).gauges;
    struct sx_histogram *histogram = sx_registration_add(all, SX_HISTOGRAM, &duration).histogram;
    struct sx_histogram *natives = sx_registration_add(all, SX_HISTOGRAM, &native).histogram;
    struct sx_summary *summary = sx_registration_add(all, SX_SUMMARY, &size).summary;
    sx_counter_add_with(counters, 9007199254740991.0, "/");
    sx_counter_add_with(counters, 0.1, "quoted \" \\ \n \xC3\xA9");
    sx_gauge_set(gauge, -1234567.875);
    sx_gauge_set_with(gauges, HUGE_VAL, "plus");
    sx_gauge_set_with(gauges, -HUGE_VAL, "minus");
    sx_gauge_set_with(gauges, (double)NAN, "none");
    for (int i = 1; i <= 100; i++) {
        if (i == 50) {
            sx_histogram_observe_with_exemplar(histogram, .5, &trace, 1);
        } else {
            sx_histogram_observe(histogram, i / 100.0);
        }
        sx_histogram_observe(natives, i / 100.0);
        sx_summary_observe(summary, i);
    }
    if (all->status == SX_OK) {
        all->status = fill_more();
    }
}

int main(void)
{
    struct sx_registration all = {.registry = NULL};
    struct sx_metrics_server *server = NULL;
    fill(&all);
    int status = all.status;
    if (status == SX_OK) {
        status =
            sx_metrics_server_new(&server, NULL, "127.0.0.1:0",
                                  &(struct sx_metrics_server_options){.measure_scrapes = true});
    }
    if (status != SX_OK) {
        fprintf(stderr, "%s: %s\n", sx_status_name(status), sx_status_text(status));
        return 1;
    }
    printf("%u\n", (unsigned)sx_metrics_server_get_port(server));
    (void)fflush(stdout);
    while (getchar() != EOF) {
    }
    sx_metrics_server_destroy(server);
    return 0;
}
