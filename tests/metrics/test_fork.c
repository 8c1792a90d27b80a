/* Forked processes update the same registry, and their deaths lose nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "page.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <pthread.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREAD_ROWS 80

static struct sx_registry *registry;
static struct sx_counter *counter;
static struct sx_counter_family *family;
static struct sx_gauge *gauge;
static struct sx_histogram *histogram;

static void make_with_rows(bool shared, unsigned rows)
{
    /* Small, as valgrind's search for leaks reads, and so allocates, all of a shared mapping. */
    struct sx_registry_options options = {
        .shared = shared, .thread_rows = rows, .row_bytes = 256 << 10, .directory_bytes = 4 << 20};
    struct sx_metric_options metric = {.name = "c_total", .help = "Help."};
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    assert_int_equal(sx_counter_register(&counter, registry, &metric), SX_OK);
    metric.name = "g";
    assert_int_equal(sx_gauge_register(&gauge, registry, &metric), SX_OK);
    metric.name = "h";
    assert_int_equal(sx_histogram_register(&histogram, registry, &metric), SX_OK);
    metric.name = "f_total";
    metric.labels = SX_LABELS("label");
    metric.max_series = 20000;
    assert_int_equal(sx_counter_family_register(&family, registry, &metric), SX_OK);
}

static void make(bool shared)
{
    make_with_rows(shared, THREAD_ROWS);
}

static void update(int count)
{
    for (int i = 0; i < count; i++) {
        sx_counter_inc(counter);
        sx_counter_add(counter, 0.5);
        sx_gauge_inc(gauge);
        sx_histogram_observe(histogram, 1);
    }
}

/* A child runs, says that it is ready, and is let go or killed by the test. */
struct child {
    pid_t pid;
    int ready; /* read end */
    int go;    /* write end */
};

static void tell(int file)
{
    assert_int_equal(write(file, "x", 1), 1);
}

static void hear(int file)
{
    char byte;
    assert_int_equal(read(file, &byte, 1), 1);
}

static struct child start(void run(void))
{
    int ready[2];
    int go[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ready[0]);
        close(go[1]);
        run();
        tell(ready[1]);
        hear(go[0]);
        _exit(0);
    }
    close(ready[1]);
    close(go[0]);
    hear(ready[0]);
    return (struct child){pid, ready[0], go[1]};
}

static void finish(struct child child, int signal_number)
{
    int status = -1;
    if (signal_number != 0) {
        assert_int_equal(kill(child.pid, signal_number), 0);
    } else {
        tell(child.go);
    }
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_true(signal_number == 0 ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                                   : WIFSIGNALED(status));
    close(child.ready);
    close(child.go);
}

static void update_and_check_a_private_copy(void)
{
    /* The child goes on from the parent's values, on its own. */
    update(10);
    /* In its copy nobody sits on the parent's thread row. */
    if (registry->thread_rows_claimed != 1 || sx_counter_value(counter) != 22.5 ||
        sx_gauge_value(gauge) != 15 || sx_histogram_count(histogram) != 15 ||
        sx_counter_with(family, "child") == NULL) {
        _exit(1);
    }
}

static void test_a_private_registry_is_the_childs_own(void **state)
{
    (void)state;
    make(false);
    update(5);
    struct child child = start(update_and_check_a_private_copy);
    update(1);
    finish(child, 0);
    assert_true(sx_counter_value(counter) == 9);
    assert_true(sx_gauge_value(gauge) == 6);
    assert_int_equal(sx_histogram_count(histogram), 6);
    sx_registry_destroy(registry);
}

static void update_ten(void)
{
    update(10);
    sx_counter_inc(sx_counter_with(family, "child"));
}

static void test_a_shared_registry_has_the_updates_of_all_processes(void **state)
{
    (void)state;
    need_shared_registries();
    make(true);
    update(5);
    struct child first = start(update_ten);
    struct child second = start(update_ten);
    update(1);
    assert_true(sx_counter_value(counter) == 26 * 1.5);
    assert_true(sx_gauge_value(gauge) == 26);
    assert_int_equal(sx_histogram_count(histogram), 26);
    assert_true(sx_counter_value(sx_counter_with(family, "child")) == 2);
    finish(first, 0);
    finish(second, 0);
    assert_true(sx_counter_value(counter) == 26 * 1.5);
    assert_true(sx_gauge_value(gauge) == 6);
    sx_registry_destroy(registry);
}

static void test_a_killed_child_keeps_its_counters_and_drops_its_gauges(void **state)
{
    (void)state;
    need_shared_registries();
    make(true);
    update(5);
    struct child child = start(update_ten);
    assert_true(sx_gauge_value(gauge) == 15);
    finish(child, SIGKILL);
    assert_true(sx_counter_value(counter) == 15 * 1.5);
    assert_int_equal(sx_histogram_count(histogram), 15);
    assert_true(sx_histogram_sum(histogram) == 15);
    assert_true(sx_gauge_value(gauge) == 5);

    /* The next child gets its thread row and its row of gauges, with nothing left in the latter. */
    child = start(update_ten);
    assert_true(sx_counter_value(counter) == 25 * 1.5);
    assert_true(sx_gauge_value(gauge) == 15);
    assert_int_equal(registry->thread_rows_claimed, 2);
    finish(child, SIGKILL);
    sx_registry_destroy(registry);
}

