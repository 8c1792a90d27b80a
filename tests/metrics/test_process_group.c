/* The process_* metrics of several processes: their sums agree with /proc, and the CPU time of
 * those that have ended is kept. */
#define _GNU_SOURCE /* waitid, clock_getcpuclockid */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"

#include <cmocka.h>
#include <dirent.h>
#include <sextant/collector.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifndef SX_AMALGAMATION
#include "process_group.h"
#endif

enum { CHILDREN = 2, CHILD_BYTES = 32 << 20 };

static struct sx_registry *registry;
static struct sx_process_group *group;
static pid_t children[CHILDREN];
static int hold[2]; /* children live until its writing end is closed */

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, &(struct sx_registry_options){.shared = true}) ||
           sx_process_collector_register(registry) || pipe(hold);
}

static int tear_down(void **state)
{
    (void)state;
    close(hold[0]);
    close(hold[1]);
    sx_process_group_destroy(group);
    group = NULL;
    sx_registry_destroy(registry);
    return 0;
}

/* The value behind `series` on a new page; negative: it is not there. */
static double value_of(const char *series)
{
    char line[128];
    const int size = snprintf(line, sizeof line, "\n%s ", series);
    const char *at = strstr(page_text(registry), line);
    return at == NULL ? -1 : strtod(at + size, NULL);
}

/* ---- children ---- */

static void use_cpu(double seconds)
{
    struct timespec used;
    volatile unsigned busy = 0;
    do {
        for (unsigned i = 0; i < 100000; i++) {
            busy += i;
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while ((double)used.tv_sec + (double)used.tv_nsec / 1e9 < seconds);
    (void)busy;
}

static _Noreturn void live(int ready)
{
    char byte = 0;
    volatile char *memory = malloc(CHILD_BYTES);
    for (size_t i = 0; memory != NULL && i < CHILD_BYTES; i += 1024) {
        memory[i] = 1;
    }
    close(hold[1]);
    use_cpu(.05);
    (void)!write(ready, &byte, 1);
    (void)!read(hold[0], &byte, 1);
    _exit(0);
}

static void start_children(void)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    (void)fflush(NULL);
    for (size_t i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            live(ready[1]);
        }
    }
    for (size_t i = 0; i < CHILDREN; i++) {
        assert_int_equal(read(ready[0], &byte, 1), 1);
    }
    close(ready[0]);
    close(ready[1]);
}

static void add_children(void)
{
    for (size_t i = 0; i < CHILDREN; i++) {
        assert_int_equal(sx_process_group_add(group, (unsigned)i + 1, children[i]), SX_OK);
    }
}

/* Waits until the child has ended, but does not reap it. */
static void await_end(pid_t child)
{
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
}

static void end_child(size_t index, bool is_removed)
{
    kill(children[index], SIGKILL);
    await_end(children[index]);
    if (is_removed) {
        sx_process_group_remove(group, (unsigned)index + 1, children[index]);
    }
    assert_int_equal(waitpid(children[index], NULL, 0), children[index]);
}

static void end_children(void)
{
    for (size_t i = 0; i < CHILDREN; i++) {
        end_child(i, true);
    }
}

/* ---- what the kernel says ---- */

static double cpu_of(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
    assert_int_equal(clock_gettime(clock, &used), 0);
    return ((double)used.tv_sec * 1e9 + (double)used.tv_nsec) / 1e9;
}

/* A line of /proc/PID/status, in its unit. */
static double status_of(pid_t pid, const char *key)
{
    char text[256];
    double value = -1;
    snprintf(text, sizeof text, "/proc/%ld/status", (long)pid);
    FILE *file = fopen(text, "re");
    assert_non_null(file);
    while (fgets(text, sizeof text, file) != NULL) {
        if (strncmp(text, key, strlen(key)) == 0) {
            value = strtod(text + strlen(key), NULL);
        }
    }
    fclose(file);
    return value;
}

static double descriptors_of(pid_t pid)
{
    char path[64];
    double count = 0;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count - (pid == getpid());
}

static double sum_of(const char *key)
{
    double sum = status_of(getpid(), key);
    for (size_t i = 0; i < CHILDREN; i++) {
        sum += status_of(children[i], key);
    }
    return sum;
}

static bool about(double value, double expected, double tolerance)
{
    return value >= expected * (1 - tolerance) && value <= expected * (1 + tolerance);
}

/* ---- tests ---- */

