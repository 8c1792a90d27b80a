/* The API of prometheus-client-c 0.1.3, declared once more beside our headers: the compiler refuses
 * a declaration that differs, and the linker a symbol that is missing. */
#include <prom.h>
#include <promhttp.h>
#include <stdio.h>

/* ---- types ---- */

typedef struct prom_collector prom_collector_t;
typedef prom_map_t *prom_collect_fn(prom_collector_t *self);
typedef struct prom_collector_registry prom_collector_registry_t;
typedef prom_metric_t prom_counter_t;
typedef prom_metric_t prom_gauge_t;
typedef prom_metric_t prom_histogram_t;
typedef struct prom_linked_list prom_linked_list_t;
typedef struct prom_map prom_map_t;
typedef struct prom_map_node prom_map_node_t;
typedef struct prom_metric prom_metric_t;
typedef struct prom_metric_sample prom_metric_sample_t;
typedef struct prom_metric_sample_histogram prom_metric_sample_histogram_t;

/* ---- functions and variables ---- */

prom_collector_t *prom_collector_new(const char *name);
prom_collector_t *prom_collector_process_new(const char *limits_path, const char *stat_path);
int prom_collector_destroy(prom_collector_t *self);
void prom_collector_free_generic(void *gen);
int prom_collector_destroy_generic(void *gen);
int prom_collector_add_metric(prom_collector_t *self, prom_metric_t *metric);
int prom_collector_set_collect_fn(prom_collector_t *self, prom_collect_fn *fn);
extern prom_collector_registry_t *PROM_COLLECTOR_REGISTRY_DEFAULT;
int prom_collector_registry_default_init(void);
prom_collector_registry_t *prom_collector_registry_new(const char *name);
int prom_collector_registry_destroy(prom_collector_registry_t *self);
int prom_collector_registry_enable_process_metrics(prom_collector_registry_t *self);
prom_metric_t *prom_collector_registry_must_register_metric(prom_metric_t *metric);
int prom_collector_registry_register_metric(prom_metric_t *metric);
int prom_collector_registry_register_collector(prom_collector_registry_t *self,
                                               prom_collector_t *collector);
const char *prom_collector_registry_bridge(prom_collector_registry_t *self);
int prom_collector_registry_validate_metric_name(prom_collector_registry_t *self,
                                                 const char *metric_name);
prom_counter_t *prom_counter_new(const char *name, const char *help, size_t label_key_count,
                                 const char **label_keys);
int prom_counter_destroy(prom_counter_t *self);
int prom_counter_inc(prom_counter_t *self, const char **label_values);
int prom_counter_add(prom_counter_t *self, double r_value, const char **label_values);
prom_gauge_t *prom_gauge_new(const char *name, const char *help, size_t label_key_count,
                             const char **label_keys);
int prom_gauge_destroy(prom_gauge_t *self);
int prom_gauge_inc(prom_gauge_t *self, const char **label_values);
int prom_gauge_dec(prom_gauge_t *self, const char **label_values);
int prom_gauge_add(prom_gauge_t *self, double r_value, const char **label_values);
int prom_gauge_sub(prom_gauge_t *self, double r_value, const char **label_values);
int prom_gauge_set(prom_gauge_t *self, double r_value, const char **label_values);
prom_histogram_t *prom_histogram_new(const char *name, const char *help,
                                     prom_histogram_buckets_t *buckets, size_t label_key_count,
                                     const char **label_keys);
int prom_histogram_destroy(prom_histogram_t *self);
int prom_histogram_observe(prom_histogram_t *self, double value, const char **label_values);
prom_histogram_buckets_t *prom_histogram_buckets_new(size_t count, double bucket, ...);
extern prom_histogram_buckets_t *prom_histogram_default_buckets;
prom_histogram_buckets_t *prom_histogram_buckets_linear(double start, double width, size_t count);
prom_histogram_buckets_t *prom_histogram_buckets_exponential(double start, double factor,
                                                             size_t count);
