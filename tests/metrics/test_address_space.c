/* What private registries take of the address space, and of the memory of programs that lock theirs
 * (mlockall), as SIP servers and databases do, also as ordinary users. Those may lock 64 MiB here,
 * or what the system allows if that is less. Programs that lock memory run in a process of their
 * own, because a lock cannot be taken back. Under valgrind this would measure valgrind. */
#define _GNU_SOURCE /* setgroups */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "sanitized.h"

#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define STACK_BYTES ((size_t)128 << 10) /* locked memory has all of a thread's stack */
#define MIB ((long)1 << 20)
#define LIMIT_BYTES ((rlim_t)64 << 20)
#define NOBODY 65534

/* A sanitizer takes some for itself. */
static void skip_if_sanitized(void)
{
    if (SANITIZED) {
        skip();
    }
}

static long address_space_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return (long)pages * sysconf(_SC_PAGESIZE);
}

static struct sx_registry *make(void)
{
    struct sx_registry *registry = NULL;
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    return registry;
}

static struct sx_counter *make_counter(struct sx_registry *registry)
{
    struct sx_counter *counter = NULL;
    struct sx_metric_options options = {.name = "c_total", .help = "C."};
    assert_int_equal(sx_counter_register(&counter, registry, &options), SX_OK);
    return counter;
}

static pthread_barrier_t next_step;
static struct sx_counter *updated;

static void *update_in_second_round(void *unused)
{
    pthread_barrier_wait(&next_step);
    pthread_barrier_wait(&next_step);
    sx_counter_inc(updated);
    pthread_barrier_wait(&next_step);
    pthread_barrier_wait(&next_step);
    return unused;
}

static void start_threads(pthread_t *threads, void *run(void *))
{
    pthread_attr_t small;
    assert_int_equal(pthread_barrier_init(&next_step, NULL, THREADS + 1), 0);
    assert_int_equal(pthread_attr_init(&small), 0);
    assert_int_equal(pthread_attr_setstacksize(&small, STACK_BYTES), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], &small, run, NULL), 0);
    }
    assert_int_equal(pthread_attr_destroy(&small), 0);
}

static void join_threads(const pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    pthread_barrier_destroy(&next_step);
}

static void test_a_registry_and_its_threads_take_little_address_space(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    skip_if_sanitized();
    start_threads(threads, update_in_second_round);
    pthread_barrier_wait(&next_step);
    const long before = address_space_bytes();
    struct sx_registry *registry = make();
    updated = make_counter(registry);
    pthread_barrier_wait(&next_step);
    pthread_barrier_wait(&next_step);
    const long taken = address_space_bytes() - before;
    pthread_barrier_wait(&next_step);
    join_threads(threads);
    assert_true(sx_counter_value(updated) == THREADS);
    sx_registry_destroy(registry);
    print_message("%ld KiB of address space\n", taken >> 10);
    assert_true(taken < 4 * MIB);
}

static void test_destroyed_registries_leave_nothing(void **state)
{
    (void)state;
    skip_if_sanitized();
    sx_registry_destroy(make());
    const long before = address_space_bytes();
    for (int i = 0; i < 100; i++) {
        struct sx_registry *registry = make();
        sx_counter_inc(make_counter(registry));
        sx_registry_destroy(registry);
    }
    assert_true(address_space_bytes() - before < MIB);
}

/* ---- locked memory ---- */

enum when { NEVER, BEFORE_REGISTRY, BEFORE_METRICS, BEFORE_THREADS, BEFORE_SECOND_ROUND };

/* What a program does. The threads of one without a registry do nothing. */
struct program {
    enum when locks;
    bool has_registry;
    bool is_limited;
    int counters;
    int histograms;
};

#define METRICS_MAX 20000

static const struct program *program;
static struct sx_counter *counters[METRICS_MAX];
static struct sx_histogram *histograms[METRICS_MAX];

static void check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "failed: %s\n", what);
        _exit(1);
    }
}

static void lock_if(enum when now)
{
    if (program->locks == now) {
        check(mlockall(MCL_CURRENT | MCL_FUTURE) == 0, "mlockall");
    }
}

static void make_metrics(struct sx_registry *registry)
{
    struct sx_counter_family *counter_family = NULL;
    struct sx_histogram_family *histogram_family = NULL;
    struct sx_metric_options options = {
        .name = "c_total", .help = "C.", .labels = SX_LABELS("number"), .max_series = METRICS_MAX};
    check(sx_counter_family_register(&counter_family, registry, &options) == SX_OK, "counters");
    options.name = "h";
    check(sx_histogram_family_register(&histogram_family, registry, &options) == SX_OK,
          "histograms");
    char text[16];
    for (int i = 0; i < program->counters; i++) {
        snprintf(text, sizeof text, "%d", i);
        counters[i] = sx_counter_with(counter_family, text);
        check(counters[i] != NULL, "a counter");
    }
    for (int i = 0; i < program->histograms; i++) {
        snprintf(text, sizeof text, "%d", i);
        histograms[i] = sx_histogram_with(histogram_family, text);
        check(histograms[i] != NULL, "a histogram");
    }
}

static void update_all(void)
{
    for (int i = 0; i < program->counters; i++) {
        sx_counter_inc(counters[i]);
    }
    for (int i = 0; i < program->histograms; i++) {
        sx_histogram_observe(histograms[i], .3);
        sx_histogram_observe(histograms[i], 100);
    }
}

static void *update_twice(void *unused)
{
    if (program->has_registry) {
        update_all();
    }
    pthread_barrier_wait(&next_step);
    pthread_barrier_wait(&next_step);
    if (program->has_registry) {
        update_all();
    }
    pthread_barrier_wait(&next_step);
    pthread_barrier_wait(&next_step);
    return unused;
}

