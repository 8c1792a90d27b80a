/* What each process does after it has accepted a connection, and when it may accept again. */
#include "accept_spread.h"
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { PROCESSES = 4, ROUNDS = 20000, MANY = 64 };

static struct sx__spread *spread;
static struct sx__spread_line *lines[MANY];

static void begin(unsigned count)
{
    spread = sx__spread_new(count);
    assert_non_null(spread);
    for (unsigned i = 0; i < count; i++) {
        lines[i] = sx__spread_get_line(spread, i);
        sx__spread_join(lines[i]);
    }
}

static void end(void)
{
    sx__spread_destroy(spread);
}

/* Whether somebody has rung since the last call. */
static bool has_rung(void)
{
    uint64_t count;
    return read(sx__spread_get_bell(spread), &count, sizeof count) == sizeof count;
}

static unsigned state_of(unsigned i)
{
    return atomic_load(&lines[i]->state);
}

/* Gives a process as many connections. Returns whether it should pause after the last one. */
static bool accept_until(unsigned i, unsigned count)
{
    atomic_store(&lines[i]->connections, count);
    return sx__spread_note_accepted(spread, lines[i]);
}

static void a_process_pauses_that_is_ahead_of_one_that_accepts(void **state)
{
    (void)state;
    begin(PROCESSES);
    assert_false(accept_until(0, 4)); /* the others have none */
    assert_true(accept_until(0, 5));
    for (unsigned i = 1; i < PROCESSES; i++) {
        atomic_store(&lines[i]->connections, 160);
    }
    assert_false(accept_until(0, 174)); /* 160, a sixteenth of it, and four */
    assert_true(accept_until(0, 175));
    assert_true(sx__spread_pause(spread, lines[0]));
    assert_int_equal(state_of(0), SX__SPREAD_PAUSES);
    assert_false(has_rung());
    end();
}

static void a_process_that_has_caught_up_wakes_those_that_pause(void **state)
{
    (void)state;
    begin(2);
    assert_true(accept_until(0, 10));
    assert_true(sx__spread_pause(spread, lines[0]));
    assert_false(sx__spread_resume(spread, lines[0]));
    assert_false(accept_until(1, 9));
    assert_false(has_rung());
    assert_false(accept_until(1, 10)); /* it does not pause: no other process accepts */
    assert_true(has_rung());
    assert_true(sx__spread_resume(spread, lines[0]));
    assert_int_equal(state_of(0), SX__SPREAD_ACCEPTS);
    end();
}

static void connections_that_end_let_a_process_accept_again(void **state)
{
    (void)state;
    begin(2);
    assert_true(accept_until(0, 10));
    assert_true(sx__spread_pause(spread, lines[0]));
    atomic_store(&lines[0]->connections, 0);
    assert_false(accept_until(1, 1));
    assert_true(has_rung());
    assert_true(sx__spread_resume(spread, lines[0]));
    end();
}

static void the_last_process_does_not_pause(void **state)
{
    (void)state;
    begin(PROCESSES);
    for (unsigned i = 0; i < PROCESSES - 1; i++) {
        assert_true(sx__spread_pause(spread, lines[i]));
    }
    assert_false(sx__spread_pause(spread, lines[PROCESSES - 1]));
    assert_int_equal(state_of(PROCESSES - 1), SX__SPREAD_ACCEPTS);
    end();
}

static void a_process_that_leaves_or_dies_wakes_those_that_pause(void **state)
{
    (void)state;
    for (int dies = 0; dies < 2; dies++) {
        begin(2);
        assert_true(accept_until(0, 10));
        assert_true(sx__spread_pause(spread, lines[0]));
        atomic_store(&lines[1]->connections, 3);
        if (dies) {
            sx__spread_bury(spread, lines[1]);
        } else {
            sx__spread_leave(spread, lines[1]);
        }
        assert_int_equal(atomic_load(&lines[1]->connections), dies ? 0 : 3);
        assert_true(has_rung());
        assert_true(sx__spread_resume(spread, lines[0]));
        end();
    }
}

