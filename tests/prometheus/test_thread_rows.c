/* The default registry that the component makes has a row for each of many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sextant/app.h>
#include <sextant/client.h>
#include <sextant/prometheus.h>
#include <string.h>

/* More than a registry has by default: several workers with the usual number of threads. */
enum { THREADS = 300 };

static const struct sx_route routes[] = {SX_GET("/metrics", sx_expose_metrics)};
static struct sx_counter *counter;
static pthread_barrier_t counted;

/* A thread without a row keeps no exemplar. */
static void *count(void *unused)
{
    const struct sx_label label = {.name = "trace", .value = {"1", 1}};
    sx_counter_inc_with_exemplar(counter, &label, 1);
    pthread_barrier_wait(&counted); /* so that no thread uses the row of another one */
    return unused;
}

static void each_thread_of_several_hundred_has_a_row(void **state)
{
    (void)state;
    struct sx_app *app;
    struct sx_client *client;
    struct sx_reply reply = {0};
    pthread_t threads[THREADS];
    pthread_attr_t small;
    assert_int_equal(
        sx_app_new(&app, &(struct sx_app_options){.routes = SX_LIST(routes),
                                                  .components = SX_COMPONENTS(sx_prometheus)}),
        SX_OK);
    assert_int_equal(
        sx_counter_register(&counter, NULL,
                            &(struct sx_metric_options){.name = "c_total", .help = "Counts."}),
        SX_OK);
    pthread_barrier_init(&counted, NULL, THREADS);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, (size_t)256 << 10);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], &small, count, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    pthread_attr_destroy(&small);
    pthread_barrier_destroy(&counted);
    assert_int_equal(sx_client_new(&client, app), SX_OK);
    assert_int_equal(sx_client_get(client, &reply, "/metrics"), SX_OK);
    assert_non_null(strstr(reply.body.data, "\nc_total 300\n"));
    assert_null(strstr(reply.body.data, "sextant_exemplars_dropped_total"));
    sx_reply_clean_up(&reply);
    sx_client_destroy(client);
    sx_app_destroy(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thread_of_several_hundred_has_a_row),
    };
    return cmocka_run_group_tests_name("thread_rows", tests, NULL, NULL);
}
