/* A request whose series exist takes no lock and allocates nothing, and neither does the look-up of
 * its handler. */
#include "measured.h"

#include "failing_allocation.h"

#include <pthread.h>

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

static void ask(const struct measured *measured)
{
    static const enum sx_http_outcome outcomes[] = {SX_HTTP_COMPLETE, SX_HTTP_RESPONSE_ABORTED};
    for (int i = 0; i < 2; i++) {
        measured_request(sx_http_get_handler(measured->http, "h"), "GET", 200, outcomes[i]);
        measured_request(sx_http_get_handler(measured->http, NULL), "PURGE", 404, outcomes[i]);
    }
    measured_request(sx_http_get_handler(measured->http, "h"), "GET", 0, SX_HTTP_COMPLETE);
    sx_http_reject(measured->http, "malformed");
}

static void test_a_request_takes_no_lock_and_allocates_nothing(void **state)
{
    (void)state;
    struct measured measured;
    measured_init(&measured, (struct sx_http_metrics_options){.measure_body_sizes = true,
                                                              .measure_first_byte = true});
    locks = 0;
    long allocations = allocations_tried();
    ask(&measured);
    assert_true(locks > 0); /* of the first time, so the counts count */
    assert_true(allocations_tried() > allocations);
    locks = 0;
    allocations = allocations_tried();
    for (int i = 0; i < 100; i++) {
        ask(&measured);
    }
    assert_int_equal(locks, 0);
    assert_int_equal(allocations_tried(), allocations);
    measured_assert_balanced(&measured);
    measured_clean_up(&measured);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_takes_no_lock_and_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