static void test_gauges_of_processes_beyond_the_rows_do_not_count(void **state)
{
    (void)state;
    need_shared_registries();
    enum { COUNT = SX__PROCESSES + 6 };
    static struct child children[COUNT];
    make(true);
    for (int i = 0; i < COUNT; i++) {
        children[i] = start(update_ten);
    }
    /* This process has one of the rows. */
    assert_true(sx_gauge_value(gauge) == (SX__PROCESSES - 1) * 10);
    page_assert_line(page_text(registry), "sextant_processes_without_gauges_total 7");
    assert_true(sx_counter_value(counter) == COUNT * 15);
    for (int i = 0; i < COUNT; i++) {
        finish(children[i], i % 16 == 0 ? 0 : SIGKILL);
    }
    assert_true(sx_counter_value(counter) == COUNT * 15);
    assert_true(sx_gauge_value(gauge) == 0); /* nothing is left of those that died */
    sx_registry_destroy(registry);
}

static void destroy(void)
{
    update(10);
    sx_registry_destroy(registry);
}

static void test_a_child_that_destroys_the_registry_does_so_for_itself_only(void **state)
{
    (void)state;
    need_shared_registries();
    make(true);
    update(5);
    struct child child = start(destroy);
    assert_true(sx_counter_value(counter) == 15 * 1.5);
    assert_true(sx_gauge_value(gauge) == 5);
    update(1);
    finish(child, 0);
    assert_true(sx_counter_value(counter) == 16 * 1.5);
    assert_true(sx_gauge_value(gauge) == 6);
    sx_registry_destroy(registry);
}

/* musl leaves the parent's list of robust mutexes to the child; see lock.c. */
static void test_a_child_leaves_the_mutexes_of_its_parent_alone(void **state)
{
    (void)state;
    need_shared_registries();
    pthread_mutex_t row, process;
    make(true);
    update(5);
    const uint32_t own = registry->thread_rows_claimed - 1;
    memcpy(&row, &registry->seats[own].mutex, sizeof row);
    memcpy(&process, &sx__process_seat(registry, 0)->mutex, sizeof process);
    struct child child = start(update_ten);
    finish(child, 0);
    assert_memory_equal(&row, &registry->seats[own].mutex, sizeof row);
    assert_memory_equal(&process, &sx__process_seat(registry, 0)->mutex, sizeof process);
    sx_registry_destroy(registry);
}

/* ---- the thread that entered for its process ends before the process ---- */

static void *fork_from_a_thread_that_ends(void *result)
{
    *(struct child *)result = start(update_ten);
    return NULL;
}

static void *make_shared(void *unused)
{
    (void)unused;
    /* More thread rows than any test had before: in an arena that is used again the main thread
     * sits. */
    make_with_rows(true, THREAD_ROWS + 1);
    update(5);
    return NULL;
}

static void run(void *body(void *), void *argument)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, body, argument), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_gauges_live_on_when_the_thread_that_made_the_registry_ends(void **state)
{
    (void)state;
    need_shared_registries();
    struct child child;
    run(make_shared, NULL);
    assert_true(sx_gauge_value(gauge) == 5);
    run(fork_from_a_thread_that_ends, &child);
    assert_true(sx_gauge_value(gauge) == 15);
    update(1); /* this thread sits down for the process now */
    assert_true(sx_gauge_value(gauge) == 16);
    finish(child, SIGKILL);
    assert_true(sx_gauge_value(gauge) == 6);
    sx_registry_destroy(registry);
}

static void *fork_twice(void *unused)
{
    (void)unused;
    struct child child = start(update_ten);
    finish(child, SIGKILL);
    return NULL;
}

static void test_forks_of_threads_leave_nothing_behind(void **state)
{
    (void)state;
    need_shared_registries();
    make(true);
    for (int i = 0; i < 10; i++) {
        run(fork_twice, NULL);
    }
    assert_true(sx_counter_value(counter) == 150);
    assert_true(sx_gauge_value(gauge) == 0);
    assert_in_range(registry->thread_rows_claimed, 1, 2);
    sx_registry_destroy(registry);
}

/* ---- forks while other threads are at work ---- */

static int stop;

static void *make_series(void *index)
{
    char text[32];
    for (unsigned i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
        snprintf(text, sizeof text, "%u_%u", (unsigned)(uintptr_t)index, i % 5000);
        sx_counter_inc(sx_counter_with(family, text));
    }
    return NULL;
}

static void make_a_series(void)
{
    struct sx_counter *made = sx_counter_with(family, "after fork");
    sx_counter_inc(made);
    if (made == NULL || sx_counter_value(made) < 1) {
        _exit(1);
    }
}

static void test_fork_is_safe_while_threads_make_series(void **state)
{
    (void)state;
    const int kinds = has_shared_registries() ? 2 : 1;
    for (int shared = 0; shared < kinds; shared++) {
        pthread_t threads[3];
        make(shared != 0);
        stop = 0;
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, make_series, (void *)i), 0);
        }
        for (int i = 0; i < 50; i++) {
            finish(start(make_a_series), i % 25 == 0 ? 0 : SIGKILL);
        }
        __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
        assert_true(sx_counter_value(sx_counter_with(family, "after fork")) == (shared ? 50 : 0));
        sx_registry_destroy(registry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_private_registry_is_the_childs_own),
        cmocka_unit_test(test_a_shared_registry_has_the_updates_of_all_processes),
        cmocka_unit_test(test_a_killed_child_keeps_its_counters_and_drops_its_gauges),
        cmocka_unit_test(test_gauges_of_processes_beyond_the_rows_do_not_count),
        cmocka_unit_test(test_a_child_that_destroys_the_registry_does_so_for_itself_only),
        cmocka_unit_test(test_a_child_leaves_the_mutexes_of_its_parent_alone),
        cmocka_unit_test(test_gauges_live_on_when_the_thread_that_made_the_registry_ends),
        cmocka_unit_test(test_forks_of_threads_leave_nothing_behind),
        cmocka_unit_test(test_fork_is_safe_while_threads_make_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
