/* Many families: registering them is linear, and none is taken for another. */
#include "family_index.h"
#include "sanitized.h"
#include "shared_registries.h"
#include "written_names.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAMILIES 3000

static struct sx_registry *registry;

static int set_up(void **state)
{
    (void)state;
    /* Small, as valgrind's search for leaks reads, and so allocates, all of a shared mapping. */
    const struct sx_registry_options small = {.shared = has_shared_registries(),
                                              .thread_rows = 8,
                                              .row_bytes = 1 << 20,
                                              .directory_bytes = 16 << 20};
    return sx_registry_new(&registry, &small);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static int register_counter(const char *name, struct sx_counter **counter)
{
    return sx_counter_register(counter, registry,
                               &(struct sx_metric_options){.name = name, .help = "A test."});
}

static int register_gauge(const char *name)
{
    struct sx_gauge *gauge;
    return sx_gauge_register(&gauge, registry,
                             &(struct sx_metric_options){.name = name, .help = "A test."});
}

static int register_histogram(const char *name)
{
    struct sx_histogram *histogram;
    return sx_histogram_register(&histogram, registry,
                                 &(struct sx_metric_options){.name = name, .help = "A test."});
}

static struct sx_counter *counters[FAMILIES];

static void test_each_of_many_is_found_again(void **state)
{
    (void)state;
    char name[64];
    for (int i = 0; i < FAMILIES; i++) {
        snprintf(name, sizeof name, "c%d_total", i);
        assert_int_equal(register_counter(name, &counters[i]), SX_OK);
    }
    for (int i = 0; i < FAMILIES; i++) {
        struct sx_counter *again = NULL;
        snprintf(name, sizeof name, "c%d_total", i);
        assert_int_equal(register_counter(name, &again), SX_OK);
        assert_ptr_equal(again, counters[i]);
        assert_int_equal(register_gauge(name), SX_EEXIST);
        snprintf(name, sizeof name, "c%d", i);
        assert_int_equal(register_gauge(name), SX_ECLASH);
        snprintf(name, sizeof name, "c%d_created", i);
        assert_int_equal(register_gauge(name), SX_ECLASH);
        snprintf(name, sizeof name, "c%d_sum", i);
        assert_int_equal(register_gauge(name), SX_OK);
        snprintf(name, sizeof name, "c%d", i);
        assert_int_equal(register_histogram(name), SX_ECLASH);
    }
}

struct count {
    unsigned candidates;
};

static bool count_candidate(void *context, const struct sx__family *family)
{
    (void)family;
    ((struct count *)context)->candidates++;
    return false;
}

static void test_a_search_looks_at_few_of_many(void **state)
{
    (void)state;
    char name[64];
    for (int i = 0; i < FAMILIES; i++) {
        snprintf(name, sizeof name, "g%d", i);
        assert_int_equal(register_gauge(name), SX_OK);
    }
    const struct sx__desc desc = {.type = SX_HISTOGRAM, .name = {"h", 1}, .legacy = {"h", 1}};
    struct count count = {0};
    sx__family_index_search(registry, &desc, count_candidate, &count);
    assert_in_range(count.candidates, 0, 2); /* by chance, as hashes have 32 bits */
    const struct sx__desc same = {.type = SX_GAUGE, .name = {"g17", 3}, .legacy = {"g17", 3}};
    sx__family_index_search(registry, &same, count_candidate, &count);
    assert_in_range(count.candidates, 1, 3);
}

static int register_type(enum sx_metric_type type, const char *name)
{
    struct sx_counter *counter;
    return type == SX_COUNTER ? register_counter(name, &counter)
           : type == SX_GAUGE ? register_gauge(name)
                              : register_histogram(name);
}

/* For all pairs of names and types the index finds what a comparison finds. */
static void test_the_index_misses_no_clash(void **state)
{
    (void)state;
    static const char *const names[] = {"x",           "x_sum",   "x_count",  "x_sum_bucket",
                                        "x_sum_count", "x_total", "x_bucket", "x_total_created"};
    enum { NAMES = sizeof names / sizeof *names, PAIRS = NAMES * 3 };
    for (size_t i = 0; i < PAIRS * PAIRS; i++) {
        const size_t a = i / PAIRS;
        const size_t b = i % PAIRS;
        const enum sx_metric_type type_a = (enum sx_metric_type)(a % 3);
        const enum sx_metric_type type_b = (enum sx_metric_type)(b % 3);
        const char *name_a = names[a / 3];
        const char *name_b = names[b / 3];
        const int expected =
            name_a == name_b ? (type_a == type_b ? SX_OK : SX_EEXIST)
            : sx__written_names_clash((struct sx_str){name_a, strlen(name_a)}, type_a,
                                      (struct sx_str){name_b, strlen(name_b)}, type_b)
                ? SX_ECLASH
                : SX_OK;
        sx_registry_destroy(registry);
        assert_int_equal(set_up(NULL), 0);
        assert_int_equal(register_type(type_a, name_a), SX_OK);
        assert_int_equal(register_type(type_b, name_b), expected);
    }
}

/* The child has a table of its own, which does not have it. */
static void test_what_another_process_registers_is_found(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_counter *counter;
    assert_int_equal(register_gauge("parent"), SX_OK);
    const pid_t child = fork();
    if (child == 0) {
        _exit(register_gauge("child") == SX_OK && register_gauge("parent") == SX_OK ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(register_counter("child", &counter), SX_EEXIST);
    assert_int_equal(register_gauge("child"), SX_OK);
}

static void *register_many(void *prefix)
{
    char name[64];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "%s%d", (const char *)prefix, i);
        if (register_gauge(name) != SX_OK) {
            return "failed";
        }
    }
    return NULL;
}

static void test_a_fork_while_threads_register(void **state)
{
    (void)state;
    need_shared_registries();
    if (THREAD_SANITIZED) {
        skip(); /* GCC 12's holds no lock of its allocator across a fork: a child may hang in malloc
                 */
    }
    static char prefixes[2][2] = {"a", "b"};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, register_many, prefixes[i]), 0);
    }
    for (int i = 0; i < 10; i++) {
        const pid_t child = fork();
        if (child == 0) {
            char prefix[16];
            snprintf(prefix, sizeof prefix, "child%d_", i);
            if (register_many(prefix) == NULL && register_many(prefix) == NULL) {
                (void)kill(getpid(), SIGKILL); /* no sanitizer looks for the parent's threads */
            }
            _exit(1);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    for (int i = 0; i < 2; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(register_histogram("child9_199"), SX_EEXIST);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_each_of_many_is_found_again),
        CASE(test_a_search_looks_at_few_of_many),
        CASE(test_the_index_misses_no_clash),
        CASE(test_what_another_process_registers_is_found),
        CASE(test_a_fork_while_threads_register),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
