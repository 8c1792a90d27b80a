/* metric.c: making metrics and destroying them. */
#include "metric.h"

#include "buckets.h"
#include "collector.h"
#include "lock.h"
#include "names.h"
#include "report.h"
#include "store.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

/* Frees what is not in a store. */
static void free_metric(struct prom_metric *metric)
{
    prom__label_names_free(metric->labels);
    free(metric->written_name);
    free(metric->name);
    free(metric);
}

/* Makes a metric with its names. Returns NULL if a label is refused, or without memory. */
static struct prom_metric *name_metric(const struct prom__description *description)
{
    struct prom_metric *metric = calloc(1, sizeof *metric);
    if (metric == NULL) {
        return NULL;
    }
    metric->type = description->type;
    metric->label_count = description->label_count;
    metric->buckets = description->buckets;
    metric->name = strdup(description->name);
    metric->written_name = prom__metric_name(description->name);
    metric->labels =
        prom__label_names(description->name, description->labels, description->label_count);
    if (metric->name == NULL || metric->written_name == NULL || metric->labels == NULL) {
        free_metric(metric);
        return NULL;
    }
    metric->is_packed =
        metric->label_count > SX_LABELS_MAX || prom__label_names_are_reserved(metric->labels);
    if (metric->label_count > SX_LABELS_MAX) {
        prom__report_once("%s has more than %d labels, so its updates are slow", metric->name,
                          SX_LABELS_MAX);
    }
    return metric;
}

/* The lock is held. */
static int store_with_help(struct prom_metric *metric, struct sx_metric_options *options)
{
    int status = prom__store_add(metric, options);
    if (status != SX_EHELP) {
        return status;
    }
    char *help = strdup(options->help);
    if (help == NULL) {
        return SX_ENOMEM;
    }
    prom__help_repair(help, metric->name);
    options->help = help;
    status = prom__store_add(metric, options);
    free(help);
    return status;
}

/* The lock is held. */
static int store_histogram(struct prom_metric *metric, struct sx_metric_options *options)
{
    double *bounds = prom__bounds_make(&options->bucket_count, metric->buckets, metric->name);
    if (bounds == NULL) {
        return SX_ENOMEM;
    }
    options->buckets = bounds;
    int status = store_with_help(metric, options);
    free(bounds);
    if (status == SX_OK && prom__buckets_use(metric->buckets) != 0) {
        prom__store_remove(metric);
        status = SX_ENOMEM;
    }
    return status;
}

/* The lock is held. */
static int store_metric(struct prom_metric *metric, const char *help)
{
    static const char *const packed[] = {PROM__PACKED_LABEL, NULL};
    struct sx_metric_options options = {.name = metric->written_name, .help = help};
    if (metric->label_count > 0) {
        options.labels = metric->is_packed ? packed : (const char *const *)metric->labels;
        options.max_series = SIZE_MAX;
    }
    return metric->type == SX_HISTOGRAM ? store_histogram(metric, &options)
                                        : store_with_help(metric, &options);
}

struct prom_metric *prom__metric_new(const struct prom__description *description)
{
    if (description->name == NULL) {
        return NULL;
    }
    struct prom_metric *metric = name_metric(description);
    if (metric == NULL) {
        return NULL;
    }
    prom__lock();
    int status = store_metric(metric, description->help);
    prom__unlock();
    if (status != SX_OK) {
        prom__report_once("%s cannot be made: %s", description->name, sx_status_text(status));
        free_metric(metric);
        return NULL;
    }
    return metric;
}

/* Frees a metric that no collector has. The lock is held. */
static void remove_metric(struct prom_metric *metric)
{
    prom__views_forget(metric);
    prom__samples_clean_up(&metric->samples);
    prom__store_remove(metric);
    if (metric->buckets != NULL) {
        prom__buckets_leave(metric->buckets);
    }
    free_metric(metric);
}

int prom__metric_destroy(struct prom_metric *metric, enum sx_metric_type type)
{
    if (metric == NULL) {
        return 0;
    }
    if (metric->type != type) {
        return 1;
    }
    prom__lock();
    prom__collectors_forget_metric(metric);
    remove_metric(metric);
    prom__unlock();
    return 0;
}

void prom__metric_leave(struct prom_metric *metric)
{
    if (--metric->uses == 0) {
        remove_metric(metric);
    }
}
