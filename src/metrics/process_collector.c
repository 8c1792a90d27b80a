/* process_collector.c: what the kernel knows of the process, or of all processes of its group.
 *
 * A value that cannot be read, because /proc is missing or hidden, is left out. Runs in the thread
 * that scrapes.
 *
 * Source: Prometheus "Writing client libraries", Process metrics
 */
#include "process_group.h"

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

enum process_metric {
    CPU_SECONDS,
    OPEN_FDS,
    MAX_FDS,
    VIRTUAL_MAX_BYTES,
    VIRTUAL_BYTES,
    RESIDENT_BYTES,
    START_SECONDS,
    THREADS,
    PROCESS_METRICS,
};

static const struct {
    enum sx_metric_type type;
    const char *name;
    const char *help;
} process_metrics[] = {
    [CPU_SECONDS] = {SX_COUNTER, "process_cpu_seconds_total",
                     "Total user and system CPU time spent in seconds."},
    [OPEN_FDS] = {SX_GAUGE, "process_open_fds", "Number of open file descriptors."},
    [MAX_FDS] = {SX_GAUGE, "process_max_fds", "Maximum number of open file descriptors."},
    [VIRTUAL_MAX_BYTES] = {SX_GAUGE, "process_virtual_memory_max_bytes",
                           "Maximum amount of virtual memory available in bytes."},
    [VIRTUAL_BYTES] = {SX_GAUGE, "process_virtual_memory_bytes", "Virtual memory size in bytes."},
    [RESIDENT_BYTES] = {SX_GAUGE, "process_resident_memory_bytes",
                        "Resident memory size in bytes."},
    [START_SECONDS] = {SX_GAUGE, "process_start_time_seconds",
                       "Start time of the process since unix epoch in seconds."},
    [THREADS] = {SX_GAUGE, "process_threads", "Number of OS threads."},
};

/* Of a process, or of the processes of one series. */
struct process_values {
    bool known[PROCESS_METRICS];
    double values[PROCESS_METRICS];
};

static void set_value(struct process_values *process, enum process_metric metric, double value)
{
    process->known[metric] = true;
    process->values[metric] = value;
}

/* ---- one process; `name` is "self" or its id ---- */

static void name_file(char *path, size_t size, const char *name, const char *file)
{
    (void)snprintf(path, size, "/proc/%s/%s", name, file);
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
 * Returns false if they cannot be read. */
static bool read_stat(double *fields, const char *name)
{
    char path[64];
    char text[1024];
    name_file(path, sizeof path, name, "stat");
    if (!read_file(text, sizeof text, path)) {
        return false;
    }
    char *at = strrchr(text, ')');
    for (int field = STAT_STATE; field < STAT_END; field++) {
        at = at == NULL ? NULL : strchr(at, ' ');
        if (at == NULL) {
            return false;
        }
        at++;
        fields[field] = field == STAT_STATE ? 0 : strtod(at, NULL);
    }
    return true;
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

static void read_from_stat(struct process_values *process, const char *name, double boot_time)
{
    double fields[STAT_END];
    const long ticks_per_second = sysconf(_SC_CLK_TCK);
    const long page_bytes = sysconf(_SC_PAGESIZE);
    if (!read_stat(fields, name)) {
        return;
    }
    set_value(process, VIRTUAL_BYTES, fields[STAT_VIRTUAL_BYTES]);
    set_value(process, THREADS, fields[STAT_THREADS]);
    if (page_bytes > 0) {
        set_value(process, RESIDENT_BYTES, fields[STAT_RESIDENT_PAGES] * (double)page_bytes);
    }
    if (boot_time > 0 && ticks_per_second > 0) {
        set_value(process, START_SECONDS,
                  boot_time + fields[STAT_START_TICKS] / (double)ticks_per_second);
    }
}

/* Does not count the descriptor that is used to count them. */
static void count_open_fds(struct process_values *process, const char *name)
{
    char path[64];
    name_file(path, sizeof path, name, "fd");
    double count = strcmp(name, "self") == 0 ? -1 : 0;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return;
    }
    const struct dirent *entry = readdir(directory);
    while (entry != NULL) {
        count += entry->d_name[0] != '.';
        entry = readdir(directory);
    }
    (void)closedir(directory);
    set_value(process, OPEN_FDS, count);
}

/* Not from /proc: this clock is finer than its ticks. */
static void read_cpu(struct process_values *process)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0) {
        set_value(process, CPU_SECONDS, (double)used.tv_sec + (double)used.tv_nsec / 1e9);
    }
}

/* Usually virtual memory has no limit. client_golang shows that as 2^64 - 1, which is nearly the
 * number of bytes that an address can name, so a ratio to it makes sense. */
