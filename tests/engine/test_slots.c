/* The table of connections, by itself. */
#include "network.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUNDS 300

/* ---- threads that accept at different addresses ---- */

struct race {
    struct sx__slots *slots;
    pthread_barrier_t *begins;
    int fd;
    struct sx__slot *got;
};

static void *get_slot(void *argument)
{
    struct race *race = argument;
    pthread_barrier_wait(race->begins);
    race->got = sx__slots_get(race->slots, race->fd);
    return NULL;
}

static void slots_that_are_made_at_the_same_time_lie_in_one_leaf(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct sx__slots *slots = calloc(1, sizeof *slots);
        assert_non_null(slots);
        pthread_barrier_t begins;
        pthread_barrier_init(&begins, NULL, 2);
        struct race races[2] = {{slots, &begins, 7, NULL}, {slots, &begins, 8, NULL}};
        pthread_t threads[2];
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, get_slot, &races[i]), 0);
        }
        for (size_t i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
        }
        /* The monitor finds a connection by the table. */
        struct sx__slot *first = atomic_load(&slots->leaves[0]);
        assert_ptr_equal(races[0].got, &first[7]);
        assert_ptr_equal(races[1].got, &first[8]);
        pthread_barrier_destroy(&begins);
        sx__slots_clean_up(slots);
        free(slots);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_that_are_made_at_the_same_time_lie_in_one_leaf),
    };
    return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
