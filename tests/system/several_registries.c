/* Prints the page of a program and its plugins, whose registries have a prefix, constant labels,
 * families of the same names, and some that clash. test_several_registries.py has it judged. */
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/registration.h>
#include <stdio.h>

#define PLUGINS 3

static const char *const directions[] = {"in", "out \"quoted\"\n\\"};

static double idle(void *context)
{
    (void)context;
    return 4;
}

static int collect(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)sx_collection_add_family(collection, SX_GAUGE,
                                   &(struct sx_metric_options){.name = "queue_length",
                                                               .help = "Waiting.",
                                                               .labels = SX_LABELS("queue")});
    return sx_collection_add_sample(collection, &(struct sx_str){"mail", 4}, 1, 12);
}

/* `differing`: one of its metrics has a type that it has in no other registry. */
static int fill(struct sx_registry *registry, bool differing)
{
    struct sx_registration all = {.registry = registry};
    const struct sx_metric_options requests = {
        .name = "requests_total", .help = "Requests.", .labels = SX_LABELS("direction")};
    const struct sx_metric_options duration = {
        .name = "duration_seconds", .help = "Durations.", SX_BUCKETS(.1, 1)};
    const struct sx_metric_options state = {.name = "state", .help = "State."};
    struct sx_counter_family *counters =
        sx_registration_add_family(&all, SX_COUNTER, &requests).counters;
    struct sx_histogram *histogram = sx_registration_add(&all, SX_HISTOGRAM, &duration).histogram;
    (void)sx_registration_add(&all, differing ? SX_HISTOGRAM : SX_GAUGE, &state);
    for (size_t i = 0; i < sizeof directions / sizeof directions[0]; i++) {
        sx_counter_add_with(counters, (double)i + 1, directions[i]);
    }
    sx_histogram_observe(histogram, .5);
    sx_histogram_observe(histogram, -1);
    int status = all.status;
    if (status == SX_OK) {
        status = sx_gauge_register_callback(
            registry, &(struct sx_metric_options){.name = "idle", .help = "Idle."}, idle, NULL);
    }
    return status == SX_OK ? sx_collector_register(registry, collect, NULL) : status;
}

int main(void)
{
    static const char *const names[PLUGINS] = {"a", "b", "say \"c\"\n\\"};
    struct sx_registry *registries[PLUGINS + 3] = {NULL};
    int status = fill(NULL, false);
    for (size_t i = 0; i < PLUGINS && status == SX_OK; i++) {
        struct sx_label plugin = {"plugin", {names[i], i < 2 ? 1 : 9}};
        const struct sx_registry_options options = {.constant_labels = &plugin,
                                                    .constant_label_count = 1};
        status = sx_registry_new(&registries[i + 1], &options);
        if (status == SX_OK) {
            status = fill(registries[i + 1], i == 1);
        }
    }
    const struct sx_registry_options with_prefix = {.name_prefix = "vendor:"};
    if (status == SX_OK) {
        status = sx_registry_new(&registries[PLUGINS + 1], &with_prefix);
    }
    if (status == SX_OK) {
        status = fill(registries[PLUGINS + 1], false);
    }
    if (status == SX_OK) {
        status = sx_registry_new(&registries[PLUGINS + 2], NULL);
    }
    if (status == SX_OK) {
        status = fill(registries[PLUGINS + 2], false); /* the series of the first */
    }
    struct sx_page page = {0};
    for (int i = 0; i < 2 && status == SX_OK; i++) { /* the second counts what the first left out */
        status = sx_page_render_registries(&page, registries, PLUGINS + 3, SX_FORMAT_TEXT);
    }
    if (status != SX_OK) {
        fprintf(stderr, "%s: %s\n", sx_status_name(status), sx_status_text(status));
        return 1;
    }
    (void)fwrite(page.data, 1, page.size, stdout);
    sx_page_clean_up(&page);
    return 0;
}
