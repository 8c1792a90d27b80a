/* The benchmark of Sextant's metrics; see measure.h. */
#include "measure.h"
#include <dlfcn.h>
#include <sextant/exposition.h>
#include <sextant/gzip.h>
#include <sextant/metrics.h>
#include <stdbool.h>
#include <sys/mman.h>

static struct sx_counter_family *lookups;

static void *counter_make(int index)
{
    struct sx_counter_family *family = NULL;
    int status = sx_counter_family_register(
        &family, NULL,
        &(struct sx_metric_options){
            .name = "bench_total", .help = "Updates.", .labels = SX_LABELS("worker")});
    return status == SX_OK ? sx_counter_with(family, index == 0 ? "a" : "b") : NULL;
}

static void counter_loop(void *counter, long updates)
{
    for (long i = 0; i < updates; i++) {
        sx_counter_inc(counter);
    }
}

static bool has_native_buckets; /* of 9 % */
static bool has_classic_buckets = true;

static void *histogram_make(int index)
{
    struct sx_histogram_family *family = NULL;
    struct sx_metric_options options = {
        .name = "bench_seconds", .help = "Values.", .labels = SX_LABELS("worker")};
    if (has_classic_buckets) {
        options.buckets = bench_buckets;
        options.bucket_count = sizeof bench_buckets / sizeof *bench_buckets;
    }
    if (has_native_buckets) {
        options.native.growth_factor = 1.1;
    }
    int status = sx_histogram_family_register(&family, NULL, &options);
    return status == SX_OK ? sx_histogram_with(family, index == 0 ? "a" : "b") : NULL;
}

static void histogram_loop(void *histogram, long updates)
{
    for (long i = 0; i < updates; i++) {
        sx_histogram_observe(histogram, bench_values[i & (VALUES - 1)]);
    }
}

static void *gauge_make(void)
{
    struct sx_gauge *gauge = NULL;
    int status = sx_gauge_register(
        &gauge, NULL, &(struct sx_metric_options){.name = "bench_inprogress", .help = "Requests."});
    return status == SX_OK ? gauge : NULL;
}

static void gauge_loop(void *gauge, long updates)
{
    for (long i = 0; i < updates; i++) {
        sx_gauge_inc(gauge);
        sx_gauge_dec(gauge);
    }
}

static int family_make(struct sx_counter_family **family, const char *name)
{
    return sx_counter_family_register(
        family, NULL,
        &(struct sx_metric_options){.name = name,
                                    .help = "Requests.",
                                    .labels = SX_LABELS("method", "handler", "code"),
                                    .max_series = MILLION});
}

static int lookup_make(void)
{
    int status = family_make(&lookups, "bench_requests_total");
    for (int i = 0; status == SX_OK && i < CHILDREN; i++) {
        if (sx_counter_with(lookups, bench_labels[i][0], bench_labels[i][1], bench_labels[i][2]) ==
            NULL) {
            status = SX_EFULL;
        }
    }
    return status;
}

static void lookup_loop(void *unused, long updates)
{
    (void)unused;
    for (long i = 0; i < updates; i++) {
        const char(*labels)[32] = (const char(*)[32])bench_labels[bench_picks[i & (VALUES - 1)]];
        (void)sx_counter_inc_with(lookups, labels[0], labels[1], labels[2]);
    }
}

/* ---- cases of Sextant alone ---- */

static struct sx_str (*known_values)[3];

/* As lookup_loop, with values whose lengths are known. */
static void known_loop(void *unused, long updates)
{
    (void)unused;
    for (long i = 0; i < updates; i++) {
        (void)sx_counter_family_add(lookups, known_values[bench_picks[i & (VALUES - 1)]], 3, 1);
    }
}

static int known_case(void)
{
    static struct sx_str values[CHILDREN][3];
    bench_fill();
    for (int i = 0; i < CHILDREN; i++) {
        for (int j = 0; j < 3; j++) {
            values[i][j] = (struct sx_str){bench_labels[i][j], strlen(bench_labels[i][j])};
        }
    }
    void *none = NULL;
    known_values = values;
    return lookup_make() == 0 ? (bench_updates(known_loop, &none, 1), 0) : 1;
}

