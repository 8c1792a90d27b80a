/* What a supervisor does to workers at an inconvenient moment. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "fixture.h"
#include "prefork.h"
#include "run_options.h"

#include <cmocka.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int started[2];
static int go_on[2];
static struct sx__server *supervised;

/* A worker that accepts clients, but has not told the supervisor yet, waits for the test. */
int __real_sx__server_start(struct sx__server *server);
int __wrap_sx__server_start(struct sx__server *server);
int __wrap_sx__server_start(struct sx__server *server)
{
    const int status = __real_sx__server_start(server);
    const pid_t worker = getpid();
    char byte;
    (void)!write(started[1], &worker, sizeof worker);
    (void)!read(go_on[0], &byte, 1);
    return status;
}

static pid_t await_start(void)
{
    pid_t worker = 0;
    assert_int_equal(read(started[0], &worker, sizeof worker), sizeof worker);
    return worker;
}

static void let_go_on(void)
{
    assert_int_equal(write(go_on[1], "", 1), 1);
}

/* ---- the supervisor ---- */

static int serve(void *context, const struct sx__prefork_worker *worker)
{
    (void)context;
    return sx__prefork_serve(worker);
}

static void ignore(void *context, const struct sx_worker *worker, enum sx_worker_event event)
{
    (void)context;
    (void)worker;
    (void)event;
}

static void on_signal(int number)
{
    if (number == SIGHUP) {
        sx__server_reload(supervised);
    } else {
        sx__server_stop(supervised);
    }
}

static _Noreturn void supervise(struct fixture *fixture)
{
    const struct sx__service service = fake_service_get(&fixture->fake);
    const struct sx__prefork_calls calls = {.run = serve, .changed = ignore};
    const struct sigaction action = {.sa_handler = on_signal};
    struct sx_run_options options;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* if the test fails */
    close(started[0]);
    close(go_on[1]);
    if (sx__run_options_resolve(&options, &fixture->options) != 0 ||
        sx__server_new(&supervised, &service, &options) != 0) {
        _exit(1);
    }
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    _exit(sx__prefork_run(supervised, 1, &calls) == 0 ? 0 : 1);
}

static void test_a_reload_does_not_kill_a_successor_that_accepts_clients(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(pipe(started), 0);
    assert_int_equal(pipe(go_on), 0);
    const pid_t supervisor = fork();
    assert_true(supervisor >= 0);
    if (supervisor == 0) {
        supervise(fixture);
    }
    close(started[1]);
    close(go_on[0]);
    (void)await_start();
    let_go_on();
    kill(supervisor, SIGHUP);
    const pid_t successor = await_start();
    kill(supervisor, SIGHUP);
    let_go_on();
    const pid_t next = await_start(); /* before, a dead successor would have been reaped */
    assert_int_not_equal(next, successor);
    assert_int_equal(kill(successor, 0), 0);
    let_go_on();
    int how = -1;
    kill(supervisor, SIGTERM);
    assert_int_equal(waitpid(supervisor, &how, 0), supervisor);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    close(started[0]);
    close(go_on[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_reload_does_not_kill_a_successor_that_accepts_clients, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
