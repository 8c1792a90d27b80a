/* A server that forks: with a shared registry the page has the requests of all processes. */
#include "measured.h"

#include "page.h"
#include "shared_registries.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct measured measured;

static void make(bool shared)
{
    /* Small, as valgrind's search for leaks reads, and so allocates, all of a shared mapping. */
    const struct sx_registry_options options = {
        .shared = shared, .thread_rows = 4, .row_bytes = 256 << 10, .directory_bytes = 4 << 20};
    struct sx_registry *registry = NULL;
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    measured_init(&measured, (struct sx_http_metrics_options){.registry = registry});
    measured.registry = registry;
}

#define LINE(handler) "http_requests_total{method=\"GET\",handler=\"" handler "\",code=\"200\"} "

static void ask(const char *label, unsigned times)
{
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, label);
    for (unsigned i = 0; i < times; i++) {
        measured_request(handler, "GET", 200, SX_HTTP_COMPLETE);
    }
}

/* Forks a child, which answers requests, leaves one in progress, and waits for its end. */
struct child {
    pid_t pid;
    int ready, go;
};

static struct child start_child(void)
{
    int ready[2], go[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    const struct child child = {fork(), ready[0], go[1]};
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        char byte = 'x';
        struct sx_http_request request;
        close(go[1]);
        ask("parent", 3);
        ask("child", 5);
        sx_http_begin(&request, sx_http_get_handler(measured.http, "child"), "GET", 0);
        const bool told = write(ready[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1;
        sx_http_respond(&request, 200);
        sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
        _exit(told ? 0 : 1);
    }
    char byte;
    close(ready[1]);
    close(go[0]);
    assert_int_equal(read(child.ready, &byte, 1), 1);
    return child;
}

static void end_child(struct child child)
{
    int status;
    assert_int_equal(write(child.go, "x", 1), 1);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(child.ready);
    close(child.go);
}

static void test_workers_count_in_a_shared_registry(void **state)
{
    (void)state;
    if (!has_shared_registries()) {
        skip();
    }
    make(true);
    ask("parent", 1);
    struct child children[2] = {start_child(), start_child()};
    measured_assert_line(&measured, LINE("parent") "7");
    measured_assert_line(&measured, LINE("child") "10");
    measured_assert_line(&measured, "http_requests_inprogress{method=\"GET\",handler=\"child\"} 2");
    end_child(children[0]);
    end_child(children[1]);
    ask("child", 1);
    measured_assert_line(&measured, LINE("child") "13");
    measured_assert_balanced(&measured);
    measured_clean_up(&measured);
}

/* A killed worker takes its gauges with it: what was in progress there is so no more. */
static void test_a_killed_worker_leaves_nothing_in_progress(void **state)
{
    (void)state;
    if (!has_shared_registries()) {
        skip();
    }
    make(true);
    struct child child = start_child();
    measured_assert_line(&measured, "http_requests_inprogress{method=\"GET\",handler=\"child\"} 1");
    int status;
    kill(child.pid, SIGKILL);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    measured_assert_line(&measured, LINE("child") "5");
    measured_assert_balanced(&measured);
    close(child.ready);
    close(child.go);
    measured_clean_up(&measured);
}

static void test_without_a_shared_registry_each_process_has_its_page(void **state)
{
    (void)state;
    make(false);
    ask("parent", 1);
    struct child child = start_child();
    measured_assert_line(&measured, LINE("parent") "1");
    end_child(child);
    measured_assert_balanced(&measured);
    measured_clean_up(&measured);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workers_count_in_a_shared_registry),
        cmocka_unit_test(test_a_killed_worker_leaves_nothing_in_progress),
        cmocka_unit_test(test_without_a_shared_registry_each_process_has_its_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
