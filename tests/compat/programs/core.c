/* A network function as those of open5gs: metrics are made from descriptions, with any number of
 * labels, updated by instances that keep their label values, and all of it is initialised,
 * finalised and initialised again.
 *
 * Prints the page of each round, and a line "----" after it.
 */
#include <prom.h>
#include <stdio.h>

#define ROUNDS 3

enum type { COUNTER, GAUGE, HISTOGRAM };
enum buckets { LINEAR, EXPONENTIAL, VARIABLE };

struct spec {
    enum type type;
    const char *name;
    const char *description;
    size_t label_count;
    const char *labels[3];
    enum buckets buckets;
};

static const struct spec specs[] = {
    {COUNTER, "fivegs_amffunction_rm_reginitreq", "Registration requests", 0, {NULL}, LINEAR},
    {GAUGE, "ran_ue", "RAN UEs", 0, {NULL}, LINEAR},
    {GAUGE, "fivegs_upffunction_upf_sessionnbr", "Sessions", 2, {"plmnid", "snssai"}, LINEAR},
    {COUNTER, "fivegs_ep_n3_gtp_indatapktn3upf", "Packets", 1, {"qfi"}, LINEAR},
    {HISTOGRAM, "fivegs_linear", "Linear", 1, {"cause"}, LINEAR},
    {HISTOGRAM, "fivegs_exponential", "Exponential", 0, {NULL}, EXPONENTIAL},
    {HISTOGRAM, "fivegs_variable", "Variable", 0, {NULL}, VARIABLE},
};
#define SPECS (sizeof specs / sizeof specs[0])

static prom_histogram_buckets_t *make_buckets(enum buckets kind)
{
    switch (kind) {
    case LINEAR:
        return prom_histogram_buckets_linear(1, 1, 3);
    case EXPONENTIAL:
        return prom_histogram_buckets_exponential(1, 2, 3);
    default:
        return prom_histogram_buckets_new(3, 0.5, 1.0, 10.0);
    }
}

static prom_metric_t *make(const struct spec *spec)
{
    const char **labels = (const char **)spec->labels;
    switch (spec->type) {
    case COUNTER:
        return prom_counter_new(spec->name, spec->description, spec->label_count, labels);
    case GAUGE:
        return prom_gauge_new(spec->name, spec->description, spec->label_count, labels);
    default:
        return prom_histogram_new(spec->name, spec->description, make_buckets(spec->buckets),
                                  spec->label_count, labels);
    }
}

static int update(const struct spec *spec, prom_metric_t *metric, const char **values, double value)
{
    switch (spec->type) {
    case COUNTER:
        return prom_counter_add(metric, value, values);
    case GAUGE:
        return prom_gauge_set(metric, value, values) || prom_gauge_sub(metric, 1, values);
    default:
        return prom_histogram_observe(metric, value, values);
    }
}

static int run(int round)
{
    const char *values[] = {"00101", round == 1 ? NULL : "1-ffffff"};
    prom_metric_t *metrics[SPECS];
    (void)prom_collector_registry_default_init();
    for (size_t i = 0; i < SPECS; i++) {
        metrics[i] = make(&specs[i]);
        /* An instance may be updated before its metric is registered. */
        if (metrics[i] == NULL || update(&specs[i], metrics[i], values, 2) != 0) {
            return 1;
        }
        (void)prom_collector_registry_must_register_metric(metrics[i]);
        if (update(&specs[i], metrics[i], values, round + 3) != 0) {
            return 1;
        }
    }
    char *page = (char *)prom_collector_registry_bridge(PROM_COLLECTOR_REGISTRY_DEFAULT);
    printf("%s----\n", page);
    free(page);
    return prom_collector_registry_destroy(PROM_COLLECTOR_REGISTRY_DEFAULT);
}

int main(void)
{
    int failed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        failed |= run(round);
    }
    return failed;
}
