/* process_collector.c: what the kernel knows of the process.
 *
 * A collector that uses the public header only, as any program could. A value that cannot be read,
 * because /proc is missing or hidden, is left out. Runs in the thread that scrapes.
 *
 * Source: Prometheus "Writing client libraries", Process metrics
 */
#include <dirent.h>
#include <fcntl.h>
#include <sextant/collector.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* The fields of /proc/self/stat, by their numbers in proc(5). */
enum stat_field {
    STAT_STATE = 3, /* the first after the name of the program */
    STAT_THREADS = 20,
    STAT_START_TICKS = 22,
    STAT_VIRTUAL_BYTES = 23,
    STAT_RESIDENT_PAGES = 24,
    STAT_END,
};

struct stat_values {
    bool known;
    double values[STAT_END];
};

static int add_value(struct sx_collection *collection, enum sx_metric_type type, const char *name,
                     const char *help, double value)
{
    const struct sx_metric_options options = {.name = name, .help = help};
    int status = sx_collection_add_family(collection, type, &options);
    return status != SX_OK ? status : sx_collection_add_sample(collection, NULL, 0, value);
}

/* Reads the beginning of a file as a string. Returns false if it cannot be read. */
static bool read_file(char *text, size_t size, const char *path)
{
    size_t used = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t got = read(file, text, size - 1);
    while (got > 0) {
        used += (size_t)got;
        got = read(file, text + used, size - 1 - used);
    }
    (void)close(file);
    text[used] = '\0';
    return used > 0;
}

/* The program's name may contain blanks and parentheses, so fields are counted after the last `)`.
 */
static struct stat_values read_stat(void)
{
    char text[1024];
    struct stat_values stat = {.known = false};
    if (!read_file(text, sizeof text, "/proc/self/stat")) {
        return stat;
    }
    char *at = strrchr(text, ')');
    for (int field = STAT_STATE; field < STAT_END; field++) {
        at = at == NULL ? NULL : strchr(at, ' ');
        if (at == NULL) {
            return stat;
        }
        at++;
        stat.values[field] = field == STAT_STATE ? 0 : strtod(at, NULL);
    }
    stat.known = true;
    return stat;
}

/* Returns when the machine was booted, in seconds since 1970, or 0 if that is not known. The line
 * is after one line for each processor and a long line of interrupts, so read the file by lines. */
static double read_boot_time(void)
{
    unsigned long long seconds = 0;
    char line[256];
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL) {
        return 0;
    }
    while (seconds == 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "btime ", 6) == 0) {
            seconds = strtoull(line + 6, NULL, 10);
        }
    }
    (void)fclose(file);
    return (double)seconds;
}

static int add_from_stat(struct sx_collection *collection)
{
    const struct stat_values stat = read_stat();
    double boot_time = read_boot_time();
    long ticks_per_second = sysconf(_SC_CLK_TCK);
    long page_bytes = sysconf(_SC_PAGESIZE);
    int status = SX_OK;
    if (!stat.known) {
        return SX_OK;
    }
    status = add_value(collection, SX_GAUGE, "process_virtual_memory_bytes",
                       "Virtual memory size in bytes.", stat.values[STAT_VIRTUAL_BYTES]);
    if (status == SX_OK && page_bytes > 0) {
        status = add_value(collection, SX_GAUGE, "process_resident_memory_bytes",
                           "Resident memory size in bytes.",
                           stat.values[STAT_RESIDENT_PAGES] * (double)page_bytes);
    }
    if (status == SX_OK && boot_time > 0 && ticks_per_second > 0) {
        status = add_value(collection, SX_GAUGE, "process_start_time_seconds",
                           "Start time of the process since unix epoch in seconds.",
                           boot_time + stat.values[STAT_START_TICKS] / (double)ticks_per_second);
    }
    if (status == SX_OK) {
        status = add_value(collection, SX_GAUGE, "process_threads", "Number of OS threads.",
                           stat.values[STAT_THREADS]);
    }
    return status;
}

/* Not from /proc: this clock is finer than its ticks. */
static int add_cpu(struct sx_collection *collection)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) {
        return SX_OK;
    }
    return add_value(collection, SX_COUNTER, "process_cpu_seconds_total",
                     "Total user and system CPU time spent in seconds.",
                     (double)used.tv_sec + (double)used.tv_nsec / 1e9);
}

/* Returns the number of descriptors without the one that is used to count them, or a negative
 * number if it is not known. */
static double count_open_fds(void)
{
    double count = -1; /* the one that is used to count */
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return -1;
    }
    const struct dirent *entry = readdir(directory);
    while (entry != NULL) {
        count += entry->d_name[0] != '.';
        entry = readdir(directory);
    }
    (void)closedir(directory);
    return count;
}

static int add_fds(struct sx_collection *collection)
{
    double count = count_open_fds();
    struct rlimit limit;
    int status = SX_OK;
    if (count >= 0) {
        status = add_value(collection, SX_GAUGE, "process_open_fds",
                           "Number of open file descriptors.", count);
    }
    if (status == SX_OK && getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY) {
        status = add_value(collection, SX_GAUGE, "process_max_fds",
                           "Maximum number of open file descriptors.", (double)limit.rlim_cur);
    }
    return status;
}

/* Usually there is no limit. client_golang shows that as 2^64 - 1, which is nearly the number of
 * bytes that an address can name, so a ratio to it makes sense. */
static int add_virtual_memory_limit(struct sx_collection *collection)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0) {
        return SX_OK;
    }
    double bytes = limit.rlim_cur == RLIM_INFINITY ? (double)UINT64_MAX : (double)limit.rlim_cur;
    return add_value(collection, SX_GAUGE, "process_virtual_memory_max_bytes",
                     "Maximum amount of virtual memory available in bytes.", bytes);
}

static int collect_process(void *context, struct sx_collection *collection)
{
    (void)context;
    int status = add_cpu(collection);
    if (status == SX_OK) {
        status = add_fds(collection);
    }
    if (status == SX_OK) {
        status = add_virtual_memory_limit(collection);
    }
    return status != SX_OK ? status : add_from_stat(collection);
}

int sx_process_collector_register(struct sx_registry *registry)
{
    return sx_collector_register(registry, collect_process, NULL);
}
