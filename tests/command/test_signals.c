/* What signals do to `run`: a process of its own for each case, seen from outside. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <sextant/app.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* An app that goes without a handler leaves its thread behind on purpose. ThreadSanitizer asks for
 * this by name, where it is linked. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0";
}

static struct sx_result stay(void)
{
    printf("inside\n");
    fflush(stdout);
    for (;;) {
        pause();
    }
    return sx_empty();
}
SX_BIND(stay);

static struct sx_result hello(void)
{
    return sx_text("hello");
}
SX_BIND(hello);

static struct sx_result descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    return sx_text("[%llu]", (unsigned long long)limit.rlim_cur);
}
SX_BIND(descriptors);

static const struct sx_route routes[] = {SX_GET("/", hello), SX_GET("/stay", stay),
                                         SX_GET("/descriptors", descriptors)};

struct server {
    pid_t pid;
    FILE *output; /* of both kinds */
    uint16_t port;
};

static int serve(void)
{
    char *arguments[] = {"test", "run", "--listen", "127.0.0.1:0", NULL};
    return sx_app_main(4, arguments, &(struct sx_app_options){.routes = SX_LIST(routes)});
}

/* SIGHUP comes before there is anything to reload, and after. */
struct hung_up {
    int unused;
};
SX_COMPONENT_DECLARE(hung_up, struct hung_up);
static struct sx_result hung_up_init(struct hung_up *part)
{
    (void)part;
    raise(SIGHUP);
    return sx_continue();
}
static void hung_up_fini(struct hung_up *part)
{
    (void)part;
    raise(SIGHUP);
}
SX_COMPONENT(hung_up, app, hung_up_init, hung_up_fini);

static int serve_hung_up(void)
{
    char *arguments[] = {"test", "run", "--listen", "127.0.0.1:0", NULL};
    return sx_app_main(
        4, arguments,
        &(struct sx_app_options){.routes = SX_LIST(routes), .components = SX_COMPONENTS(hung_up)});
}

static int serve_with_admin(void)
{
    char *arguments[] = {"test", "run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", NULL};
    return sx_app_main(6, arguments, &(struct sx_app_options){.routes = SX_LIST(routes)});
}

/* No process reads the line with the address. */
static int serve_without_a_reader(void)
{
    int ends[2];
    char *arguments[] = {"test", "run", "--listen", "127.0.0.1:0", NULL};
    if (pipe(ends) < 0) {
        return -1;
    }
    printf("port:0\n");
    fflush(stdout);
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    return sx_app_main(
        4, arguments,
        &(struct sx_app_options){.routes = SX_LIST(routes), .components = SX_COMPONENTS(hung_up)});
}

static struct rlimit limited;

static int serve_with_limited_descriptors(void)
{
    setrlimit(RLIMIT_NOFILE, &limited);
    return serve();
}

static struct sx_app *impatient;
static void stop_impatient(int signal_number)
{
    (void)signal_number;
    sx_app_stop(impatient);
}

/* As `run`, but for its patience. */
static int serve_impatiently(void)
{
    if (sx_app_new(&impatient, &(struct sx_app_options){.routes = SX_LIST(routes)}) < 0) {
        return -1;
    }
    if (sx_app_listen(impatient, &(struct sx_run_options){.stop_timeout_ms = 50}) < 0) {
        return -1;
    }
    printf("port:%d\n", sx_app_get_port(impatient, 0));
    fflush(stdout);
    signal(SIGTERM, stop_impatient);
    const int status = sx_app_run(impatient);
    sx_app_destroy(impatient);
    return status == SX_ETIMEOUT ? 7 : -1;
}

/* As above, by a thread that has a SIGPIPE of its own waiting. */
static int serve_with_a_signal_pending(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGPIPE);
    const int status = serve_impatiently();
    sigpending(&set);
    return sigismember(&set, SIGPIPE) == 1 ? status : -1;
}