static void check(struct sx__spread_check *check, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        sx__spread_check(spread, check, true);
    }
}

static void a_process_that_hangs_is_not_waited_for(void **state)
{
    (void)state;
    begin(2);
    struct sx__spread_check checks = {0, 0};
    assert_true(accept_until(0, 10));
    assert_true(sx__spread_pause(spread, lines[0]));
    check(&checks, SX__SPREAD_CHECKS); /* the first one sees what was accepted before */
    assert_false(accept_until(1, 1));  /* slow, but it accepts */
    check(&checks, SX__SPREAD_CHECKS);
    sx__spread_check(spread, &checks, false); /* nothing waits */
    check(&checks, SX__SPREAD_CHECKS - 1);
    assert_int_equal(state_of(1), SX__SPREAD_ACCEPTS);
    assert_false(sx__spread_resume(spread, lines[0]));
    assert_false(has_rung());
    check(&checks, 1);
    assert_int_equal(state_of(1), SX__SPREAD_STUCK);
    assert_int_equal(state_of(0), SX__SPREAD_PAUSES);
    assert_true(has_rung());
    assert_true(sx__spread_resume(spread, lines[0]));
    assert_false(accept_until(0, 100)); /* it is not compared with the stuck one, */
    sx__spread_note_alive(lines[1]);
    assert_int_equal(state_of(1), SX__SPREAD_ACCEPTS);
    assert_true(accept_until(0, 101)); /* until that shows that it does not hang */
    end();
}

/* The kernel prefers the process that has waited longest, and no two accept at the same time. */
static void many_processes_stay_even(void **state)
{
    (void)state;
    begin(MANY);
    bool pauses[MANY] = {false};
    unsigned counts[MANY] = {0};
    for (unsigned accepted = 0; accepted < MANY * 250; accepted++) {
        unsigned i = 0;
        while (i < MANY && pauses[i]) {
            i++;
        }
        assert_true(i < MANY);
        if (accept_until(i, ++counts[i])) {
            pauses[i] = sx__spread_pause(spread, lines[i]);
        }
        for (unsigned k = 0; k < MANY && has_rung(); k = MANY) {
            for (unsigned j = 0; j < MANY; j++) {
                pauses[j] = pauses[j] && !sx__spread_resume(spread, lines[j]);
            }
        }
    }
    unsigned least = UINT_MAX;
    unsigned most = 0;
    for (unsigned i = 0; i < MANY; i++) {
        least = counts[i] < least ? counts[i] : least;
        most = counts[i] > most ? counts[i] : most;
    }
    assert_true(most * 5 <= least * 6);
    end();
}

/* A process whose connections come and go as fast as they can. */
static void *live(void *argument)
{
    struct sx__spread_line *line = argument;
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&line->connections, 1);
        if (sx__spread_note_accepted(spread, line) && sx__spread_pause(spread, line)) {
            /* Another process accepts: it does not pause before it sees this one's state. */
            while (!sx__spread_resume(spread, line)) {
                (void)poll(NULL, 0, 0);
            }
        }
        if (i % 3 == 0) {
            atomic_fetch_sub(&line->connections, 1);
        }
    }
    sx__spread_leave(spread, line);
    return NULL;
}

/* Two that pause at the same time would wait for each other for ever. */
static void not_all_processes_pause(void **state)
{
    (void)state;
    pthread_t threads[PROCESSES];
    begin(PROCESSES);
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, live, lines[i]), 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_pauses_that_is_ahead_of_one_that_accepts),
        cmocka_unit_test(a_process_that_has_caught_up_wakes_those_that_pause),
        cmocka_unit_test(connections_that_end_let_a_process_accept_again),
        cmocka_unit_test(the_last_process_does_not_pause),
        cmocka_unit_test(a_process_that_leaves_or_dies_wakes_those_that_pause),
        cmocka_unit_test(a_process_that_hangs_is_not_waited_for),
        cmocka_unit_test(many_processes_stay_even),
        cmocka_unit_test(not_all_processes_pause),
    };
    return cmocka_run_group_tests_name("accept_spread", tests, NULL, NULL);
}
