/* Tests the table of clients and the monitor's passes over it, without a server. */
#include "client_account.h"
#include "monitor_sweep.h"
#include "server_types.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 300

/* ---- threads that accept at different addresses ---- */

struct race {
    struct sx__client_table *clients;
    pthread_barrier_t *begins;
    int fd;
    struct sx__client *got;
};

static void *get_client(void *argument)
{
    struct race *race = argument;
    pthread_barrier_wait(race->begins);
    race->got = sx__client_table_get(race->clients, race->fd);
    return NULL;
}

static void threads_that_create_a_leaf_at_the_same_time_share_it(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct sx__client_table *clients = calloc(1, sizeof *clients);
        assert_non_null(clients);
        pthread_barrier_t begins;
        pthread_barrier_init(&begins, NULL, 2);
        struct race races[2] = {{clients, &begins, 7, NULL}, {clients, &begins, 8, NULL}};
        pthread_t threads[2];
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, get_client, &races[i]), 0);
        }
        for (size_t i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
        }
        /* The monitor finds clients by the table. */
        struct sx__client *first = atomic_load(&clients->leaves[0]);
        assert_ptr_equal(races[0].got, &first[7]);
        assert_ptr_equal(races[1].got, &first[8]);
        pthread_barrier_destroy(&begins);
        sx__client_table_clean_up(clients);
        free(clients);
    }
}

/* ---- slow readers ---- */

#define READERS 40
#define HELD 100
#define NOW_NS ((uint64_t)10 * 1000000000)

/* Creates READERS clients that have had the same number of bytes buffered for the same time. The
 * later ones have read less. */
static struct sx__client_table *make_readers(struct sx__client *readers[READERS])
{
    struct sx__client_table *clients = calloc(1, sizeof *clients);
    assert_non_null(clients);
    for (int i = 0; i < READERS; i++) {
        readers[i] = sx__client_table_get(clients, i);
        assert_non_null(readers[i]);
        readers[i]->fixed.fd = -1; /* shutting it down does nothing */
        readers[i]->owned.buffered_bytes = HELD;
        readers[i]->owned.buffered_since_ns = NOW_NS / 2;
        readers[i]->owned.transferred_bytes = (size_t)(READERS - i) * 1000;
        atomic_store(&readers[i]->shared.state, SX__CLIENT_IDLE);
    }
    return clients;
}

static void clean_up(struct sx__client_table *clients)
{
    sx__client_table_clean_up(clients);
    free(clients);
}

static void assert_late_from(struct sx__client *const readers[READERS], int first)
{
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i]->owned.is_late, i >= first);
        assert_int_equal(atomic_load(&readers[i]->shared.state), SX__CLIENT_IDLE);
    }
}

static void only_as_many_slow_clients_as_needed_are_closed(void **state)
{
    (void)state;
    struct sx__client *readers[READERS];
    struct sx__client_table *clients = make_readers(readers);
    unsigned count = 0;
    assert_int_equal(sx__monitor_close_slowest(clients, -1, 3 * HELD + 1, NOW_NS, &count),
                     4 * HELD);
    assert_int_equal(count, 4);
    assert_late_from(readers, READERS - 4);
    /* Their bytes are not counted again, although no thread has closed them yet. */
    assert_int_equal(sx__monitor_close_slowest(clients, -1, HELD, NOW_NS, &count), HELD);
    assert_int_equal(count, 5);
    assert_late_from(readers, READERS - 5);
    assert_int_equal(sx__monitor_close_slowest(clients, -1, 33 * HELD, NOW_NS, &count), 33 * HELD);
    assert_late_from(readers, 2);
    assert_int_equal(sx__monitor_close_slowest(clients, -1, SIZE_MAX, NOW_NS, &count), 2 * HELD);
    assert_int_equal(sx__monitor_close_slowest(clients, -1, 1, NOW_NS, &count), 0);
    assert_int_equal(count, READERS);
    clean_up(clients);
}

static void clients_that_are_owned_or_have_nothing_buffered_stay_open(void **state)
{
    (void)state;
    struct sx__client *readers[READERS];
    struct sx__client_table *clients = make_readers(readers);
    atomic_store(&readers[READERS - 1]->shared.state, SX__CLIENT_OWNED);
    readers[READERS - 2]->owned.buffered_bytes = 0;
    unsigned count = 0;
    assert_int_equal(sx__monitor_close_slowest(clients, -1, 1, NOW_NS, &count), HELD);
    assert_false(readers[READERS - 1]->owned.is_late || readers[READERS - 2]->owned.is_late);
    assert_true(readers[READERS - 3]->owned.is_late);
    clean_up(clients);
}

static void a_client_that_buffers_after_the_pass_began_is_not_the_slowest(void **state)
{
    (void)state;
    struct sx__client *readers[READERS];
    struct sx__client_table *clients = make_readers(readers);
    readers[0]->owned.buffered_since_ns = NOW_NS + 1;
    unsigned count = 0;
    assert_int_equal(sx__monitor_close_slowest(clients, -1, (READERS - 1) * HELD, NOW_NS, &count),
                     (READERS - 1) * HELD);
    assert_late_from(readers, 1);
    clean_up(clients);
}

static void the_rate_is_measured_again_for_each_response(void **state)
{
    (void)state;
    struct sx__server *server = aligned_alloc(_Alignof(struct sx__server), sizeof *server);
    assert_non_null(server);
    memset(server, 0, sizeof *server);
    server->protocol.options.buffered_bytes = SIZE_MAX;
    struct sx__client client = {.owned.transferred_bytes = 700};
    sx__client_lock_free(&client);
    sx__client_account(&client, server, HELD);
    client.owned.transferred_bytes += 300;
    sx__client_account(&client, server, 2 * HELD);
    assert_int_equal(client.owned.transferred_bytes, 1000);
    assert_int_equal(atomic_load(&server->buffered_bytes), 2 * HELD);
    sx__client_account(&client, server, 0);
    assert_int_equal(client.owned.transferred_bytes, 0);
    assert_int_equal(atomic_load(&server->buffered_bytes), 0);
    free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_as_many_slow_clients_as_needed_are_closed),
        cmocka_unit_test(the_rate_is_measured_again_for_each_response),
        cmocka_unit_test(clients_that_are_owned_or_have_nothing_buffered_stay_open),
        cmocka_unit_test(a_client_that_buffers_after_the_pass_began_is_not_the_slowest),
        cmocka_unit_test(threads_that_create_a_leaf_at_the_same_time_share_it),
    };
    return cmocka_run_group_tests_name("clients", tests, NULL, NULL);
}