static void test_values_are_sums_of_all_processes(void **state)
{
    (void)state;
    const double start = value_of("process_start_time_seconds");
    const double limit = value_of("process_max_fds");
    assert_int_equal(sx_process_group_new(&group, CHILDREN, NULL), SX_OK);
    start_children();
    add_children();
    assert_true(value_of("process_threads") == sum_of("Threads:"));
    double descriptors = descriptors_of(getpid());
    double cpu = cpu_of(getpid());
    for (size_t i = 0; i < CHILDREN; i++) {
        descriptors += descriptors_of(children[i]);
        cpu += cpu_of(children[i]);
    }
    assert_true(value_of("process_open_fds") == descriptors);
    assert_true(about(value_of("process_virtual_memory_bytes"), sum_of("VmSize:") * 1024, .2));
    const double resident_bytes = value_of("process_resident_memory_bytes");
    assert_true(about(resident_bytes, sum_of("VmRSS:") * 1024, .5));
    assert_true(resident_bytes >= .8 * CHILDREN * CHILD_BYTES);
    assert_true(value_of("process_cpu_seconds_total") >= cpu);
    assert_true(cpu >= CHILDREN * .05);
    assert_true(value_of("process_start_time_seconds") == start);
    assert_true(value_of("process_max_fds") == limit);
    end_children();
    assert_true(value_of("process_threads") == status_of(getpid(), "Threads:"));
}

static void test_each_place_may_have_a_series(void **state)
{
    (void)state;
    assert_int_equal(sx_process_group_new(&group, CHILDREN + 1, "worker"), SX_OK);
    start_children();
    add_children();
    assert_true(value_of("process_threads{worker=\"0\"}") == status_of(getpid(), "Threads:"));
    assert_true(value_of("process_threads{worker=\"1\"}") == status_of(children[0], "Threads:"));
    assert_true(value_of("process_open_fds{worker=\"2\"}") == descriptors_of(children[1]));
    assert_true(value_of("process_max_fds{worker=\"2\"}") > 0);
    assert_true(value_of("process_start_time_seconds{worker=\"2\"}") >=
                value_of("process_start_time_seconds{worker=\"0\"}"));
    assert_true(value_of("process_cpu_seconds_total{worker=\"2\"}") >= .05);
    assert_true(value_of("process_cpu_seconds_total{worker=\"3\"}") == 0);
    assert_true(value_of("process_threads{worker=\"3\"}") == -1);
    assert_true(value_of("process_threads") == -1);
    end_child(0, true);
    assert_true(value_of("process_threads{worker=\"1\"}") == -1);
    assert_true(value_of("process_cpu_seconds_total{worker=\"1\"}") >= .05);
    assert_true(value_of("process_threads{worker=\"2\"}") == status_of(children[1], "Threads:"));
    end_child(1, true);
}

/* While a successor starts, a place has two processes. */
static void test_processes_of_a_place_are_summed(void **state)
{
    (void)state;
    assert_int_equal(sx_process_group_new(&group, 1, "worker"), SX_OK);
    start_children();
    assert_int_equal(sx_process_group_add(group, 1, children[0]), SX_OK);
    assert_int_equal(sx_process_group_add(group, 1, children[1]), SX_OK);
    assert_true(value_of("process_threads{worker=\"1\"}") ==
                status_of(children[0], "Threads:") + status_of(children[1], "Threads:"));
    assert_true(value_of("process_cpu_seconds_total{worker=\"1\"}") >= .1);
    end_child(0, true);
    sx_process_group_remove(group, 1, children[1]);
    end_child(1, false);
    assert_true(value_of("process_cpu_seconds_total{worker=\"1\"}") >= .1);
}

static void test_cpu_time_of_ended_processes_is_kept_exactly(void **state)
{
    (void)state;
    assert_int_equal(sx_process_group_new(&group, CHILDREN, "worker"), SX_OK);
    start_children();
    add_children();
    kill(children[0], SIGKILL);
    await_end(children[0]);
    const double used = cpu_of(children[0]);
    assert_true(value_of("process_cpu_seconds_total{worker=\"1\"}") == used);
    end_child(0, true);
    assert_true(value_of("process_cpu_seconds_total{worker=\"1\"}") == used);
    end_child(1, true);
}

/* A program that ignores SIGCHLD has no children that wait to be reaped. */
static void test_cpu_time_never_decreases_even_if_a_process_vanishes(void **state)
{
    (void)state;
    assert_int_equal(sx_process_group_new(&group, CHILDREN, NULL), SX_OK);
    start_children();
    add_children();
    const double before = value_of("process_cpu_seconds_total");
    end_child(0, false);
    end_child(1, false);
    assert_true(value_of("process_cpu_seconds_total") >= before);
    for (unsigned i = 0; i < CHILDREN; i++) {
        sx_process_group_remove(group, i + 1, children[i]);
    }
    assert_true(value_of("process_cpu_seconds_total") >= before);
    assert_true(value_of("process_threads") == status_of(getpid(), "Threads:"));
}

/* Scrapes until it is killed, or ends with status 1 if CPU time has decreased. */
static _Noreturn void scrape(void)
{
    double before = 0;
    while (true) {
        const double now = value_of("process_cpu_seconds_total");
        if (now < before) {
            _exit(1);
        }
        before = now;
    }
}