static int series_make(void)
{
    struct sx_counter_family *family = NULL;
    int status = family_make(&family, "bench_requests_total");
    for (int i = 0; status == SX_OK && i < bench_series_count; i++) {
        char handler[32];
        snprintf(handler, sizeof handler, "bench.handler_%d", i);
        bench_series[i] = sx_counter_with(family, "GET", handler, "200");
        if (bench_series[i] == NULL) {
            status = SX_EFULL;
        }
    }
    return status;
}

static void series_add(void *counter, int amount)
{
    sx_counter_add(counter, amount);
}

static enum sx_format scrape_format = SX_FORMAT_TEXT;
static bool scrape_is_compressed;

static unsigned long scrape_run(void)
{
    static struct sx_page page; /* reused, as a metrics route does */
    if (sx_page_render(&page, NULL, scrape_format) != SX_OK) {
        return 0;
    }
    const size_t size = page.size;
    return !scrape_is_compressed || sx_page_gzip(&page) == SX_OK ? size : 0;
}

/* ---- what grows with the number of series and rows ---- */

struct request {
    char handler[24];
    size_t size;
};

/* What a request knows: in the order of requests, so that reading it costs the same in both loops.
 * The series are in random order. */
static struct request *requests;
static struct sx_counter **request_counters;

static int requests_make(int count)
{
    uint64_t state = 88172645463325252;
    struct sx_counter *swapped;
    struct request request;
    requests = (struct request *)calloc((size_t)count, sizeof *requests);
    request_counters = (struct sx_counter **)calloc((size_t)count, sizeof(struct sx_counter *));
    if (requests == NULL || request_counters == NULL ||
        family_make(&lookups, "bench_requests_total") != SX_OK) {
        return 1;
    }
    for (int i = 0; i < count; i++) {
        requests[i].size =
            (size_t)snprintf(requests[i].handler, sizeof request.handler, "bench.handler_%d", i);
        request_counters[i] = sx_counter_with(lookups, "GET", requests[i].handler, "200");
    }
    for (int i = count - 1; i > 0; i--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const int other = (int)((state >> 33) % (uint64_t)(i + 1));
        request = requests[i];
        requests[i] = requests[other];
        requests[other] = request;
        swapped = request_counters[i];
        request_counters[i] = request_counters[other];
        request_counters[other] = swapped;
    }
    return 0;
}

/* Each series once, by its handle and by its label values. */
static int large_case(int count)
{
    if (requests_make(count) != 0) {
        return 1;
    }
    for (int round = 0; round < 5; round++) {
        double start = bench_ns(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < count; i++) {
            sx_counter_inc(request_counters[i]);
        }
        bench_print("by_handle", (bench_ns(CLOCK_THREAD_CPUTIME_ID) - start) / count, 0);
        start = bench_ns(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < count; i++) {
            const struct sx_str values[] = {
                {"GET", 3}, {requests[i].handler, requests[i].size}, {"200", 3}};
            (void)sx_counter_family_add(lookups, values, 3, 1);
        }
        bench_print("by_values", (bench_ns(CLOCK_THREAD_CPUTIME_ID) - start) / count, 0);
    }
    return 0;
}

/* Writes as much memory as the records of 1,000,000 series take, as slowly as it grows with them,
 * and prints the longest step: what the kernel and the virtual machine take for new pages. */
static int touch_new_memory(void)
{
    const size_t bytes = 200;
    double longest = 0;
    char *memory = (char *)mmap(NULL, MILLION * bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == (char *)MAP_FAILED) {
        return 1;
    }
    (void)madvise(memory, MILLION * bytes, MADV_NOHUGEPAGE); /* as a registry */
    for (size_t i = 0; i < MILLION; i++) {
        const double start = bench_ns(CLOCK_THREAD_CPUTIME_ID);
        memset(memory + i * bytes, 1, bytes);
        const double ns = bench_ns(CLOCK_THREAD_CPUTIME_ID) - start;
        longest = ns > longest ? ns : longest;
    }
    bench_print("longest_touch_us", longest / 1e3, 0);
    return munmap(memory, MILLION * bytes);
}

