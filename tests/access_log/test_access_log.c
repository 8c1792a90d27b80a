/* The component: as many lines as requests, whatever becomes of the file behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sextant/access_log.h>
#include <sextant/app.h>
#include <sextant/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct sx_result greet(const char *name)
{
    return sx_text("hello, %s", name);
}
SX_BIND(greet, (path, str, name));

static int produce(void *context, char *space, size_t size, unsigned *wait_ms)
{
    (void)context;
    (void)wait_ms;
    memset(space, 'a', size);
    return (int)size;
}
static struct sx_result endless(void)
{
    return sx_stream("text/plain", produce, NULL, NULL);
}
SX_BIND(endless);

static const struct sx_route routes[] = {
    SX_GET("/greet/{name}", greet),
    SX_GET("/endless", endless),
};

struct fixture {
    char folder[32];
    char path[64];
    char moved[64];
    struct sx_app *app;
    struct sx_client *client;
    char log[2048]; /* the app's */
};

static void keep_log(void *context, enum sx_log_level level, const char *message)
{
    struct fixture *fixture = context;
    size_t used = strlen(fixture->log);
    (void)level;
    snprintf(fixture->log + used, sizeof fixture->log - used, "%s\n", message);
}

static int try_app(struct fixture *fixture, const char *path, const char *format)
{
    const struct sx_setting settings[] = {{"access_log", path}, {"access_log_format", format}};
    return sx_app_new(&fixture->app, &(struct sx_app_options){
                                         .routes = SX_LIST(routes),
                                         .components = SX_COMPONENTS(sx_access_log),
                                         .settings = SX_LIST(settings),
                                         .log = keep_log,
                                         .log_context = fixture,
                                     });
}

static void start(struct fixture *fixture, const char *path, const char *format)
{
    assert_int_equal(try_app(fixture, path, format), SX_OK);
    assert_int_equal(sx_client_new(&fixture->client, fixture->app), SX_OK);
}

static void get(struct fixture *fixture, const char *target)
{
    struct sx_reply reply = {0};
    assert_int_equal(sx_client_get(fixture->client, &reply, target), SX_OK);
    sx_reply_clean_up(&reply);
}

static void stop(struct fixture *fixture)
{
    sx_client_destroy(fixture->client);
    sx_app_destroy(fixture->app);
    fixture->client = NULL;
    fixture->app = NULL;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strncpy(fixture->folder, "/tmp/sx_access_log_XXXXXX", sizeof fixture->folder - 1);
    if (mkdtemp(fixture->folder) == NULL) {
        return -1;
    }
    snprintf(fixture->path, sizeof fixture->path, "%s/log", fixture->folder);
    snprintf(fixture->moved, sizeof fixture->moved, "%s/log.1", fixture->folder);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    stop(fixture);
    (void)unlink(fixture->path);
    (void)unlink(fixture->moved);
    (void)rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static char *contents(const char *path)
{
    static char text[1 << 22];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static size_t count_lines(const char *path)
{
    size_t lines = 0;
    for (const char *p = contents(path); *p != '\0'; p++) {
        lines += *p == '\n';
    }
    return lines;
}

/* Until the clock shows another second, in which the file is looked after again. */
static time_t second(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* time() may be a moment behind */
    return now.tv_sec;
}

static void wait_for_the_next_second(void)
{
    const time_t now = second();
    while (second() == now) {
        poll(NULL, 0, 10);
    }
}

/* ---- lines ---- */

static void each_request_is_a_line(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, fixture->path, "json");
    get(fixture, "/greet/you");
    get(fixture, "/nowhere?\\}");
    stop(fixture);
    char *text = contents(fixture->path);
    json_t *first = json_loads(strtok_r(text, "\n", &text), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(first, "target")), "/greet/you");
    assert_string_equal(json_string_value(json_object_get(first, "handler")),
                        "test_access_log.greet");
    assert_int_equal(json_integer_value(json_object_get(first, "status")), 200);
    assert_int_equal(json_integer_value(json_object_get(first, "response_body_bytes")), 10);
    json_t *second = json_loads(strtok_r(NULL, "\n", &text), 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(second, "status")), 404);
    assert_string_equal(json_string_value(json_object_get(second, "handler")), "<builtin>");
    assert_string_equal(json_string_value(json_object_get(second, "target")), "/nowhere?\\}");
    assert_string_equal(text, "");
    json_decref(first);
    json_decref(second);
    assert_string_equal(fixture->log, "");
}

