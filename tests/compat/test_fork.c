/* A child that is forked while a page is written: its own thread goes on with that page, and no
 * page of another thread is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bridged.h"
#include "flag.h"

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static prom_collector_registry_t *registry;
static prom_collector_registry_t *inner; /* has the same collector */
static prom_collector_t *collector;
static int is_waiting; /* a thread waits in a function of libprom */
static int is_in_page;
static int is_over;
static pid_t child;

int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    flag_set(&is_waiting);
    return __real_pthread_cond_wait(condition, mutex);
}

static void wait_for(const int *flag)
{
    if (!flag_wait(flag)) {
        abort(); /* another thread would hang */
    }
}

static void fork_here(void)
{
    child = fork();
    if (child == 0) {
        (void)alarm(FLAG_DEADLINE_SECONDS); /* ends a child that hangs */
    }
}

static bool writes_a_page(prom_collector_registry_t *of)
{
    char *page = (char *)prom_collector_registry_bridge(of);
    const bool is_written = page != NULL;
    free(page);
    return is_written;
}

static void set_up_all(prom_collect_fn *collect)
{
    is_waiting = is_in_page = is_over = 0;
    child = -1;
    registry = prom_collector_registry_new("outer");
    inner = prom_collector_registry_new("inner");
    collector = prom_collector_new("shared");
    assert_int_equal(prom_collector_set_collect_fn(collector, collect), 0);
    assert_int_equal(prom_collector_registry_register_collector(registry, collector), 0);
    assert_int_equal(prom_collector_registry_register_collector(inner, collector), 0);
}

/* In the child, after its page. Each of these hangs if the collector or the registry were taken for
 * used by a page that never ends. */
static void leave_child(bool is_good)
{
    is_good = is_good && writes_a_page(inner);
    is_good = is_good && prom_collector_destroy(collector) == 0;
    is_good = is_good && writes_a_page(registry);
    is_good = is_good && prom_collector_registry_destroy(registry) == 0;
    is_good = is_good && prom_collector_registry_destroy(inner) == 0;
    _exit(is_good ? 0 : 1);
}

static void assert_child_succeeds(void)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- by the thread that writes the page ---- */

static prom_map_t *write_inner_page_and_fork(prom_collector_t *self)
{
    (void)self;
    if (child == -1 && !is_in_page) {
        is_in_page = 1;
        (void)writes_a_page(inner);
    } else if (child == -1) {
        fork_here(); /* this thread writes both pages */
    }
    return NULL;
}

static void a_child_ends_the_pages_of_its_thread(void **state)
{
    (void)state;
    set_up_all(write_inner_page_and_fork);
    const bool is_written = writes_a_page(registry);
    if (child == 0) {
        leave_child(is_written);
    }
    assert_true(is_written);
    assert_child_succeeds();
    assert_int_equal(prom_collector_destroy(collector), 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    assert_int_equal(prom_collector_registry_destroy(inner), 0);
}

static prom_map_t *fork_beside_destruction(prom_collector_t *self)
{
    (void)self;
    if (child == -1) {
        flag_set(&is_in_page);
        wait_for(&is_waiting);
        fork_here();
    }
    return NULL;
}

static void *write_page_and_fork(void *unused)
{
    (void)unused;
    const bool is_written = writes_a_page(registry);
    if (child == 0) { /* the collector is in no registry, and its destroyer is not here */
        leave_child(is_written);
    }
    return NULL;
}

static void a_child_destroys_what_its_parent_was_about_to_destroy(void **state)
{
    (void)state;
    pthread_t thread;
    set_up_all(fork_beside_destruction);
    assert_int_equal(pthread_create(&thread, NULL, write_page_and_fork, NULL), 0);
    wait_for(&is_in_page);
    assert_int_equal(prom_collector_destroy(collector), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_child_succeeds();
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    assert_int_equal(prom_collector_registry_destroy(inner), 0);
}

/* ---- by another thread ---- */

static prom_map_t *stay_in_page(prom_collector_t *self)
{
    (void)self;
    if (child == -1) {
        flag_set(&is_in_page);
        wait_for(&is_over);
    }
    return NULL;
}

static void *write_page(void *unused)
{
    (void)unused;
    (void)writes_a_page(registry);
    return NULL;
}

static void a_child_has_no_page_of_another_thread(void **state)
{
    (void)state;
    pthread_t thread;
    set_up_all(stay_in_page);
    assert_int_equal(pthread_create(&thread, NULL, write_page, NULL), 0);
    wait_for(&is_in_page);
    fork_here();
    if (child == 0) {
        leave_child(true);
    }
    flag_set(&is_over);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_child_succeeds();
    assert_int_equal(prom_collector_destroy(collector), 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    assert_int_equal(prom_collector_registry_destroy(inner), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_ends_the_pages_of_its_thread),
        cmocka_unit_test(a_child_destroys_what_its_parent_was_about_to_destroy),
        cmocka_unit_test(a_child_has_no_page_of_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
