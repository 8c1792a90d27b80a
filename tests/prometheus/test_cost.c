/* A tracked request takes no lock and allocates nothing once its children exist: the observer's
 * callbacks are called as an app calls them, with every malloc and lock counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failing_allocation.h"

#include <cmocka.h>
#include <pthread.h>
#include <sextant/app.h>
#include <sextant/client.h>
#include <sextant/prometheus.h>
#include <stdlib.h>

static unsigned locks;

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_trylock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex);

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    locks++;
    return __real_pthread_mutex_lock(mutex);
}
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    locks++;
    return __real_pthread_mutex_trylock(mutex);
}

/* An observer before and one behind the component's, between which the counts are taken. Observers
 * are called in the order in which they were added. */
static long allocations_before, allocations_inside;
static unsigned locks_before, locks_inside;
static void before(void *self, const struct sx_record *record)
{
    (void)self;
    (void)record;
    allocations_before = allocations_tried();
    locks_before = locks;
}
static void behind(void *self, const struct sx_record *record)
{
    (void)self;
    (void)record;
    allocations_inside += allocations_tried() - allocations_before;
    locks_inside += locks - locks_before;
}
static void before_end(void *self, const struct sx_record *record, enum sx_outcome outcome)
{
    (void)outcome;
    before(self, record);
}
static void behind_end(void *self, const struct sx_record *record, enum sx_outcome outcome)
{
    (void)outcome;
    behind(self, record);
}
static const struct sx_observer first = {.begin = before, .respond = before, .end = before_end};
static const struct sx_observer last = {.begin = behind, .respond = behind, .end = behind_end};

struct probe {
    int unused;
};
SX_COMPONENT_DECLARE(probe_before, struct probe);
SX_COMPONENT_DECLARE(probe_behind, struct probe);
static struct sx_result init_before(struct probe *self, struct sx_app *app)
{
    self->unused = 0;
    return sx_app_observe(app, &first, NULL) < 0 ? sx_startup_error("no") : sx_continue();
}
static struct sx_result init_behind(struct probe *self, struct sx_app *app)
{
    self->unused = 0;
    return sx_app_observe(app, &last, NULL) < 0 ? sx_startup_error("no") : sx_continue();
}
SX_COMPONENT(probe_before, app, init_before, NULL, (inject, sx_app, app));
SX_COMPONENT(probe_behind, app, init_behind, NULL, (inject, sx_app, app));

static struct sx_result hello(void)
{
    return sx_text("hello");
}
SX_BIND(hello);
static const struct sx_route routes[] = {SX_GET("/", hello)};

static void test_a_tracked_request_takes_no_lock_and_allocates_nothing(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    struct sx_app *app = NULL;
    struct sx_client *client = NULL;
    struct sx_reply reply = {0};
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    const struct sx_prometheus_options options = {
        .registry = registry, .measure_body_sizes = true, .measure_first_byte = true};
    assert_int_equal(sx_app_new(&app,
                                &(struct sx_app_options){
                                    .routes = SX_LIST(routes),
                                    .components = SX_COMPONENTS(
                                        probe_before, (sx_prometheus, &options), probe_behind),
                                }),
                     SX_OK);
    assert_int_equal(sx_client_new(&client, app), SX_OK);
    assert_int_equal(sx_client_get(client, &reply, "/"), SX_OK);
    assert_int_equal(sx_client_get(client, &reply, "/nowhere"), SX_OK);
    assert_true(allocations_inside > 0); /* the children of the first time, so the count counts */
    allocations_inside = 0;
    locks_inside = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(sx_client_get(client, &reply, i % 2 == 0 ? "/" : "/nowhere"), SX_OK);
    }
    assert_int_equal(allocations_inside, 0);
    assert_int_equal(locks_inside, 0);
    sx_reply_clean_up(&reply);
    sx_client_destroy(client);
    sx_app_destroy(app);
    sx_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tracked_request_takes_no_lock_and_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
