/* Writes that fail in each way: what is lost is counted, and no line is mixed with another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "output.h"

#include <cmocka.h>
#include <errno.h>
#include <sextant/app.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a write that does as it is told ---- */

static int watched = -1;  /* the file descriptor */
static ssize_t outcome;   /* of the next write: how many bytes, or a negative errno */
static bool outcome_told; /* for the next write only */

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    if (fd != watched || !outcome_told) {
        return __real_write(fd, bytes, size);
    }
    outcome_told = false;
    if (outcome < 0) {
        errno = (int)-outcome;
        return -1;
    }
    return __real_write(fd, bytes, (size_t)outcome);
}

static void next_write(ssize_t result)
{
    outcome = result;
    outcome_told = true;
}

/* ---- an output ---- */

struct fixture {
    struct sx_app *app;
    struct sx__output output;
    char path[32];
    char log[512]; /* the last line of the app's */
    unsigned logged;
};

static void keep_log(void *context, enum sx_log_level level, const char *message)
{
    struct fixture *fixture = context;
    (void)level;
    snprintf(fixture->log, sizeof fixture->log, "%s", message);
    fixture->logged++;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strncpy(fixture->path, "/tmp/sx_output_XXXXXX", sizeof fixture->path - 1);
    close(mkstemp(fixture->path));
    *state = fixture;
    if (sx_app_new(&fixture->app,
                   &(struct sx_app_options){.log = keep_log, .log_context = fixture}) < 0 ||
        sx__output_init(&fixture->output, fixture->app, fixture->path) != 0) {
        return -1;
    }
    watched = fixture->output.fd;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    sx__output_clean_up(&fixture->output);
    sx_app_destroy(fixture->app);
    (void)unlink(fixture->path);
    free(fixture);
    return 0;
}

static void write_line(struct fixture *fixture, const char *text, time_t now)
{
    struct sx__line line = {.bytes = "\n", .size = strlen(text)};
    memcpy(line.bytes + 1, text, line.size);
    sx__output_write(&fixture->output, &line, now);
}

static void assert_file(const struct fixture *fixture, const char *text)
{
    char have[512] = "";
    FILE *file = fopen(fixture->path, "r");
    assert_non_null(file);
    have[fread(have, 1, sizeof have - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(have, text);
}

static void a_line_that_was_half_written_is_ended(void **state)
{
    struct fixture *fixture = *state;
    write_line(fixture, "one\n", 1);
    next_write(3);
    write_line(fixture, "half a line\n", 1);
    write_line(fixture, "two\n", 1);
    write_line(fixture, "three\n", 1);
    assert_file(fixture, "one\nhal\ntwo\nthree\n");
    assert_non_null(strstr(fixture->log, ": lines lost: 1 (No space left on device)"));
}

static void an_end_that_could_not_be_written_is_not_forgotten(void **state)
{
    struct fixture *fixture = *state;
    next_write(3);
    write_line(fixture, "half a line\n", 1);
    next_write(-ENOSPC);
    write_line(fixture, "lost\n", 1);
    next_write(1); /* the end of the half line, and nothing of its own */
    write_line(fixture, "lost too\n", 1);
    write_line(fixture, "two\n", 1);
    assert_file(fixture, "hal\ntwo\n");
}

static void an_interrupted_write_is_repeated(void **state)
{
    struct fixture *fixture = *state;
    next_write(-EINTR);
    write_line(fixture, "one\n", 1);
    assert_file(fixture, "one\n");
    assert_int_equal(fixture->logged, 0);
}

static void losses_are_told_once_a_minute(void **state)
{
    struct fixture *fixture = *state;
    for (time_t now = 100; now < 160; now++) {
        next_write(-EIO);
        write_line(fixture, "lost\n", now);
    }
    assert_int_equal(fixture->logged, 1);
    assert_non_null(strstr(fixture->log, ": lines lost: 1 (Input/output error)"));
    write_line(fixture, "written\n", 160); /* the minute is over, though nothing is lost now */
    assert_int_equal(fixture->logged, 2);
    assert_non_null(strstr(fixture->log, ": lines lost: 59 (Input/output error)"));
    write_line(fixture, "written\n", 400);
    assert_int_equal(fixture->logged, 2);
    next_write(-EIO);
    write_line(fixture, "lost\n", 50); /* the clock was set back */
    assert_int_equal(fixture->logged, 3);
    assert_file(fixture, "written\nwritten\n");
}

#define TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_that_was_half_written_is_ended),
        TEST(an_end_that_could_not_be_written_is_not_forgotten),
        TEST(an_interrupted_write_is_repeated),
        TEST(losses_are_told_once_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