static void test_cpu_time_never_decreases_while_processes_come_and_go(void **state)
{
    (void)state;
    enum { PROCESSES = 200, SCRAPERS = 2 };
    pid_t scrapers[SCRAPERS];
    assert_int_equal(sx_process_group_new(&group, 1, NULL), SX_OK);
    (void)fflush(NULL);
    for (size_t i = 0; i < SCRAPERS; i++) {
        scrapers[i] = fork();
        if (scrapers[i] == 0) {
            scrape();
        }
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            use_cpu(.001);
            _exit(0);
        }
        assert_int_equal(sx_process_group_add(group, 1, child), SX_OK);
        await_end(child);
        sx_process_group_remove(group, 1, child);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    for (size_t i = 0; i < SCRAPERS; i++) {
        int how;
        kill(scrapers[i], SIGKILL);
        assert_int_equal(waitpid(scrapers[i], &how, 0), scrapers[i]);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    }
    assert_true(value_of("process_cpu_seconds_total") >= PROCESSES * .001);
}

static void test_a_first_process_that_dies_within_a_change_blocks_nobody(void **state)
{
    (void)state;
#ifdef SX_AMALGAMATION
    skip();
#else
    assert_int_equal(sx_process_group_new(&group, 1, NULL), SX_OK);
    const double before = value_of("process_cpu_seconds_total");
    atomic_fetch_add(&group->place[0].version, 1);
    assert_true(value_of("process_cpu_seconds_total") == before);
    atomic_fetch_add(&group->place[0].version, 1);
    assert_true(value_of("process_cpu_seconds_total") > before);
#endif
}

static void test_what_is_no_process_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(sx_process_group_new(&group, 1, NULL), SX_OK);
    const double threads = value_of("process_threads");
    assert_int_equal(sx_process_group_add(group, 1, INT32_MAX), SX_OK);
    assert_true(value_of("process_threads") == threads);
    assert_true(value_of("process_cpu_seconds_total") > 0);
    assert_null(strstr(page_text(registry), "failures"));
}

static void test_a_group_is_one_and_bounded(void **state)
{
    (void)state;
    struct sx_process_group *other = NULL;
    assert_int_equal(sx_process_group_new(NULL, 1, NULL), SX_EINVAL);
    assert_int_equal(sx_process_group_new(&group, SX_PROCESS_PLACES_MAX + 1, NULL), SX_EINVAL);
    assert_null(group);
    assert_int_equal(sx_process_group_new(&group, 2, NULL), SX_OK);
    assert_int_equal(sx_process_group_new(&other, 2, NULL), SX_ESTATE);
    assert_null(other);
    assert_int_equal(sx_process_group_add(NULL, 1, 1), SX_EINVAL);
    assert_int_equal(sx_process_group_add(group, 0, 1), SX_EINVAL);
    assert_int_equal(sx_process_group_add(group, 3, 1), SX_EINVAL);
    assert_int_equal(sx_process_group_add(group, 1, 0), SX_EINVAL);
    for (pid_t pid = 1; pid <= 4; pid++) {
        assert_int_equal(sx_process_group_add(group, 1, INT32_MAX - pid), SX_OK);
    }
    assert_int_equal(sx_process_group_add(group, 1, INT32_MAX), SX_EFULL);
    assert_int_equal(sx_process_group_add(group, 2, INT32_MAX), SX_OK);
    sx_process_group_remove(group, 1, INT32_MAX); /* it is in another place */
    sx_process_group_remove(group, 0, INT32_MAX);
    sx_process_group_remove(group, 3, INT32_MAX);
    sx_process_group_remove(group, 1, 0);
    sx_process_group_remove(NULL, 1, 1);
    assert_int_equal(sx_process_group_add(group, 1, INT32_MAX), SX_EFULL);
    sx_process_group_remove(group, 1, INT32_MAX - 1);
    assert_int_equal(sx_process_group_add(group, 1, INT32_MAX), SX_OK);
    sx_process_group_destroy(group);
    assert_int_equal(sx_process_group_new(&group, 0, NULL), SX_OK);
    sx_process_group_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values_are_sums_of_all_processes),
        TEST(test_each_place_may_have_a_series),
        TEST(test_processes_of_a_place_are_summed),
        TEST(test_cpu_time_of_ended_processes_is_kept_exactly),
        TEST(test_cpu_time_never_decreases_even_if_a_process_vanishes),
        TEST(test_cpu_time_never_decreases_while_processes_come_and_go),
        TEST(test_a_first_process_that_dies_within_a_change_blocks_nobody),
        TEST(test_what_is_no_process_is_left_out),
        TEST(test_a_group_is_one_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
