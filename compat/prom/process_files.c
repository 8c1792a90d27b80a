/* process_files.c: reading files in the formats of /proc/PID/limits and /proc/PID/stat.
 *
 * Source: proc(5)
 */
#include "process_files.h"

#include "collector.h"
#include "prom_counter.h"
#include "prom_gauge.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE 8192

struct prom__process_files {
    char *limits_path;
    char *stat_path;
    prom_counter_t *cpu_seconds;
    prom_gauge_t *max_fds;
    prom_gauge_t *virtual_memory_max;
    prom_gauge_t *virtual_memory;
    prom_gauge_t *resident_memory;
    prom_gauge_t *threads;
    pthread_mutex_t lock; /* of cpu_seconds_counted */
    double cpu_seconds_counted;
};

/* Reads a file, and ends it with NUL. Returns 0 if it was read. */
static int read_text(char *text, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 1;
    }
    const size_t size = fread(text, 1, TEXT_SIZE - 1, file);
    text[size] = '\0';
    return fclose(file);
}

/* Sets a gauge to the soft limit of a line; a limit that is `unlimited` is 2^64 - 1. */
static void set_limit(prom_gauge_t *gauge, const char *text, const char *name)
{
    const char *line = strstr(text, name);
    if (line != NULL) {
        char *end;
        const char *number = line + strlen(name);
        const double limit = (double)strtoull(number, &end, 10);
        const double unlimited = (double)~0ull;
        (void)prom_gauge_set(gauge, end == number ? unlimited : limit, NULL);
    }
}

static void read_limits(const struct prom__process_files *files)
{
    char text[TEXT_SIZE];
    if (read_text(text, files->limits_path) == 0) {
        set_limit(files->max_fds, text, "Max open files");
        set_limit(files->virtual_memory_max, text, "Max address space");
    }
}

/* The numbers of the fields 3, the state, to 24. Field 2, the name in parentheses, may have blanks
 * and parentheses. Returns how many there are. */
static int split_stat(double fields[22], const char *text)
{
    const char *at = strrchr(text, ')');
    int count = 0;
    at = at == NULL ? "" : at + 1;
    while (*at == ' ' && count < 22) {
        fields[count++] = strtod(at + 1, NULL);
        at += 1 + strcspn(at + 1, " ");
    }
    return count;
}

static void read_stat(struct prom__process_files *files)
{
    char text[TEXT_SIZE];
    double fields[22];
    if (read_text(text, files->stat_path) != 0 || split_stat(fields, text) < 22) {
        return;
    }
    const double seconds = (fields[14 - 3] + fields[15 - 3]) / (double)sysconf(_SC_CLK_TCK);
    (void)pthread_mutex_lock(&files->lock); /* two registries may have the collector */
    if (prom_counter_add(files->cpu_seconds, seconds - files->cpu_seconds_counted, NULL) == 0) {
        files->cpu_seconds_counted = seconds;
    }
    (void)pthread_mutex_unlock(&files->lock);
    (void)prom_gauge_set(files->threads, fields[20 - 3], NULL);
    (void)prom_gauge_set(files->virtual_memory, fields[23 - 3], NULL);
    (void)prom_gauge_set(files->resident_memory, fields[24 - 3] * (double)sysconf(_SC_PAGESIZE),
                         NULL);
}

static prom_map_t *collect_files(prom_collector_t *collector)
{
    read_limits(collector->files);
    read_stat(collector->files);
    return NULL;
}

static prom_gauge_t *add_gauge(prom_collector_t *collector, const char *name, const char *help)
{
    prom_gauge_t *gauge = prom_gauge_new(name, help, 0, NULL);
    if (gauge != NULL && prom_collector_add_metric(collector, gauge) != 0) {
        (void)prom_gauge_destroy(gauge);
        gauge = NULL;
    }
    return gauge;
}

static int add_metrics(prom_collector_t *collector, struct prom__process_files *files)
{
    files->cpu_seconds = prom_counter_new(
        "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", 0, NULL);
    if (files->cpu_seconds == NULL || prom_collector_add_metric(collector, files->cpu_seconds)) {
        (void)prom_counter_destroy(files->cpu_seconds);
        return 1;
    }
    files->max_fds =
        add_gauge(collector, "process_max_fds", "Maximum number of open file descriptors.");
    files->virtual_memory_max = add_gauge(collector, "process_virtual_memory_max_bytes",
                                          "Maximum amount of virtual memory available in bytes.");
    files->virtual_memory =
        add_gauge(collector, "process_virtual_memory_bytes", "Virtual memory size in bytes.");
    files->resident_memory =
        add_gauge(collector, "process_resident_memory_bytes", "Resident memory size in bytes.");
    files->threads = add_gauge(collector, "process_threads", "Number of OS threads.");
    return files->max_fds == NULL || files->virtual_memory_max == NULL ||
           files->virtual_memory == NULL || files->resident_memory == NULL ||
           files->threads == NULL;
}

int prom__process_files_add(prom_collector_t *collector, const char *limits_path,
                            const char *stat_path)
{
    struct prom__process_files *files = calloc(1, sizeof *files);
    if (files == NULL) {
        return 1;
    }
    collector->files = files;
    (void)pthread_mutex_init(&files->lock, NULL);
    files->limits_path = strdup(limits_path == NULL ? "/proc/self/limits" : limits_path);
    files->stat_path = strdup(stat_path == NULL ? "/proc/self/stat" : stat_path);
    if (files->limits_path == NULL || files->stat_path == NULL) {
        return 1;
    }
    return add_metrics(collector, files) != 0 ||
           prom_collector_set_collect_fn(collector, collect_files) != 0;
}

void prom__process_files_free(struct prom__process_files *files)
{
    if (files != NULL) {
        free(files->limits_path);
        free(files->stat_path);
        (void)pthread_mutex_destroy(&files->lock);
        free(files);
    }
}
