/* The process_* metrics agree with /proc. */
#define _GNU_SOURCE /* prctl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- a system without /proc, and one without limits ---- */

static bool proc_is_missing;
static bool fds_are_unlimited;
static bool address_space_is_limited;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    return proc_is_missing && strncmp(path, "/proc", 5) == 0 ? -1 : __real_open(path, flags);
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
    return proc_is_missing ? NULL : __real_fopen(path, mode);
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
    return proc_is_missing ? NULL : __real_opendir(path);
}

int __real_getrlimit(int resource, struct rlimit *limit);
int __wrap_getrlimit(int resource, struct rlimit *limit);
int __wrap_getrlimit(int resource, struct rlimit *limit)
{
    int result = __real_getrlimit(resource, limit);
    if (fds_are_unlimited && resource == RLIMIT_NOFILE) {
        limit->rlim_cur = RLIM_INFINITY;
    }
    if (address_space_is_limited && resource == RLIMIT_AS) {
        limit->rlim_cur = (rlim_t)4 << 30;
    }
    return result;
}

/* ---- fixture ---- */

static struct sx_registry *registry;

static int set_up(void **state)
{
    (void)state;
    proc_is_missing = false;
    fds_are_unlimited = false;
    address_space_is_limited = false;
    return sx_registry_new(&registry, NULL) || sx_process_collector_register(registry);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

/* The value of a metric without labels on a new page; negative: it is not there. */
static double value_of(const char *name)
{
    char line[128];
    int size = snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(page_text(registry), line);
    return at == NULL ? -1 : strtod(at + size, NULL);
}

/* A line of /proc/self/status, in its unit. */
static double status_line(const char *key)
{
    char line[256];
    double value = -1;
    FILE *file = fopen("/proc/self/status", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            value = strtod(line + strlen(key), NULL);
        }
    }
    fclose(file);
    return value;
}

/* The number of threads in /proc/self/stat, which is never 0. */
static bool stat_has_numbers(void)
{
    char text[1024] = "";
    FILE *file = fopen("/proc/self/stat", "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    char *at = strrchr(text, ')');
    assert_non_null(at);
    for (int field = 2; field < 20; field++) { /* the name is the second */
        at = strchr(at + 1, ' ');
        assert_non_null(at);
    }
    return strtol(at, NULL, 10) != 0;
}

static void need_stat(void)
{
    if (!stat_has_numbers()) {
        print_message(
            "skipping: /proc/self/stat has zeros instead of numbers, as under qemu-user\n");
        skip();
    }
}

static bool about(double value, double expected, double tolerance)
{
    return value >= expected * (1 - tolerance) && value <= expected * (1 + tolerance);
}

static void test_sizes_are_bytes(void **state)
{
    (void)state;
    need_stat();
    double virtual_bytes = value_of("process_virtual_memory_bytes");
    assert_true(about(virtual_bytes, status_line("VmSize:") * 1024, 0.2));
    double resident_bytes = value_of("process_resident_memory_bytes");
    assert_true(about(resident_bytes, status_line("VmRSS:") * 1024, 0.5));
}

static void test_memory_that_is_used_is_resident(void **state)
{
    (void)state;
    need_stat();
    size_t size = (size_t)32 << 20;
    double before = value_of("process_resident_memory_bytes");
    char *memory = malloc(size);
    assert_non_null(memory);
    memset(memory, 1, size);
    double after = value_of("process_resident_memory_bytes");
    assert_int_equal(memory[size / 2], 1);
    free(memory);
    assert_true(after - before > 0.8 * (double)size);
}

static void test_the_name_of_the_program_does_not_matter(void **state)
{
    (void)state;
    need_stat();
    char name[16];
    assert_int_equal(prctl(PR_GET_NAME, name), 0);
    assert_int_equal(prctl(PR_SET_NAME, "a) 7 (b c) 9"), 0);
    double threads = value_of("process_threads");
    double virtual_bytes = value_of("process_virtual_memory_bytes");
    assert_int_equal(prctl(PR_SET_NAME, name), 0);
    assert_true(threads == status_line("Threads:"));
    assert_true(about(virtual_bytes, status_line("VmSize:") * 1024, 0.2));
}

static pthread_barrier_t together;

static void *wait_for_the_test(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&together);
    pthread_barrier_wait(&together);
    return NULL;
}

static void *end(void *unused)
{
    return unused;
}

static void test_threads_are_counted(void **state)
{
    (void)state;
    need_stat();
    pthread_t threads[3];
    /* A sanitizer starts a thread of its own with the first one of the program. */
    assert_int_equal(pthread_create(&threads[0], NULL, end, NULL), 0);
    assert_int_equal(pthread_join(threads[0], NULL), 0);
    double before = value_of("process_threads");
    assert_int_equal(pthread_barrier_init(&together, NULL, 4), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_the_test, NULL), 0);
    }
    pthread_barrier_wait(&together);
    assert_true(value_of("process_threads") == before + 3);
    pthread_barrier_wait(&together);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    pthread_barrier_destroy(&together);
}