static void read_limits(struct process_values *process)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        set_value(process, MAX_FDS, (double)limit.rlim_cur);
    }
    if (getrlimit(RLIMIT_AS, &limit) == 0) {
        set_value(process, VIRTUAL_MAX_BYTES,
                  limit.rlim_cur == RLIM_INFINITY ? (double)UINT64_MAX : (double)limit.rlim_cur);
    }
}

/* ---- a group ---- */

/* Adds a process to those of a series. The series starts with the first of them. */
static void add_process(struct process_values *series, const struct process_values *process)
{
    for (unsigned i = 0; i < PROCESS_METRICS; i++) {
        if (!process->known[i]) {
            continue;
        }
        const double value = process->values[i];
        const double sum = series->values[i];
        const bool is_first = !series->known[i];
        set_value(series, i,
                  is_first             ? value
                  : i == START_SECONDS ? (value < sum ? value : sum)
                                       : sum + value);
    }
}

/* A process whose id has left the place may have been another one when it was read. */
static void read_member(struct process_values *series, const _Atomic pid_t *member,
                        double boot_time)
{
    char name[32] = "self";
    struct process_values process = {.known = {false}};
    const pid_t pid = atomic_load(member);
    if (pid == 0) {
        return;
    }
    if (pid != getpid()) {
        (void)snprintf(name, sizeof name, "%ld", (long)pid);
    }
    count_open_fds(&process, name);
    read_from_stat(&process, name, boot_time);
    if (atomic_load(member) == pid) {
        add_process(series, &process);
    }
}

/* `all` has a series for each place if the group has a label, else one. */
static void read_group(struct process_values *all, struct sx_process_group *group)
{
    const double boot_time = read_boot_time();
    for (unsigned place = 0; place <= group->places; place++) {
        struct process_values *series = &all[group->label == NULL ? 0 : place];
        const struct process_values cpu = {
            .known = {[CPU_SECONDS] = true},
            .values = {[CPU_SECONDS] = (double)sx__process_group_cpu_ns(group, place) / 1e9}};
        add_process(series, &cpu);
        for (size_t i = 0; i < SX__PLACE_PROCESSES_MAX; i++) {
            read_member(series, &group->place[place].pids[i], boot_time);
        }
        read_limits(series);
    }
}

/* ---- the collector ---- */

static int add_samples(struct sx_collection *collection, enum process_metric metric,
                       const struct process_values *series, size_t count, bool is_labelled)
{
    int status = SX_OK;
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        char number[32];
        const int size = snprintf(number, sizeof number, "%zu", i);
        const struct sx_str place = {number, (size_t)size};
        if (series[i].known[metric]) {
            status = sx_collection_add_sample(collection, is_labelled ? &place : NULL, is_labelled,
                                              series[i].values[metric]);
        }
    }
    return status;
}

static bool is_known(enum process_metric metric, const struct process_values *series, size_t count)
{
    bool known = false;
    for (size_t i = 0; i < count; i++) {
        known |= series[i].known[metric];
    }
    return known;
}

static int add_families(struct sx_collection *collection, const struct process_values *series,
                        size_t count, const char *label)
{
    const char *const labels[] = {label, NULL};
    int status = SX_OK;
    for (unsigned i = 0; i < PROCESS_METRICS && status == SX_OK; i++) {
        if (!is_known(i, series, count)) {
            continue;
        }
        const struct sx_metric_options options = {.name = process_metrics[i].name,
                                                  .help = process_metrics[i].help,
                                                  .labels = label == NULL ? NULL : labels};
        status = sx_collection_add_family(collection, process_metrics[i].type, &options);
        if (status == SX_OK) {
            status = add_samples(collection, i, series, count, label != NULL);
        }
    }
    return status;
}

static int collect_process(void *context, struct sx_collection *collection)
{
    (void)context;
    struct sx_process_group *group = sx__process_group();
    const char *label = group == NULL ? NULL : group->label;
    const size_t count = label == NULL ? 1 : (size_t)group->places + 1;
    struct process_values *series = calloc(count, sizeof *series);
    if (series == NULL) {
        return SX_ENOMEM;
    }
    if (group == NULL) {
        read_cpu(series);
        count_open_fds(series, "self");
        read_limits(series);
        read_from_stat(series, "self", read_boot_time());
    } else {
        read_group(series, group);
    }
    const int status = add_families(collection, series, count, label);
    free(series);
    return status;
}

int sx_process_collector_register(struct sx_registry *registry)
{
    return sx_collector_register(registry, collect_process, NULL);
}
