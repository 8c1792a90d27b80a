/* A connection pooler as odyssey is one: metrics belong to a collector of their own registry and of
 * the default one, a collect function reads the values before a scrape, and the process forks after
 * all of it was made.
 *
 * Prints the page of the child's pool registry, the parent's, and the parent's default one, each
 * with a line "----" after it.
 */
#include <prom.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define QUERIES 3000

static const char *const databases[] = {"main", "a \"quoted\\\"\nname", "\xff\xfe"};
static prom_gauge_t *clients;
static prom_counter_t *queries;
static prom_histogram_t *seconds;
static prom_gauge_t *uptime;
static int scrapes;

static prom_map_t *collect_uptime(prom_collector_t *self)
{
    static prom_map_t *found;
    (void)self;
    if (found == NULL) {
        found = prom_map_new();
        uptime = prom_gauge_new("pool_scrapes", "Scrapes.", 0, NULL);
        (void)prom_map_set(found, "pool_scrapes", uptime);
    }
    (void)prom_gauge_set(uptime, ++scrapes, NULL);
    return found;
}

static void *serve(void *argument)
{
    const char *labels[] = {"user", databases[*(int *)argument % 3]};
    prom_metric_sample_t *own = prom_metric_sample_from_labels(clients, labels);
    prom_metric_sample_histogram_t *durations =
        prom_metric_sample_histogram_from_labels(seconds, labels);
    for (int i = 0; i < QUERIES; i++) {
        (void)prom_metric_sample_add(own, 1);
        (void)prom_counter_inc(queries, labels);
        (void)prom_metric_sample_histogram_observe(durations, .02);
        (void)prom_metric_sample_sub(own, 1);
    }
    return NULL;
}

static void serve_with_threads(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, serve, &numbers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void print_page(prom_collector_registry_t *registry)
{
    char *page = (char *)prom_collector_registry_bridge(registry);
    printf("%s----\n", page == NULL ? "no page\n" : page);
    fflush(stdout);
    free(page);
}

static int make(prom_collector_registry_t *pool)
{
    const char *labels[] = {"user", "database"};
    clients = prom_gauge_new("pool_clients", "Clients.", 2, labels);
    queries = prom_counter_new("pool_queries", "Queries.", 2, labels);
    seconds = prom_histogram_new("pool_query_seconds", "Durations.", NULL, 2, labels);
    prom_collector_t *collector = prom_collector_new("pool");
    prom_collector_t *scraped = prom_collector_new("scraped");
    return prom_collector_registry_default_init() | prom_collector_add_metric(collector, clients) |
           prom_collector_add_metric(collector, queries) |
           prom_collector_add_metric(collector, seconds) |
           prom_collector_set_collect_fn(scraped, collect_uptime) |
           prom_collector_registry_register_collector(pool, collector) |
           prom_collector_registry_register_collector(pool, scraped) |
           prom_collector_registry_register_metric(queries);
}

int main(void)
{
    prom_collector_registry_t *pool = prom_collector_registry_new("pool");
    if (pool == NULL || make(pool) != 0) {
        return 1;
    }
    serve_with_threads();
    const pid_t child = fork();
    if (child == 0) {
        serve_with_threads();
        print_page(pool);
        _exit(0);
    }
    int status = 1;
    if (waitpid(child, &status, 0) != child || status != 0) {
        return 1;
    }
    serve_with_threads();
    print_page(pool);
    print_page(PROM_COLLECTOR_REGISTRY_DEFAULT);
    return prom_collector_registry_destroy(pool) |
           prom_collector_registry_destroy(PROM_COLLECTOR_REGISTRY_DEFAULT);
}