/* The longest of 1,000,000 creations, in microseconds of the thread. */
static int create_case(void)
{
    double longest = 0;
    char handler[32];
    if (family_make(&lookups, "bench_requests_total") != SX_OK) {
        return 1;
    }
    for (int i = 0; i < MILLION; i++) {
        const int size = snprintf(handler, sizeof handler, "bench.handler_%d", i);
        const struct sx_str values[] = {{"GET", 3}, {handler, (size_t)size}, {"200", 3}};
        const double start = bench_ns(CLOCK_THREAD_CPUTIME_ID);
        if (sx_counter_family_add(lookups, values, 3, 1) != SX_OK) {
            return 1;
        }
        const double ns = bench_ns(CLOCK_THREAD_CPUTIME_ID) - start;
        longest = ns > longest ? ns : longest;
    }
    bench_print("longest_us", longest / 1e3, 0);
    return touch_new_memory();
}

/* Threads that all live until each has added to every series. */
static pthread_barrier_t rows_barrier;

static void *rows_touch(void *unused)
{
    (void)unused;
    for (int i = 0; i < bench_series_count; i++) {
        series_add(bench_series[i], i * 37 + 1);
    }
    pthread_barrier_wait(&rows_barrier);
    pthread_barrier_wait(&rows_barrier);
    return NULL;
}

/* Scrapes of 100,000 series that `rows` threads have updated, which still live or have ended. */
static int rows_case(int rows, bool have_ended)
{
    pthread_t threads[256];
    if (rows < 1 || rows > 256 || bench_series_prepare(SERIES) != 0 || series_make() != 0) {
        return 1;
    }
    pthread_barrier_init(&rows_barrier, NULL, (unsigned)rows + 1);
    for (int i = 0; i < rows; i++) {
        pthread_create(&threads[i], NULL, rows_touch, NULL);
    }
    pthread_barrier_wait(&rows_barrier);
    int status = have_ended ? 0 : bench_scrapes(SCRAPES);
    pthread_barrier_wait(&rows_barrier);
    for (int i = 0; i < rows; i++) {
        pthread_join(threads[i], NULL);
    }
    return have_ended ? bench_scrapes(SCRAPES) : status;
}

/* ---- a registry that processes share ---- */

#define SPARSE_THREADS 64

static double shared_memory_bytes(void)
{
    char line[128];
    double kib = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "RssShmem:", 9) == 0) {
            kib = strtod(line + 9, NULL);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib * 1024;
}

static void *sparse_touch(void *place)
{
    series_add(*(void **)place, 1);
    pthread_barrier_wait(&rows_barrier);
    pthread_barrier_wait(&rows_barrier);
    return NULL;
}

/* The memory of the registry that a scrape of 100,000 series makes resident, if each of 64 threads
 * has updated one of them. */
