/* State sets: each page shows all states of one moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sx_registry *registry;
static struct sx_state_set *set;
static const char *const modes[] = {"starting", "running", "stopping \"soon\"", NULL};

#define OPTIONS(...) (&(const struct sx_metric_options){__VA_ARGS__})

static void make(const struct sx_registry_options *options)
{
    assert_int_equal(sx_registry_new(&registry, options), SX_OK);
    assert_int_equal(
        sx_state_set_register(&set, registry, OPTIONS(.name = "mode", .help = "Mode."), modes),
        SX_OK);
}

static int set_up(void **state)
{
    (void)state;
    make(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void assert_states(int starting, int running, int stopping)
{
    char text[256];
    (void)snprintf(text, sizeof text,
                   "# TYPE mode gauge\nmode{mode=\"starting\"} %d\nmode{mode=\"running\"} %d\n"
                   "mode{mode=\"stopping \\\"soon\\\"\"} %d\n",
                   starting, running, stopping);
    const char *page = page_text(registry);
    if (strstr(page, text) == NULL) {
        fail_msg("%s is not in %s", text, page);
    }
}

static void test_a_state_is_selected(void **state)
{
    (void)state;
    assert_states(0, 0, 0);
    sx_state_set_select(set, 0);
    assert_states(1, 0, 0);
    sx_state_set_select(set, 2);
    assert_states(0, 0, 1);
    assert_true(sx_state_set_get(set, 2));
    assert_false(sx_state_set_get(set, 0));
}

static void test_states_are_set_one_by_one(void **state)
{
    (void)state;
    sx_state_set_set(set, 0, true);
    sx_state_set_set(set, 2, true);
    sx_state_set_set(set, 2, true);
    assert_states(1, 0, 1);
    sx_state_set_set(set, 0, false);
    assert_states(0, 0, 1);
    sx_state_set_set(set, 3, true);
    sx_state_set_select(set, 64);
    assert_states(0, 0, 1);
    assert_false(sx_state_set_get(set, 3));
}

static void test_the_same_states_register_it_again(void **state)
{
    (void)state;
    struct sx_state_set *again = NULL;
    static const char *const fewer[] = {"starting", "running", NULL};
    static const char *const more[] = {"starting", "running", "stopping \"soon\"", "x", NULL};
    static const char *const others[] = {"starting", "stopping \"soon\"", "running", NULL};
    const struct sx_metric_options *options = OPTIONS(.name = "mode", .help = "Mode.");
    sx_state_set_select(set, 1);
    assert_int_equal(sx_state_set_register(&again, registry, options, modes), SX_OK);
    assert_ptr_equal(again, set);
    again = NULL;
    assert_int_equal(sx_state_set_register(&again, registry, options, fewer), SX_EEXIST);
    assert_int_equal(sx_state_set_register(&again, registry, options, others), SX_EEXIST);
    assert_null(again);
    assert_states(0, 1, 0);
    assert_int_equal(sx_state_set_unregister(set), 0);
    assert_int_equal(sx_state_set_unregister(set), 1);
    assert_int_equal(sx_state_set_register(&set, registry, options, more), SX_OK);
    assert_states(0, 0, 0);
    page_assert_line(page_text(registry), "mode{mode=\"x\"} 0");
}

static void test_impossible_states_are_refused(void **state)
{
    (void)state;
    char names[SX_STATES_MAX + 1][8];
    const char *many[SX_STATES_MAX + 2] = {NULL};
    static const char *const twice[] = {"a", "b", "a", NULL};
    static const char *const bad[] = {"a", "\xFF", NULL};
    static const char *const reserved[] = {"a", SX_OVERFLOW_VALUE, NULL};
    struct sx_state_set *other = NULL;
    const struct sx_metric_options *options = OPTIONS(.name = "s");
    for (size_t i = 0; i <= SX_STATES_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "s%zu", i);
        many[i] = names[i];
    }
    assert_int_equal(sx_state_set_register(&other, registry, options, many), SX_EINVAL);
    assert_int_equal(sx_state_set_register(&other, registry, options, twice), SX_EINVAL);
    assert_int_equal(sx_state_set_register(&other, registry, options, bad), SX_EINVAL);
    assert_int_equal(sx_state_set_register(&other, registry, options, reserved), SX_EINVAL);
    assert_int_equal(sx_state_set_register(&other, registry, options, bad + 2), SX_EINVAL);
    assert_int_equal(sx_state_set_register(&other, registry, options, NULL), SX_EINVAL);
    assert_int_equal(sx_state_set_register(&other, registry, NULL, modes), SX_EINVAL);
    assert_int_equal(sx_state_set_register(NULL, registry, options, modes), SX_EINVAL);
    assert_int_equal(sx_state_set_register(&other, registry, OPTIONS(.name = "a:b"), modes),
                     SX_ENAME);
    assert_int_equal(sx_state_set_register(&other, registry,
                                           OPTIONS(.name = "a", .labels = SX_LABELS("x")), modes),
                     SX_EINVAL);
    many[SX_STATES_MAX] = NULL;
    assert_int_equal(sx_state_set_register(&other, registry, options, many), SX_OK);
    sx_state_set_select(other, SX_STATES_MAX - 1);
    page_assert_line(page_text(registry), "s{s=\"s62\"} 0");
    page_assert_line(page_text(registry), "s{s=\"s63\"} 1");
}

static void test_null_does_nothing(void **state)
{
    (void)state;
    sx_state_set_select(NULL, 0);
    sx_state_set_set(NULL, 0, true);
    assert_false(sx_state_set_get(NULL, 0));
    assert_int_equal(sx_state_set_unregister(NULL), SX_EINVAL);
}

static void test_the_label_has_the_full_name(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    const struct sx_label constant = {"app_s", {"x", 1}};
    make(&(struct sx_registry_options){
        .name_prefix = "app_", .constant_labels = &constant, .constant_label_count = 1});
    page_assert_line(page_text(registry), "app_mode{app_s=\"x\",app_mode=\"running\"} 0");
    assert_int_equal(sx_state_set_register(&set, registry, OPTIONS(.name = "s"), modes), SX_ELABEL);
}

static bool is_over;

static void *select_many(void *context)
{
    (void)context;
    for (size_t i = 0; i < 300000; i++) {
        sx_state_set_select(set, i % 3);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    return NULL;
}

static void test_exactly_one_selected_state_is_true(void **state)
{
    (void)state;
    pthread_t thread;
    sx_state_set_select(set, 0);
    is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, select_many, NULL), 0);
    do {
        size_t count = 0;
        const char *page = page_text(registry);
        for (; (page = strstr(page, "\"} 1")) != NULL; page++) {
            count++;
        }
        assert_int_equal(count, 1);
        (void)sched_yield();
    } while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE));
    (void)pthread_join(thread, NULL);
}

static void test_the_page_shows_the_states_of_all_processes(void **state)
{
    (void)state;
    int ready[2], end[2];
    char byte = 'x';
    need_shared_registries();
    sx_registry_destroy(registry);
    make(&(struct sx_registry_options){.shared = true});
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(end), 0);
    sx_state_set_select(set, 0);
    const pid_t pid = fork();
    if (pid == 0) {
        sx_state_set_select(set, 1);
        (void)!write(ready[1], &byte, 1);
        (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_states(1, 1, 0);
    assert_true(sx_state_set_get(set, 1));
    assert_int_equal(write(end[1], &byte, 1), 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_states(1, 0, 0);
    for (int i = 0; i < 2; i++) {
        (void)close(ready[i]);
        (void)close(end[i]);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_state_is_selected),
        TEST(test_states_are_set_one_by_one),
        TEST(test_the_same_states_register_it_again),
        TEST(test_impossible_states_are_refused),
        TEST(test_null_does_nothing),
        TEST(test_the_label_has_the_full_name),
        TEST(test_exactly_one_selected_state_is_true),
        TEST(test_the_page_shows_the_states_of_all_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