static void test_the_start_was_a_moment_ago(void **state)
{
    (void)state;
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    double start = value_of("process_start_time_seconds");
    /* /proc/stat has whole seconds, and the test may have waited for others. */
    assert_true(start <= (double)now.tv_sec + 1.5);
    assert_true(start >= (double)now.tv_sec - 120);
    assert_true(value_of("process_start_time_seconds") == start);
}

static void test_cpu_time_is_seconds_and_grows(void **state)
{
    (void)state;
    struct rusage usage;
    double before = value_of("process_cpu_seconds_total");
    volatile unsigned busy = 0;
    do {
        for (unsigned i = 0; i < 1000000; i++) {
            busy += i;
        }
        assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    } while ((double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6 <
             before + 0.1);
    (void)busy;
    double after = value_of("process_cpu_seconds_total");
    assert_true(after - before > 0.05 && after - before < 5);
}

/* Counted by another process, so that counting does not add to them. */
static double count_from_outside(void)
{
    char path[64];
    int status = -1;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)getpid());
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int count = 0;
        DIR *directory = opendir(path);
        const struct dirent *entry = directory == NULL ? NULL : readdir(directory);
        for (; entry != NULL; entry = readdir(directory)) {
            count += entry->d_name[0] != '.';
        }
        _exit(count);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_open_descriptors_do_not_include_the_one_that_counts_them(void **state)
{
    (void)state;
    enum { OPENED = 20 };
    int files[OPENED];
    double expected = count_from_outside();
    assert_true(expected >= 3);
    assert_true(value_of("process_open_fds") == expected);
    for (size_t i = 0; i < OPENED; i++) {
        files[i] = dup(1);
        assert_true(files[i] >= 0);
    }
    assert_true(value_of("process_open_fds") == expected + OPENED);
    for (size_t i = 0; i < OPENED; i++) {
        close(files[i]);
    }
    assert_true(value_of("process_open_fds") == expected);
}

static void test_the_limit_of_descriptors_is_the_one_that_holds(void **state)
{
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(value_of("process_max_fds") == (double)limit.rlim_cur);
    struct rlimit lower = {limit.rlim_cur - 1, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    assert_true(value_of("process_max_fds") == (double)limit.rlim_cur - 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    fds_are_unlimited = true;
    assert_true(value_of("process_max_fds") == -1);
    assert_true(value_of("process_open_fds") >= 0);
}

static void test_the_limit_of_virtual_memory_is_the_one_that_holds(void **state)
{
    (void)state;
    address_space_is_limited = true;
    assert_true(value_of("process_virtual_memory_max_bytes") == 4294967296.0);
    address_space_is_limited = false;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    if (limit.rlim_cur == RLIM_INFINITY) {
        assert_non_null(strstr(page_text(registry),
                               "\nprocess_virtual_memory_max_bytes 18446744073709552000\n"));
    }
}

/* A value that cannot be read is left out of the page; it is never -1 or NaN. */
static void test_what_cannot_be_read_is_left_out(void **state)
{
    (void)state;
    proc_is_missing = true;
    assert_true(value_of("process_cpu_seconds_total") >= 0);
    assert_true(value_of("process_max_fds") > 0);
    static const char *const missing[] = {"process_open_fds", "process_virtual_memory_bytes",
                                          "process_resident_memory_bytes",
                                          "process_start_time_seconds", "process_threads"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        assert_true(value_of(missing[i]) == -1);
        assert_null(strstr(page_text(registry), missing[i]));
    }
    assert_null(strstr(page_text(registry), "failures"));
}

static void test_it_is_registered_once(void **state)
{
    (void)state;
    need_stat();
    assert_int_equal(sx_process_collector_register(registry), SX_EEXIST);
    assert_true(value_of("process_threads") >= 1);
    assert_null(strstr(page_text(registry), "failures"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sizes_are_bytes),
        TEST(test_memory_that_is_used_is_resident),
        TEST(test_the_name_of_the_program_does_not_matter),
        TEST(test_threads_are_counted),
        TEST(test_the_start_was_a_moment_ago),
        TEST(test_cpu_time_is_seconds_and_grows),
        TEST(test_open_descriptors_do_not_include_the_one_that_counts_them),
        TEST(test_the_limit_of_descriptors_is_the_one_that_holds),
        TEST(test_the_limit_of_virtual_memory_is_the_one_that_holds),
        TEST(test_what_cannot_be_read_is_left_out),
        TEST(test_it_is_registered_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