int prom_histogram_buckets_destroy(prom_histogram_buckets_t *self);
size_t prom_histogram_buckets_count(prom_histogram_buckets_t *self);
prom_metric_sample_t *prom_metric_sample_from_labels(prom_metric_t *self,
                                                     const char **label_values);
prom_metric_sample_histogram_t *prom_metric_sample_histogram_from_labels(prom_metric_t *self,
                                                                         const char **label_values);
int prom_metric_sample_add(prom_metric_sample_t *self, double r_value);
int prom_metric_sample_sub(prom_metric_sample_t *self, double r_value);
int prom_metric_sample_set(prom_metric_sample_t *self, double r_value);
int prom_metric_sample_histogram_observe(prom_metric_sample_histogram_t *self, double value);
void promhttp_set_active_collector_registry(prom_collector_registry_t *active_registry);
struct MHD_Daemon *promhttp_start_daemon(unsigned int flags, unsigned short port,
                                         MHD_AcceptPolicyCallback apc, void *apc_cls);

typedef void any_fn(void);

static any_fn *const functions[] = {
    (any_fn *)prom_collector_new,
    (any_fn *)prom_collector_process_new,
    (any_fn *)prom_collector_destroy,
    (any_fn *)prom_collector_free_generic,
    (any_fn *)prom_collector_destroy_generic,
    (any_fn *)prom_collector_add_metric,
    (any_fn *)prom_collector_set_collect_fn,
    (any_fn *)prom_collector_registry_default_init,
    (any_fn *)prom_collector_registry_new,
    (any_fn *)prom_collector_registry_destroy,
    (any_fn *)prom_collector_registry_enable_process_metrics,
    (any_fn *)prom_collector_registry_must_register_metric,
    (any_fn *)prom_collector_registry_register_metric,
    (any_fn *)prom_collector_registry_register_collector,
    (any_fn *)prom_collector_registry_bridge,
    (any_fn *)prom_collector_registry_validate_metric_name,
    (any_fn *)prom_counter_new,
    (any_fn *)prom_counter_destroy,
    (any_fn *)prom_counter_inc,
    (any_fn *)prom_counter_add,
    (any_fn *)prom_gauge_new,
    (any_fn *)prom_gauge_destroy,
    (any_fn *)prom_gauge_inc,
    (any_fn *)prom_gauge_dec,
    (any_fn *)prom_gauge_add,
    (any_fn *)prom_gauge_sub,
    (any_fn *)prom_gauge_set,
    (any_fn *)prom_histogram_new,
    (any_fn *)prom_histogram_destroy,
    (any_fn *)prom_histogram_observe,
    (any_fn *)prom_histogram_buckets_new,
    (any_fn *)prom_histogram_buckets_linear,
    (any_fn *)prom_histogram_buckets_exponential,
    (any_fn *)prom_histogram_buckets_destroy,
    (any_fn *)prom_histogram_buckets_count,
    (any_fn *)prom_metric_sample_from_labels,
    (any_fn *)prom_metric_sample_histogram_from_labels,
    (any_fn *)prom_metric_sample_add,
    (any_fn *)prom_metric_sample_sub,
    (any_fn *)prom_metric_sample_set,
    (any_fn *)prom_metric_sample_histogram_observe,
    (any_fn *)promhttp_set_active_collector_registry,
    (any_fn *)promhttp_start_daemon,
};

int main(void)
{
    const prom_histogram_buckets_t buckets = {.count = 11, .upper_bounds = NULL};
    size_t missing = PROM_COLLECTOR_REGISTRY_DEFAULT != NULL;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        missing += functions[i] == NULL;
    }
#if !defined PROM_INCLUDED || !defined PROM_HISTOGRAM_INCLUDED || !defined prom_malloc || \
    !defined prom_realloc || !defined prom_strdup || !defined prom_free
#error "a macro is missing"
#endif
    return missing != 0 || prom_histogram_default_buckets->count != buckets.count;
}
