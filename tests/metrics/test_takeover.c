/* A registry that the former program passes on is taken over if it means the same here. This test
 * starts itself again as the next program. */
#define _GNU_SOURCE /* memfd_create */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define COPIED_BYTES ((size_t)1 << 20) /* all that this registry uses of its directory */
#define COUNT 5

enum { TAKEN_OVER, REFUSED, WRONG };

static const struct sx_metric_options jobs = {.name = "jobs_total", .help = "Jobs."};

/* The next program. Its argument says which options it has. Returns what its exit status tells. */
static int be_next(const char *options)
{
    struct sx_counter *counter = NULL;
    const struct sx_label label = {"zone", {"a", 1}};
    struct sx_registry_options wanted = {.shared = true};
    if (strcmp(options, "rows") == 0) {
        wanted.thread_rows = 7;
    } else if (strcmp(options, "labels") == 0) {
        wanted.constant_labels = &label;
        wanted.constant_label_count = 1;
    } else if (strcmp(options, "created") == 0) {
        wanted.created_timestamps = true;
    } else if (strcmp(options, "private") == 0) {
        wanted.shared = false;
    }
    const bool clashes = strcmp(options, "clash") == 0;
    const struct sx_metric_options other = {.name = "jobs_total", .help = "Work."};
    if (sx_registry_default_init(&wanted) != SX_OK ||
        sx_counter_register(&counter, NULL, clashes ? &other : &jobs) !=
            (clashes ? SX_EEXIST : SX_OK)) {
        return WRONG;
    }
    const bool is_refused = sx_registry_has_refused_takeover(NULL);
    const double value = sx_counter_value(counter);
    return is_refused && value == 0 ? REFUSED : !is_refused && value == COUNT ? TAKEN_OVER : WRONG;
}

static int start_next(const char *variable, const char *options)
{
    int status = -1;
    const pid_t child = fork();
    if (child == 0) {
        setenv(SX_REGISTRY_VARIABLE, variable, 1);
        execl("/proc/self/exe", "takeover", options, (char *)NULL);
        _exit(WRONG);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int start_next_with(int file, const char *options)
{
    char number[16];
    snprintf(number, sizeof number, "%d", file);
    return start_next(number, options);
}

/* A registry with a counter at COUNT; a copy of it that the next program inherits. */
static int copy_of(const struct sx_registry *registry, size_t size)
{
    char *bytes = malloc(COPIED_BYTES);
    const int file = memfd_create("copy", 0);
    assert_non_null(bytes);
    assert_true(file >= 0);
    assert_int_equal(pread(sx_registry_get_descriptor(registry), bytes, COPIED_BYTES, 0),
                     COPIED_BYTES);
    assert_int_equal(pwrite(file, bytes, COPIED_BYTES, 0), COPIED_BYTES);
    assert_int_equal(ftruncate(file, (off_t)size), 0);
    free(bytes);
    return file;
}

static struct sx_registry *make_registry(void)
{
    struct sx_registry *registry = NULL;
    struct sx_counter *counter = NULL;
    assert_int_equal(sx_registry_new(&registry, &(struct sx_registry_options){.shared = true}),
                     SX_OK);
    assert_int_equal(sx_counter_register(&counter, registry, &jobs), SX_OK);
    sx_counter_add(counter, COUNT);
    return registry;
}

static void the_same_program_takes_it_over(void **state)
{
    (void)state;
    struct sx_registry *registry = make_registry();
    const int file = dup(sx_registry_get_descriptor(registry)); /* is not closed by execl() */
    assert_int_equal(start_next_with(file, "same"), TAKEN_OVER);
    assert_int_equal(start_next_with(file, "clash"), REFUSED);
    assert_int_equal(start_next_with(file, "rows"), REFUSED);
    assert_int_equal(start_next_with(file, "labels"), REFUSED);
    assert_int_equal(start_next_with(file, "created"), REFUSED);
    assert_int_equal(start_next_with(file, "private"), REFUSED);
    assert_int_equal(start_next_with(file, "same"), TAKEN_OVER); /* nothing has changed */
    close(file);
    sx_registry_destroy(registry);
}

static void what_is_no_registry_is_refused(void **state)
{
    (void)state;
    int pipes[2];
    const int empty = memfd_create("empty", 0);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(start_next("", "same"), REFUSED);
    assert_int_equal(start_next("-1", "same"), REFUSED);
    assert_int_equal(start_next("3x", "same"), REFUSED);
    assert_int_equal(start_next("99999999999999999999", "same"), REFUSED);
    assert_int_equal(start_next("1023", "same"), REFUSED);
    assert_int_equal(start_next_with(pipes[0], "same"), REFUSED);
    assert_int_equal(start_next_with(empty, "same"), REFUSED);
    assert_int_equal(ftruncate(empty, (off_t)COPIED_BYTES), 0);
    assert_int_equal(start_next_with(empty, "same"), REFUSED);
    close(empty);
    close(pipes[0]);
    close(pipes[1]);
}

static void another_layout_is_refused(void **state)
{
    (void)state;
    struct sx_registry *registry = make_registry();
    const size_t size = registry->geometry.total_bytes;
    const size_t bytes[] = {
        offsetof(struct sx_registry, layout.format),
        offsetof(struct sx_registry, layout.libc),
        offsetof(struct sx_registry, geometry.row_stride),
        offsetof(struct sx_registry, geometry.total_bytes),
        offsetof(struct sx_registry, arena),
        offsetof(struct sx_registry, shared),
    };
    const int shorter = copy_of(registry, size - registry->geometry.page_bytes);
    assert_int_equal(start_next_with(shorter, "same"), REFUSED);
    close(shorter);
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        const int file = copy_of(registry, size);
        unsigned char byte = 0;
        assert_int_equal(pread(file, &byte, 1, (off_t)bytes[i]), 1);
        byte ^= bytes[i] == offsetof(struct sx_registry, shared) ? 1 : 0x40;
        assert_int_equal(pwrite(file, &byte, 1, (off_t)bytes[i]), 1);
        assert_int_equal(start_next_with(file, "same"), REFUSED);
        close(file);
    }
    sx_registry_destroy(registry);
}

static void a_private_registry_has_no_descriptor(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    assert_int_equal(sx_registry_get_descriptor(registry), SX_ESTATE);
    assert_false(sx_registry_has_refused_takeover(registry));
    sx_registry_destroy(registry);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return be_next(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_program_takes_it_over),
        cmocka_unit_test(what_is_no_registry_is_refused),
        cmocka_unit_test(another_layout_is_refused),
        cmocka_unit_test(a_private_registry_has_no_descriptor),
    };
    if (!has_shared_registries()) {
        return SKIPPED_PROGRAM;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