static void lines_are_appended(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        start(fixture, fixture->path, "common");
        get(fixture, "/greet/you");
        stop(fixture);
    }
    assert_int_equal(count_lines(fixture->path), 3);
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & S_IRWXO, 0); /* it has addresses of people */
}

static void *serve(void *context)
{
    struct fixture *fixture = context;
    return sx_app_run(fixture->app) == SX_OK ? context : NULL;
}

static void send_and_leave(int port)
{
    static const char request[] = "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n";
    char bytes[512];
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    assert_true(read(fd, bytes, sizeof bytes) > 0);
    close(fd);
}

static void a_response_that_was_cut_off_says_so(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    void *result = NULL;
    start(fixture, fixture->path, "json");
    assert_int_equal(sx_app_listen(fixture->app, NULL), SX_OK);
    const int port = sx_app_get_port(fixture->app, 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, fixture), 0);
    send_and_leave(port);
    while (count_lines(fixture->path) < 1) {
        poll(NULL, 0, 10);
    }
    sx_app_stop(fixture->app);
    pthread_join(thread, &result);
    assert_ptr_equal(result, fixture);
    json_t *line = json_loads(contents(fixture->path), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(line, "outcome")), "response_aborted");
    assert_string_equal(json_string_value(json_object_get(line, "client")), "127.0.0.1");
    assert_int_equal(json_integer_value(json_object_get(line, "status")), 200);
    assert_true(json_integer_value(json_object_get(line, "response_body_bytes")) > 0);
    json_decref(line);
}

enum { THREADS = 8, REQUESTS = 300 };

static void *send_requests(void *context)
{
    struct fixture *fixture = context;
    struct sx_client *client = NULL;
    struct sx_reply reply = {0};
    char target[512];
    memset(target, 'a', sizeof target);
    memcpy(target, "/greet/", 7);
    int status = sx_client_new(&client, fixture->app);
    for (size_t i = 0; i < REQUESTS && status == SX_OK; i++) {
        target[8 + i] = '\0';
        status = sx_client_get(client, &reply, target);
        target[8 + i] = 'a';
    }
    sx_reply_clean_up(&reply);
    sx_client_destroy(client);
    return status == SX_OK ? context : NULL;
}

static void send_from_threads(struct fixture *fixture)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, send_requests, fixture), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, fixture);
    }
}

static size_t count_whole_lines(const char *path)
{
    size_t whole = 0;
    char *text = contents(path);
    char *line;
    while ((line = strtok_r(text, "\n", &text)) != NULL) {
        json_t *value = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        whole += json_integer_value(json_object_get(value, "status")) == 200;
        json_decref(value);
    }
    return whole;
}

static void lines_of_threads_do_not_mix(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, fixture->path, "json");
    send_from_threads(fixture);
    stop(fixture);
    assert_int_equal(count_lines(fixture->path), THREADS * REQUESTS);
    assert_int_equal(count_whole_lines(fixture->path), THREADS * REQUESTS);
}

/* ---- rotation ---- */

static void a_file_that_is_moved_away_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, fixture->path, "common");
    get(fixture, "/greet/one");
    assert_int_equal(rename(fixture->path, fixture->moved), 0);
    wait_for_the_next_second();
    get(fixture, "/greet/two");
    assert_non_null(strstr(contents(fixture->moved), "/greet/one"));
    assert_null(strstr(contents(fixture->moved), "/greet/two"));
    assert_non_null(strstr(contents(fixture->path), "/greet/two"));
    assert_string_equal(fixture->log, "");
}

static void a_file_that_is_truncated_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, fixture->path, "common");
    get(fixture, "/greet/one");
    assert_int_equal(truncate(fixture->path, 0), 0);
    get(fixture, "/greet/two");
    assert_memory_equal(contents(fixture->path), "- - - [", 7); /* and not a hole */
    assert_int_equal(count_lines(fixture->path), 1);
}

static void no_line_is_lost_when_files_are_moved_under_load(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, fixture->path, "json");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_requests, fixture), 0);
    assert_int_equal(rename(fixture->path, fixture->moved), 0);
    wait_for_the_next_second();
    send_from_threads(fixture);
    pthread_join(thread, NULL);
    stop(fixture);
    const size_t moved = count_whole_lines(fixture->moved);
    assert_int_equal(moved + count_whole_lines(fixture->path), (THREADS + 1) * REQUESTS);
    /* Threads may still write to the moved file while one of them opens the new one. */
    assert_true(moved < (THREADS + 1) * REQUESTS);
}