static void server_start(struct server *server, int (*run)(void))
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no server behind */
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        _exit(run());
    }
    close(ends[1]);
    server->output = fdopen(ends[0], "r");
    char line[200];
    assert_non_null(fgets(line, sizeof line, server->output));
    assert_non_null(strrchr(line, ':'));
    server->port = (uint16_t)strtoul(strrchr(line, ':') + 1, NULL, 10);
}

static int server_wait(struct server *server, char *log, size_t size)
{
    const size_t count = fread(log, 1, size - 1, server->output);
    log[count] = '\0';
    fclose(server->output);
    int status = 0;
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
    return status;
}

/* Asks for a path; gives the socket. */
static int ask(const struct server *server, const char *path)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(server->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    char request[100];
    const int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    assert_int_equal(send(fd, request, (size_t)size, MSG_NOSIGNAL), size);
    return fd;
}

static void test_a_signal_stops_the_server_and_it_exits_with_0(void **state)
{
    (void)state;
    struct server server;
    char text[2000];
    server_start(&server, serve);
    const int fd = ask(&server, "/");
    const ssize_t count = recv(fd, text, sizeof text - 1, 0);
    assert_true(count > 12);
    assert_memory_equal(text, "HTTP/1.1 200", 12);
    kill(server.pid, SIGTERM);
    const int status = server_wait(&server, text, sizeof text);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_string_equal(text, "");
    close(fd);
}

static void assert_served(const struct server *server)
{
    char text[2000];
    const int fd = ask(server, "/");
    const ssize_t count = recv(fd, text, sizeof text - 1, 0);
    assert_true(count > 12);
    assert_memory_equal(text, "HTTP/1.1 200", 12);
    close(fd);
}

static void assert_line(const struct server *server, const char *expected)
{
    char line[200];
    assert_non_null(fgets(line, sizeof line, server->output));
    assert_string_equal(line, expected);
}

#define NOTHING_TO_RELOAD "there is no certificate to reload: no address uses TLS\n"

static void test_a_hangup_without_a_certificate_is_logged_and_it_goes_on(void **state)
{
    (void)state;
    struct server server;
    char text[2000];
    server_start(&server, serve);
    for (int i = 0; i < 2; i++) {
        kill(server.pid, SIGHUP);
        assert_line(&server, NOTHING_TO_RELOAD);
        assert_served(&server);
    }
    kill(server.pid, SIGTERM);
    assert_int_equal(server_wait(&server, text, sizeof text), 0);
    assert_string_equal(text, "");
}

static void test_a_hangup_with_an_address_for_the_admin_routes_is_logged(void **state)
{
    (void)state;
    struct server server;
    char text[2000];
    server_start(&server, serve_with_admin);
    assert_non_null(fgets(text, sizeof text, server.output));
    assert_non_null(strstr(text, "for the admin routes only"));
    kill(server.pid, SIGHUP);
    assert_line(&server, NOTHING_TO_RELOAD);
    kill(server.pid, SIGTERM);
    assert_int_equal(server_wait(&server, text, sizeof text), 0);
}

static void test_a_hangup_while_it_starts_or_ends_does_not_end_it(void **state)
{
    (void)state;
    struct server server;
    char text[2000];
    server_start(&server, serve_hung_up);
    assert_line(&server, NOTHING_TO_RELOAD);
    assert_served(&server);
    kill(server.pid, SIGTERM);
    assert_int_equal(server_wait(&server, text, sizeof text), 0);
    assert_string_equal(text, "");
}

static void test_it_starts_where_nobody_reads_its_output(void **state)
{
    (void)state;
    struct server server;
    char text[2000];
    server_start(&server, serve_without_a_reader);
    assert_line(&server, NOTHING_TO_RELOAD); /* it serves */
    kill(server.pid, SIGTERM);
    assert_int_equal(server_wait(&server, text, sizeof text), 0);
}