static int sparse_case(void)
{
    pthread_t threads[SPARSE_THREADS];
    if (bench_series_prepare(SERIES) != 0 || series_make() != 0) {
        return 1;
    }
    pthread_barrier_init(&rows_barrier, NULL, SPARSE_THREADS + 1);
    for (int i = 0; i < SPARSE_THREADS; i++) {
        void **place = &bench_series[i * (SERIES / SPARSE_THREADS)];
        pthread_create(&threads[i], NULL, sparse_touch, place);
    }
    pthread_barrier_wait(&rows_barrier);
    const double before = shared_memory_bytes();
    const int status = bench_scrapes(1);
    bench_print("before", before, 0);
    bench_print("growth", shared_memory_bytes() - before, 0);
    pthread_barrier_wait(&rows_barrier);
    for (int i = 0; i < SPARSE_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return status;
}

/* A family of 1,000 series, before and after 6,000,000 others of it were made and removed. */
static int churn_case(void)
{
    char session[32];
    if (bench_series_prepare(1000) != 0 || series_make() != 0 ||
        family_make(&lookups, "bench_requests_total") != SX_OK) {
        return 1;
    }
    for (int is_after = 0; is_after < 2; is_after++) {
        for (int i = 0; i < 101; i++) {
            const double start = bench_ns(CLOCK_THREAD_CPUTIME_ID);
            (void)scrape_run();
            bench_print(is_after ? "after" : "before", bench_ns(CLOCK_THREAD_CPUTIME_ID) - start,
                        0);
        }
        for (int i = 0; i < 6 * MILLION && !is_after; i++) {
            const int size = snprintf(session, sizeof session, "session_%d", i);
            const struct sx_str values[] = {{"GET", 3}, {session, (size_t)size}, {"200", 3}};
            if (sx_counter_family_add(lookups, values, 3, 1) != SX_OK ||
                sx_counter_family_remove(lookups, values, 3) != 1) {
                return 1;
            }
        }
    }
    return 0;
}

/* Nanoseconds for each of so many counters that are registered in a new registry. */
static int register_case(int count)
{
    for (int round = 0; round < 5; round++) {
        struct sx_registry *registry = NULL;
        if (sx_registry_new(&registry, NULL) != SX_OK) {
            return 1;
        }
        const double start = bench_ns(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < count; i++) {
            struct sx_counter *counter = NULL;
            char name[32];
            (void)snprintf(name, sizeof name, "bench_%d_total", i);
            const struct sx_metric_options options = {.name = name, .help = "Updates."};
            if (sx_counter_register(&counter, registry, &options) != SX_OK) {
                return 1;
            }
        }
        bench_print("register", (bench_ns(CLOCK_THREAD_CPUTIME_ID) - start) / count, 0);
        sx_registry_destroy(registry);
    }
    return 0;
}

/* The updates of a module that is loaded with dlopen; see module.c. */
static int module_case(const char *program, bool is_histogram)
{
    char path[4096];
    const char *slash = strrchr(program, '/');
    const int folder = slash == NULL ? 0 : (int)(slash + 1 - program);
    (void)snprintf(path, sizeof path, "%.*smodule.so", folder, program);
    void *module = dlopen(path, RTLD_NOW);
    void *metric = is_histogram ? histogram_make(0) : counter_make(0);
    const char *name = is_histogram ? "module_histogram_loop" : "module_counter_loop";
    void *loop = module == NULL ? NULL : dlsym(module, name);
    if (metric == NULL || loop == NULL) {
        fprintf(stderr, "%s cannot be loaded\n", path);
        return 1;
    }
    bench_loop_fn *run;
    memcpy(&run, &loop, sizeof run); /* ISO C has no conversion */
    bench_updates(run, &metric, 1);
    return 0;
}

/* As histogram_loop, with an exemplar of a trace. */
static void exemplar_loop(void *histogram, long updates)
{
    static const struct sx_label trace[] = {
        {"trace_id", {"4bf92f3577b34da6a3ce929d0e0e4736", 32}},
        {"span_id", {"00f067aa0ba902b7", 16}},
    };
    for (long i = 0; i < updates; i++) {
        sx_histogram_observe_with_exemplar(histogram, bench_values[i & (VALUES - 1)], trace, 2);
    }
}

/* native_1, native_classic_1, exemplar_1 */
static int observe_case(const char *what)
{
    const bool has_exemplar = strcmp(what, "exemplar_1") == 0;
    bench_fill();
    has_native_buckets = !has_exemplar;
    has_classic_buckets = strcmp(what, "native_1") != 0;
    void *histogram = histogram_make(0);
    if (histogram == NULL) {
        return 1;
    }
    bench_updates(has_exemplar ? exemplar_loop : histogram_loop, &histogram, 1);
    return 0;
}

/* ---- quantiles of summaries ---- */

#define SUMMARIES 1000

static int summaries_make(struct sx_summary **summaries, size_t count, double window_seconds)
{
    struct sx_summary_family *family = NULL;
    const struct sx_metric_options options = {.name = "bench_seconds",
                                              .help = "Values.",
                                              .labels = SX_LABELS("worker"),
                                              SX_QUANTILES(.5, .9, .99),
                                              .window_seconds = window_seconds};
    int status = sx_summary_family_register(&family, NULL, &options);
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        char worker[24];
        const int size = snprintf(worker, sizeof worker, "%zu", i);
        const struct sx_str value = {worker, (size_t)size};
        status = sx_summary_family_get(&summaries[i], family, &value, 1);
    }
    return status;
}