static void what_cannot_be_opened_again_goes_to_the_old_file(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, fixture->path, "common");
    assert_int_equal(rename(fixture->path, fixture->moved), 0);
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    wait_for_the_next_second();
    get(fixture, "/greet/two");
    get(fixture, "/greet/three");
    assert_int_equal(count_lines(fixture->moved), 2);
    assert_int_equal(rmdir(fixture->path), 0);
    char expected[256];
    snprintf(expected, sizeof expected, "access log: %s cannot be opened again: Is a directory\n",
             fixture->path);
    assert_string_equal(fixture->log, expected); /* once */
}

/* ---- where there is no room ---- */

static void a_full_device_costs_lines_and_no_request(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, "/dev/full", "common");
    for (int i = 0; i < 5; i++) {
        get(fixture, "/greet/you");
    }
    assert_string_equal(fixture->log,
                        "access log: /dev/full: lines lost: 1 (No space left on device)\n");
    stop(fixture);
    assert_non_null(strstr(fixture->log, "/dev/full: lines lost: 4 (No space left on device)\n"));
}

/* Standard output, for a while. */
static int replace_stdout(int fd)
{
    fflush(stdout);
    const int before = dup(STDOUT_FILENO);
    assert_true(before >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
    return before;
}

static void restore_stdout(int before)
{
    assert_true(dup2(before, STDOUT_FILENO) >= 0);
    close(before);
}

static void assert_goes_on_without_reader(struct fixture *fixture, const int ends[2])
{
    close(ends[0]);
    const int before = replace_stdout(ends[1]);
    start(fixture, "-", "common");
    get(fixture, "/greet/you"); /* the default action of SIGPIPE would end this process */
    get(fixture, "/greet/you");
    stop(fixture);
    restore_stdout(before);
    close(ends[1]);
    assert_non_null(strstr(fixture->log, "standard output: lines lost: 1 (Broken pipe)\n"));
}

static void a_pipe_without_reader_costs_lines_and_no_request(void **state)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_goes_on_without_reader(*state, ends);
}

/* As standard output is that of a service of systemd. */
static void a_socket_without_reader_costs_lines_and_no_request(void **state)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_goes_on_without_reader(*state, ends);
}

static void a_pipe_that_nobody_reads_holds_nobody_up_for_long(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    char bytes[65536];
    assert_int_equal(pipe(ends), 0);
    const int before = replace_stdout(ends[1]);
    start(fixture, "-", "json");
    send_from_threads(fixture); /* more lines than a pipe has room for */
    restore_stdout(before);
    assert_non_null(strstr(fixture->log, "(Connection timed out)\n"));
    const int again = replace_stdout(ends[1]);
    const ssize_t size = read(ends[0], bytes, sizeof bytes - 1);
    assert_true(size > 0 && bytes[size - 1] == '\n');
    get(fixture, "/greet/again"); /* there is room, so it is written at once */
    stop(fixture);
    restore_stdout(again);
    close(ends[1]);
    bytes[read(ends[0], bytes, sizeof bytes - 1)] = '\0';
    assert_non_null(strstr(bytes, "/greet/again"));
    close(ends[0]);
}

/* ---- settings ---- */

static void what_cannot_be_opened_keeps_the_app_from_starting(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(try_app(fixture, "/nowhere/log", "common"), SX_ECOMPONENT);
    assert_non_null(strstr(fixture->log, "/nowhere/log: No such file or directory"));
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    assert_int_equal(try_app(fixture, fixture->path, "common"), SX_ECOMPONENT);
    assert_non_null(strstr(fixture->log, "/log: No such device or address")); /* nobody reads it */
}

static void a_format_that_there_is_not_keeps_the_app_from_starting(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(try_app(fixture, fixture->path, "xml"), SX_ECOMPONENT);
    assert_non_null(strstr(fixture->log, "format is \"common\" or \"json\", not \"xml\""));
}

#define TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_request_is_a_line),
        TEST(lines_are_appended),
        TEST(a_response_that_was_cut_off_says_so),
        TEST(lines_of_threads_do_not_mix),
        TEST(a_file_that_is_moved_away_is_made_anew),
        TEST(a_file_that_is_truncated_begins_anew),
        TEST(no_line_is_lost_when_files_are_moved_under_load),
        TEST(what_cannot_be_opened_again_goes_to_the_old_file),
        TEST(a_full_device_costs_lines_and_no_request),
        TEST(a_pipe_without_reader_costs_lines_and_no_request),
        TEST(a_socket_without_reader_costs_lines_and_no_request),
        TEST(a_pipe_that_nobody_reads_holds_nobody_up_for_long),
        TEST(what_cannot_be_opened_keeps_the_app_from_starting),
        TEST(a_format_that_there_is_not_keeps_the_app_from_starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