/* Resident memory, exactly. */
static long resident_bytes(void)
{
    char text[4096];
    const int file = open("/proc/self/smaps_rollup", O_RDONLY);
    const ssize_t size = read(file, text, sizeof text - 1);
    check(size > 0, "smaps_rollup");
    close(file);
    text[size] = '\0';
    const char *line = strstr(text, "\nRss:");
    check(line != NULL, "Rss");
    return strtol(line + 5, NULL, 10) * 1024;
}

static void become_an_ordinary_user(void)
{
    struct rlimit limit;
    check(getrlimit(RLIMIT_MEMLOCK, &limit) == 0, "getrlimit");
    if (limit.rlim_max > LIMIT_BYTES) { /* RLIM_INFINITY, too, is larger */
        limit.rlim_max = LIMIT_BYTES;
    }
    limit.rlim_cur = limit.rlim_max;
    check(setrlimit(RLIMIT_MEMLOCK, &limit) == 0, "setrlimit");
    if (geteuid() == 0) {
        check(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0, "setuid");
    }
}

static void check_values(void)
{
    for (int i = 0; i < program->counters; i++) {
        check(sx_counter_value(counters[i]) == 2 * THREADS, "the value of a counter");
    }
    for (int i = 0; i < program->histograms; i++) {
        check(sx_histogram_count(histograms[i]) == 4 * THREADS, "the count of a histogram");
    }
}

/* Runs the program. Returns its resident memory while its threads are there. */
static long run(void)
{
    struct sx_registry *registry = NULL;
    pthread_t threads[THREADS];
    if (program->is_limited) {
        become_an_ordinary_user();
    }
    lock_if(BEFORE_REGISTRY);
    if (program->has_registry) {
        check(sx_registry_new(&registry, NULL) == SX_OK, "sx_registry_new");
    }
    lock_if(BEFORE_METRICS);
    if (program->has_registry) {
        make_metrics(registry);
    }
    lock_if(BEFORE_THREADS);
    start_threads(threads, update_twice);
    pthread_barrier_wait(&next_step);
    lock_if(BEFORE_SECOND_ROUND);
    pthread_barrier_wait(&next_step);
    pthread_barrier_wait(&next_step);
    const long bytes = resident_bytes();
    pthread_barrier_wait(&next_step);
    join_threads(threads);
    if (program->has_registry) {
        check_values();
    }
    sx_registry_destroy(registry);
    return bytes;
}

/* Runs the program in a process of its own. Returns its resident memory, or -1 if it failed. */
static long run_apart(const struct program *which)
{
    int result[2];
    long bytes = -1;
    assert_int_equal(pipe(result), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        program = which;
        bytes = run();
        _exit(write(result[1], &bytes, sizeof bytes) == (ssize_t)sizeof bytes ? 0 : 1);
    }
    close(result[1]);
    if (read(result[0], &bytes, sizeof bytes) != (ssize_t)sizeof bytes) {
        bytes = -1;
    }
    close(result[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return bytes;
}

/* What a registry and its use add to the resident memory of a program. */
static long cost(struct program which)
{
    which.has_registry = true;
    const long with = run_apart(&which);
    assert_true(with >= 0);
    which.has_registry = false;
    const long without = run_apart(&which);
    assert_true(without >= 0);
    return with - without;
}

static bool locks_work(bool limited)
{
    return run_apart(&(struct program){.locks = BEFORE_REGISTRY, .is_limited = limited}) >= 0;
}

/* The sanitizers take mlockall for a no-op. */
static void skip_unless_locks_work(bool limited)
{
    if (SANITIZED || !locks_work(limited)) {
        print_message("this process cannot lock its memory\n");
        skip();
    }
}

static void compare(int counter_count, int histogram_count)
{
    struct program which = {.counters = counter_count, .histograms = histogram_count};
    skip_unless_locks_work(false);
    const long unlocked = cost(which);
    assert_true(unlocked > 0);
    for (which.locks = BEFORE_REGISTRY; which.locks <= BEFORE_SECOND_ROUND; which.locks++) {
        const long locked = cost(which);
        print_message("%d counters, %d histograms: %ld KiB, locked %ld KiB\n", counter_count,
                      histogram_count, unlocked >> 10, locked >> 10);
        assert_in_range(locked, 1, 2 * unlocked + MIB);
    }
}

static void test_a_locked_registry_with_one_counter_is_small(void **state)
{
    (void)state;
    compare(1, 0);
}

static void test_a_locked_registry_with_many_metrics_is_little_larger(void **state)
{
    (void)state;
    compare(300, 100);
    compare(METRICS_MAX, 0);
    compare(0, 5000);
}

static void test_ordinary_users_can_lock_a_program_with_a_registry(void **state)
{
    (void)state;
    struct program which = {
        .has_registry = true, .is_limited = true, .counters = 500, .histograms = 100};
    skip_unless_locks_work(true);
    for (which.locks = BEFORE_REGISTRY; which.locks <= BEFORE_SECOND_ROUND; which.locks++) {
        assert_in_range(run_apart(&which), 1, LIMIT_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_registry_and_its_threads_take_little_address_space),
        cmocka_unit_test(test_destroyed_registries_leave_nothing),
        cmocka_unit_test(test_a_locked_registry_with_one_counter_is_small),
        cmocka_unit_test(test_a_locked_registry_with_many_metrics_is_little_larger),
        cmocka_unit_test(test_ordinary_users_can_lock_a_program_with_a_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