static void summary_loop(void *summary, long updates)
{
    for (long i = 0; i < updates; i++) {
        sx_summary_observe(summary, bench_values[i & (VALUES - 1)]);
    }
}

/* Scrapes of many summaries, and the memory of one with all its snapshots. The window is so short
 * that each scrape keeps one. */
static int summaries_case(void)
{
    static struct sx_summary *summaries[SUMMARIES];
    (void)scrape_run();
    const double before = bench_resident_bytes();
    if (summaries_make(summaries, SUMMARIES, .001) != SX_OK) {
        return 1;
    }
    for (int i = 0; i < 101; i++) {
        for (size_t j = 0; j < SUMMARIES; j++) {
            summary_loop(summaries[j], 1000);
        }
        const double start = bench_ns(CLOCK_THREAD_CPUTIME_ID);
        (void)scrape_run();
        bench_print("scrape", (bench_ns(CLOCK_THREAD_CPUTIME_ID) - start) / SUMMARIES, 0);
    }
    bench_print("bytes", (bench_resident_bytes() - before) / SUMMARIES, 0);
    return 0;
}

/* quantiles_1, quantiles_many */
static int quantiles_case(const char *what)
{
    struct sx_summary *summary = NULL;
    bench_fill();
    if (strcmp(what, "quantiles_many") == 0) {
        return summaries_case();
    }
    if (summaries_make(&summary, 1, 0) != SX_OK) {
        return 1;
    }
    void *metric = summary;
    bench_updates(summary_loop, &metric, 1);
    return 0;
}

/* The case `scrape` in another format, or compressed. */
static int format_case(const char *format)
{
    scrape_is_compressed = strcmp(format, "gzip") == 0;
    if (!scrape_is_compressed) {
        scrape_format =
            strcmp(format, "openmetrics") == 0 ? SX_FORMAT_OPENMETRICS : SX_FORMAT_PROTOBUF;
    }
    return bench_scrape_case();
}

static int growth_case(const char *what)
{
    if (strncmp(what, "large_", 6) == 0) {
        return large_case(atoi(what + 6));
    }
    if (strcmp(what, "create") == 0) {
        return create_case();
    }
    const bool have_ended = what[0] == 'e';
    return rows_case(atoi(strchr(what, '_') + 1), have_ended);
}

int main(int argc, char **argv)
{
    const struct sx_registry_options shared = {.shared = true};
    if (getenv("SHARED_REGISTRY") != NULL && sx_registry_default_init(&shared) != SX_OK) {
        return 1;
    }
    if (argc == 2 && strcmp(argv[1], "sparse") == 0) {
        return sparse_case();
    }
    if (argc == 2 && strcmp(argv[1], "known_1") == 0) {
        return known_case();
    }
    if (argc == 2 && (strncmp(argv[1], "native_", 7) == 0 || strcmp(argv[1], "exemplar_1") == 0)) {
        return observe_case(argv[1]);
    }
    if (argc == 2 && strncmp(argv[1], "quantiles_", 10) == 0) {
        return quantiles_case(argv[1]);
    }
    if (argc == 2 && strncmp(argv[1], "scrape_", 7) == 0) {
        return format_case(argv[1] + 7);
    }
    if (argc == 2 && strncmp(argv[1], "module_", 7) == 0) {
        return module_case(argv[0], argv[1][7] == 'h');
    }
    if (argc == 2 && strncmp(argv[1], "register_", 9) == 0) {
        return register_case(atoi(argv[1] + 9));
    }
    if (argc == 2 && strcmp(argv[1], "churn") == 0) {
        return churn_case();
    }
    if (argc == 2 && (strncmp(argv[1], "large_", 6) == 0 || strcmp(argv[1], "create") == 0 ||
                      strncmp(argv[1], "rows_", 5) == 0 || strncmp(argv[1], "ended_", 6) == 0)) {
        return growth_case(argv[1]);
    }
    return bench_main(argc, argv);
}
