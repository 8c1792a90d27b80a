/* Serves a page whose values test_judges.py knows, on a free port of 127.0.0.1, which it prints,
 * until its standard input ends. */
#include <math.h>
#include <sextant/collector.h>
#include <sextant/metrics.h>
#include <sextant/metrics_server.h>
#include <sextant/registration.h>
#include <stdio.h>

static void fill(struct sx_registration *all)
{
    const struct sx_metric_options requests = {.name = "judged_requests_total",
                                               .help = "Requests, \"quoted\" \\ and\nin two lines.",
                                               .labels = SX_LABELS("path")};
    const struct sx_metric_options level = {.name = "judged_level", .help = "Any number."};
    const struct sx_metric_options unfinite = {
        .name = "judged_unfinite", .help = "No finite number.", .labels = SX_LABELS("kind")};
    const struct sx_metric_options duration = {
        .name = "judged_duration_seconds", .help = "Durations.", SX_BUCKETS(.25, 1, 100000)};
    struct sx_counter_family *counters =
        sx_registration_add_family(all, SX_COUNTER, &requests).counters;
    struct sx_gauge *gauge = sx_registration_add(all, SX_GAUGE, &level).gauge;
    struct sx_gauge_family *gauges = sx_registration_add_family(all, SX_GAUGE, &unfinite).gauges;
    struct sx_histogram *histogram = sx_registration_add(all, SX_HISTOGRAM, &duration).histogram;
    sx_counter_add_with(counters, 9007199254740991.0, "/");
    sx_counter_add_with(counters, 0.1, "quoted \" \\ \n \xC3\xA9");
    sx_gauge_set(gauge, -1234567.875);
    sx_gauge_set_with(gauges, HUGE_VAL, "plus");
    sx_gauge_set_with(gauges, -HUGE_VAL, "minus");
    sx_gauge_set_with(gauges, (double)NAN, "none");
    for (int i = 1; i <= 100; i++) {
        sx_histogram_observe(histogram, i / 100.0);
    }
}

int main(void)
{
    struct sx_registration all = {.registry = NULL};
    struct sx_metrics_server *server = NULL;
    fill(&all);
    int status = all.status;
    if (status == SX_OK) {
        status = sx_metrics_server_new(&server, NULL, "127.0.0.1:0", NULL);
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