/* The stop itself would last the ten seconds of stop_timeout_ms. */
static void test_a_second_signal_ends_the_process_at_once(void **state)
{
    (void)state;
    struct server server;
    char text[2000];
    server_start(&server, serve);
    const int fd = ask(&server, "/stay");
    assert_non_null(fgets(text, sizeof text, server.output));
    assert_string_equal(text, "inside\n");
    /* An idle connection that is closed tells that the first signal has come. */
    const int idle = ask(&server, "/");
    assert_true(recv(idle, text, sizeof text, 0) > 0);
    kill(server.pid, SIGTERM);
    while (recv(idle, text, sizeof text, 0) > 0) {
    }
    kill(server.pid, SIGINT);
    const int status = server_wait(&server, text, sizeof text);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
    close(fd);
    close(idle);
}

static void test_a_handler_that_stays_does_not_keep_the_app(void **state)
{
    (void)state;
    struct server server;
    char text[2000];
    server_start(&server, serve_impatiently);
    const int fd = ask(&server, "/stay");
    assert_non_null(fgets(text, sizeof text, server.output));
    kill(server.pid, SIGTERM);
    const int status = server_wait(&server, text, sizeof text);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_non_null(strstr(text, "1 handler did not return within 50 ms: abandoned"));
    close(fd);
}

/* It tells of the handler in vain: nobody reads its log any more. */
static void test_a_log_without_a_reader_does_not_end_the_process(void **state)
{
    (void)state;
    int (*const servers[])(void) = {serve_impatiently, serve_with_a_signal_pending};
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
        struct server server;
        char line[20];
        server_start(&server, servers[i]);
        const int fd = ask(&server, "/stay");
        assert_non_null(fgets(line, sizeof line, server.output));
        fclose(server.output);
        kill(server.pid, SIGTERM);
        int status = 0;
        assert_int_equal(waitpid(server.pid, &status, 0), server.pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 7);
        close(fd);
    }
}

/* A hard limit can only be lowered, and valgrind does not let it change at all. */
static bool may_have(const struct rlimit *limit)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(setrlimit(RLIMIT_NOFILE, limit) < 0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status == 0;
}

static void test_run_asks_for_the_descriptors_that_it_needs(void **state)
{
    (void)state;
    /* Twice the default of connection_count, and 1,024. */
    enum { USEFUL = 33792 };
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    const struct {
        rlim_t soft, hard, expected;
    } cases[] = {{64, limit.rlim_max, limit.rlim_max < USEFUL ? limit.rlim_max : USEFUL},
                 {64, 128, 128},
                 {64, USEFUL, USEFUL},
                 {64, 40000, USEFUL},
                 {39999, 40000, 39999}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        limited = (struct rlimit){cases[i].soft, cases[i].hard};
        if (!may_have(&limited)) {
            assert_int_not_equal(i, 0);
            print_message("no limit of %llu descriptors can be tried here\n",
                          (unsigned long long)cases[i].hard);
            continue;
        }
        struct server server;
        server_start(&server, serve_with_limited_descriptors);
        const int fd = ask(&server, "/descriptors");
        char text[2000];
        const ssize_t count = recv(fd, text, sizeof text - 1, 0);
        assert_true(count > 0);
        text[count] = '\0';
        char number[32];
        snprintf(number, sizeof number, "[%llu]", (unsigned long long)cases[i].expected);
        assert_non_null(strstr(text, number));
        close(fd);
        kill(server.pid, SIGTERM);
        assert_int_equal(server_wait(&server, text, sizeof text), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_stops_the_server_and_it_exits_with_0),
        cmocka_unit_test(test_a_hangup_without_a_certificate_is_logged_and_it_goes_on),
        cmocka_unit_test(test_a_hangup_with_an_address_for_the_admin_routes_is_logged),
        cmocka_unit_test(test_a_hangup_while_it_starts_or_ends_does_not_end_it),
        cmocka_unit_test(test_it_starts_where_nobody_reads_its_output),
        cmocka_unit_test(test_run_asks_for_the_descriptors_that_it_needs),
        cmocka_unit_test(test_a_second_signal_ends_the_process_at_once),
        cmocka_unit_test(test_a_handler_that_stays_does_not_keep_the_app),
        cmocka_unit_test(test_a_log_without_a_reader_does_not_end_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
