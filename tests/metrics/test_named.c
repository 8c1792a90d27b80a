/* A registry with a name: programs that open it count together; what does not fit is refused; a
 * full /dev/shm is an error. Processes that are unrelated are children that were forked before they
 * opened the registry. */
#define _GNU_SOURCE /* unshare, SEEK_DATA */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "named_arena.h"
#include "page.h"
#include "sanitized.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char name[64];  /* of this run */
static char path[128]; /* of its file */

static const struct sx_registry_options *named(void)
{
    static struct sx_registry_options options;
    options = (struct sx_registry_options){
        .shared_name = name, .thread_rows = 4, .row_bytes = 1 << 20, .directory_bytes = 4 << 20};
    return &options;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(name, sizeof name, "test-named-%ld", (long)getpid());
    snprintf(path, sizeof path, "/dev/shm/sextant-%lu-%s", (unsigned long)geteuid(), name);
    (void)sx_registry_unlink(name);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)rmdir(path);
    return 0;
}

static struct sx_registry *open_named(void)
{
    struct sx_registry *registry = NULL;
    assert_int_equal(sx_registry_new(&registry, named()), SX_OK);
    return registry;
}

static int try_to_open(void)
{
    struct sx_registry *registry = NULL;
    const int status = sx_registry_new(&registry, named());
    if (status == SX_OK) {
        sx_registry_destroy(registry);
    }
    return status;
}

static struct sx_counter *counter_of(struct sx_registry *registry)
{
    struct sx_counter *counter = NULL;
    assert_int_equal(
        sx_counter_register(&counter, registry,
                            &(struct sx_metric_options){.name = "done_total", .help = "Done."}),
        SX_OK);
    return counter;
}

static struct sx_gauge *gauge_of(struct sx_registry *registry)
{
    struct sx_gauge *gauge = NULL;
    assert_int_equal(
        sx_gauge_register(&gauge, registry, &(struct sx_metric_options){.name = "working"}), SX_OK);
    return gauge;
}

/* Runs the function in a child, and returns its wait status. */
static int run_in_child(void (*run)(void))
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* ---- counting together ---- */

static void count_five(void)
{
    struct sx_registry *registry = NULL;
    struct sx_counter *counter = NULL;
    struct sx_gauge *gauge = NULL;
    if (sx_registry_new(&registry, named()) != SX_OK ||
        sx_counter_register(&counter, registry,
                            &(struct sx_metric_options){.name = "done_total", .help = "Done."}) !=
            SX_OK ||
        sx_gauge_register(&gauge, registry, &(struct sx_metric_options){.name = "working"}) !=
            SX_OK) {
        _exit(1);
    }
    sx_counter_add(counter, 5);
    sx_gauge_set(gauge, 7);
    (void)raise(SIGKILL);
}

static void test_processes_that_open_a_name_count_together(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_registry *registry = NULL;
    const pid_t child = fork();
    if (child == 0) {
        count_five();
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    registry = open_named();
    sx_counter_add(counter_of(registry), 1);
    sx_gauge_set(gauge_of(registry), 2);
    const char *page = page_text(registry);
    page_assert_line(page, "done_total 6");
    page_assert_line(page, "working 2"); /* the other process has died */
    assert_true(sx_registry_is_shared(registry));
    sx_registry_destroy(registry);
}

static void test_numbers_stay_until_the_name_is_removed(void **state)
{
    (void)state;
    need_shared_registries();
    for (int i = 1; i <= 3; i++) {
        struct sx_registry *registry = open_named();
        sx_counter_add(counter_of(registry), 1);
        sx_gauge_add(gauge_of(registry), 1);
        assert_true(sx_counter_value(counter_of(registry)) == i);
        assert_true(sx_gauge_value(gauge_of(registry)) == 1); /* of this process, each time anew */
        sx_registry_destroy(registry);
    }
    assert_int_equal(sx_registry_unlink(name), 1);
    assert_int_equal(sx_registry_unlink(name), 0);
    struct sx_registry *registry = open_named();
    assert_true(sx_counter_value(counter_of(registry)) == 0);
    sx_registry_destroy(registry);
}

static void test_a_removed_name_makes_another_registry(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_registry *first = open_named();
    sx_counter_add(counter_of(first), 3);
    assert_int_equal(sx_registry_unlink(name), 1);
    struct sx_registry *second = open_named();
    assert_true(sx_counter_value(counter_of(second)) == 0);
    sx_counter_add(counter_of(second), 1);
    assert_true(sx_counter_value(counter_of(first)) == 3);
    assert_true(sx_counter_value(counter_of(second)) == 1);
    sx_registry_destroy(first);
    sx_registry_destroy(second);
}

static void test_children_of_fork_count_too(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_registry *registry = open_named();
    struct sx_counter *counter = counter_of(registry);
    sx_counter_add(counter, 1);
    const pid_t child = fork();
    if (child == 0) {
        sx_counter_add(counter, 10);
        sx_registry_destroy(registry);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(sx_counter_value(counter) == 11);
    sx_registry_destroy(registry);
}

struct worker {
    struct sx_counter *counter;
    int updated[2];
    int end[2];
};

static void *update_and_wait(void *context)
{
    struct worker *worker = context;
    char c = 'x';
    sx_counter_add(worker->counter, 1);
    assert_int_equal(write(worker->updated[1], &c, 1), 1);
    assert_int_equal(read(worker->end[0], &c, 1), 1);
    return NULL;
}

/* The kernel's list of the thread's robust mutexes leads through the mapping. */
static void test_it_stays_mapped_while_a_thread_has_a_row(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_registry *registry = open_named();
    struct worker worker = {.counter = counter_of(registry)};
    pthread_t thread;
    char c = 'x';
    assert_int_equal(pipe(worker.updated), 0);
    assert_int_equal(pipe(worker.end), 0);
    assert_int_equal(pthread_create(&thread, NULL, update_and_wait, &worker), 0);
    assert_int_equal(read(worker.updated[0], &c, 1), 1);
    assert_int_equal(try_to_open(), SX_ESTATE); /* it is open */
    sx_registry_destroy(registry);
    assert_int_equal(try_to_open(), SX_ESTATE); /* and now the thread has a row */
    assert_int_equal(write(worker.end[1], &c, 1), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    registry = open_named();
    assert_true(sx_counter_value(counter_of(registry)) == 1);
    sx_registry_destroy(registry);
    for (int i = 0; i < 2; i++) {
        (void)close(worker.updated[i]);
        (void)close(worker.end[i]);
    }
}

static void open_and_close(void)
{
    if (try_to_open() != SX_OK) {
        _exit(1);
    }
}

static void test_its_place_must_be_free(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_registry *others[SX__ARENAS];
    size_t count = 0;
    assert_int_equal(run_in_child(open_and_close), 0);
    /* Private registries take the first places, so at last the one of the name is taken. */
    while (count < SX__ARENAS && try_to_open() == SX_OK) {
        assert_int_equal(sx_registry_new(&others[count], NULL), SX_OK);
        count++;
    }
    assert_int_equal(try_to_open(), SX_EREGISTRIES);
    assert_true(count >= SX__ARENAS / 2);
    while (count-- > 0) {
        sx_registry_destroy(others[count]);
    }
    assert_int_equal(try_to_open(), SX_OK);
}

/* ---- what is refused ---- */

static void test_names(void **state)
{
    (void)state;
    need_shared_registries();
    char longest[202];
    memset(longest, 'a', sizeof longest - 1);
    longest[201] = '\0';
    static const char *const bad[] = {"", "a/b", "../a", "a b", "\xC3\xA4", "a\n"};
    struct sx_registry *registry = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct sx_registry_options options = {.shared_name = bad[i]};
        assert_int_equal(sx_registry_new(&registry, &options), SX_EINVAL);
        assert_int_equal(sx_registry_unlink(bad[i]), SX_EINVAL);
    }
    struct sx_registry_options options = *named();
    options.shared_name = longest;
    assert_int_equal(sx_registry_new(&registry, &options), SX_EINVAL);
    assert_int_equal(sx_registry_unlink(NULL), SX_EINVAL);
    memcpy(longest, name, strlen(name));
    longest[200] = '\0';
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    sx_registry_destroy(registry);
    assert_int_equal(sx_registry_unlink(longest), 1);
}

static void make_file(mode_t mode)
{
    const int file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, mode);
    assert_true(file >= 0);
    assert_int_equal(fchmod(file, mode), 0);
    (void)close(file);
}

static void test_a_file_that_others_may_open(void **state)
{
    (void)state;
    need_shared_registries();
    static const mode_t modes[] = {0660, 0604, 0610, 0601};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        make_file(modes[i]);
        assert_int_equal(try_to_open(), SX_EACCESS);
        assert_int_equal(unlink(path), 0);
    }
    make_file(0600); /* empty, as its maker died at once */
    assert_int_equal(try_to_open(), SX_OK);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void test_a_file_of_another_user(void **state)
{
    (void)state;
    need_shared_registries();
    make_file(0600);
    if (chown(path, 65534, (gid_t)-1) != 0) {
        skip(); /* only root can give files away */
    }
    assert_int_equal(try_to_open(), SX_EACCESS);
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    need_shared_registries();
    char target[sizeof path + 8];
    snprintf(target, sizeof target, "%s-target", path);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(try_to_open(), SX_EACCESS);
    assert_int_equal(access(target, F_OK), -1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(try_to_open(), SX_EACCESS);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(try_to_open(), SX_EACCESS);
    assert_int_equal(rmdir(path), 0);
}

static void test_a_file_of_something_else(void **state)
{
    (void)state;
    need_shared_registries();
    static const char text[] = "not a registry";
    make_file(0600);
    const int file = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(write(file, text, sizeof text), sizeof text);
    (void)close(file);
    assert_int_equal(try_to_open(), SX_ELAYOUT);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, sizeof text); /* it is left as it was */
}

/* Changes a byte of the label, and opens the registry. */
static void assert_label_is_checked(size_t offset)
{
    const int file = open(path, O_RDWR | O_CLOEXEC);
    unsigned char byte;
    assert_int_equal(pread(file, &byte, 1, (off_t)offset), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(file, &byte, 1, (off_t)offset), 1);
    if (try_to_open() != SX_ELAYOUT) {
        fail_msg("a change of byte %zu of the label is not noticed", offset);
    }
    byte ^= 0x10;
    assert_int_equal(pwrite(file, &byte, 1, (off_t)offset), 1);
    (void)close(file);
}

static void test_each_member_of_the_label_is_checked(void **state)
{
    (void)state;
    need_shared_registries();
    static const size_t members[] = {
        offsetof(struct sx__shared_label, magic),
        offsetof(struct sx__shared_label, layout.format),
        offsetof(struct sx__shared_label, layout.byte_order),
        offsetof(struct sx__shared_label, layout.pointer_bytes),
        offsetof(struct sx__shared_label, layout.page_bytes),
        offsetof(struct sx__shared_label, layout.mutex_bytes),
        offsetof(struct sx__shared_label, layout.header_bytes),
        offsetof(struct sx__shared_label, layout.seat_bytes),
        offsetof(struct sx__shared_label, layout.family_bytes),
        offsetof(struct sx__shared_label, layout.series_bytes),
        offsetof(struct sx__shared_label, layout.process_rows),
        offsetof(struct sx__shared_label, layout.libc),
        offsetof(struct sx__shared_label, geometry.thread_rows),
        offsetof(struct sx__shared_label, geometry.process_rows),
        offsetof(struct sx__shared_label, geometry.row_bytes),
        offsetof(struct sx__shared_label, geometry.row_stride),
        offsetof(struct sx__shared_label, geometry.header_bytes),
        offsetof(struct sx__shared_label, geometry.directory_bytes),
        offsetof(struct sx__shared_label, geometry.rows_offset),
        offsetof(struct sx__shared_label, geometry.total_bytes),
        offsetof(struct sx__shared_label, geometry.page_bytes),
    };
    assert_int_equal(try_to_open(), SX_OK);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        assert_label_is_checked(members[i]);
    }
    assert_int_equal(try_to_open(), SX_OK);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - 1), 0);
    assert_int_equal(try_to_open(), SX_ELAYOUT);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(try_to_open(), SX_ELAYOUT);
}

static void test_options_that_differ(void **state)
{
    (void)state;
    need_shared_registries();
    static const struct sx_label site = {"site", {"a", 1}};
    struct sx_registry *registry = NULL;
    struct sx_registry_options options = *named();
    options.name_prefix = "app_";
    options.constant_labels = &site;
    options.constant_label_count = 1;
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    sx_registry_destroy(registry);
    assert_int_equal(try_to_open(), SX_EEXIST);
    struct sx_registry_options other = options;
    other.name_prefix = "apq_";
    assert_int_equal(sx_registry_new(&registry, &other), SX_EEXIST);
    other = options;
    other.constant_labels = &(struct sx_label){"site", {"b", 1}};
    assert_int_equal(sx_registry_new(&registry, &other), SX_EEXIST);
    other = options;
    other.created_timestamps = true;
    assert_int_equal(sx_registry_new(&registry, &other), SX_EEXIST);
    options.row_bytes *= 2; /* sizes may differ */
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    sx_registry_destroy(registry);
}

#ifdef SX_AMALGAMATION
#define NEED_WRAPPED() skip() /* one file has no calls that could be wrapped */
#else
#define NEED_WRAPPED() need_shared_registries()
#endif

/* ---- makers that die ---- */

static unsigned writes_left = UINT32_MAX; /* after so many, the process dies in the next */

bool __real_sx__file_write(int file, size_t offset, const void *from, size_t bytes);
bool __wrap_sx__file_write(int file, size_t offset, const void *from, size_t bytes);

bool __wrap_sx__file_write(int file, size_t offset, const void *from, size_t bytes)
{
    if (writes_left-- == 0) {
        (void)raise(SIGKILL);
    }
    return __real_sx__file_write(file, offset, from, bytes);
}

static unsigned allocations_left = UINT32_MAX;
static bool dies; /* instead of failing */
static unsigned char *has_memory;
static size_t page_bytes;

/* One for each page of the file that was given memory. */
static void note_memory(size_t offset, size_t bytes)
{
    for (size_t page = offset / page_bytes; page * page_bytes < offset + bytes; page++) {
        has_memory[page] = 1;
    }
}

bool __real_sx__file_allocate(int file, size_t offset, size_t bytes);
bool __wrap_sx__file_allocate(int file, size_t offset, size_t bytes);

bool __wrap_sx__file_allocate(int file, size_t offset, size_t bytes)
{
    if (allocations_left == 0) {
        if (dies) {
            (void)raise(SIGKILL);
        }
        return false;
    }
    allocations_left--;
    if (has_memory != NULL) {
        note_memory(offset, bytes);
    }
    return __real_sx__file_allocate(file, offset, bytes);
}

static void test_a_maker_that_is_killed_blocks_nobody(void **state)
{
    (void)state;
    NEED_WRAPPED();
    int status = SIGKILL;
    unsigned kills = 0;
    for (unsigned step = 0; WIFSIGNALED(status); step++) {
        writes_left = step;
        status = run_in_child(open_and_close);
        writes_left = UINT32_MAX;
        kills += WIFSIGNALED(status);
        struct sx_registry *registry = open_named();
        sx_counter_add(counter_of(registry), 1);
        assert_true(sx_counter_value(counter_of(registry)) == 1);
        sx_registry_destroy(registry);
        assert_int_equal(sx_registry_unlink(name), 1);
    }
    assert_int_equal(status, 0);
    assert_int_equal(kills, 2); /* before the label, and before its magic */
    status = SIGKILL;
    dies = true;
    for (kills = 0; kills == 0 || WIFSIGNALED(status); kills++) {
        allocations_left = kills;
        status = run_in_child(open_and_close);
        allocations_left = UINT32_MAX;
        assert_int_equal(try_to_open(), SX_OK);
        assert_int_equal(sx_registry_unlink(name), 1);
    }
    dies = false;
    assert_int_equal(status, 0);
    assert_true(kills > 3);
}

/* ---- a full /dev/shm ---- */

static void *update_counter(void *counter)
{
    sx_counter_add(counter, 1);
    return NULL;
}

/* Uses each part of a registry. Every failure is an error, and no update is lost. Returns whether
 * nothing failed. */
static bool use_all_parts(void)
{
    struct sx_registry *registry = NULL;
    struct sx_counter_family *family = NULL;
    struct sx_counter *counter = NULL;
    struct sx_gauge *gauge = NULL;
    int status = sx_registry_new(&registry, named());
    bool is_full = status != SX_OK;
    if (is_full) {
        assert_int_equal(status, SX_ENOMEM);
        return false;
    }
    status =
        sx_counter_register(&counter, registry, &(struct sx_metric_options){.name = "done_total"});
    is_full |= status != SX_OK;
    assert_true(status == SX_OK || status == SX_EFULL);
    status = sx_counter_family_register(
        &family, registry,
        &(struct sx_metric_options){.name = "jobs_total", .labels = SX_LABELS("n")});
    is_full |= status != SX_OK;
    assert_true(status == SX_OK || status == SX_EFULL);
    for (int i = 0; i < 3000 && family != NULL; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        sx_counter_add_with(family, 1, text);
    }
    for (int i = 0; i < 2500; i++) { /* cells of processes */
        char text[16];
        snprintf(text, sizeof text, "g%d", i);
        status = sx_gauge_register(&gauge, registry, &(struct sx_metric_options){.name = text});
        is_full |= status != SX_OK;
        sx_gauge_set(gauge, 1);
    }
    if (gauge != NULL) { /* looks for pins in the rows of all processes */
        assert_int_equal(sx_gauge_unregister(gauge), 1);
    }
    double added = 0;
    for (int i = 0; i < 3 && counter != NULL; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, update_counter, counter), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        sx_counter_add(counter, 1);
        added += 2;
    }
    assert_true(counter == NULL || sx_counter_value(counter) == added);
    struct sx_page page = {0};
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    is_full |= family != NULL && strstr(page.data, SX_OVERFLOW_VALUE) != NULL;
    if (family != NULL) {
        assert_true(page_sum(page.data, "jobs_total") == 3000);
    }
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return !is_full;
}

/* Each page that has memory was given it: nothing was written, or read, before. */
static void assert_no_page_was_touched_without_memory(void)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    const size_t pages = (size_t)status.st_size / page_bytes + 1;
    size_t given = 0;
    for (size_t i = 0; i < pages; i++) {
        given += has_memory[i];
    }
    assert_int_equal((size_t)status.st_blocks * 512 / page_bytes, given);
}

static void test_nothing_is_touched_without_memory(void **state)
{
    (void)state;
    NEED_WRAPPED();
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    has_memory = calloc(1 << 20, 1);
    assert_non_null(has_memory);
    assert_true(use_all_parts());
    assert_no_page_was_touched_without_memory();
    free(has_memory);
    has_memory = NULL;
}

static void test_each_failing_allocation_is_an_error(void **state)
{
    (void)state;
    NEED_WRAPPED();
    bool is_done = false;
    unsigned steps = 0;
    for (; !is_done; steps += steps < 20 ? 1 : 7) {
        allocations_left = steps;
        is_done = use_all_parts();
        allocations_left = UINT32_MAX;
        (void)sx_registry_unlink(name);
        assert_true(steps < 1000);
    }
    assert_true(steps > 10);
}

static bool has_own_folder(unsigned kib)
{
    char size[32];
    snprintf(size, sizeof size, "size=%uk,mode=1777", kib);
    return mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, size) == 0;
}

#define CANNOT_MOUNT 77

/* With less and less memory, down to none. */
static void use_small_folders(void)
{
    static const unsigned sizes[] = {4, 8, 20, 40, 60, 80, 120, 200, 300, 500, 4000};
    const bool can = unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
    if (!can || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        _exit(CANNOT_MOUNT);
    }
    /* In a user namespace of its own, the process has another id. */
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (!has_own_folder(sizes[i])) {
            _exit(CANNOT_MOUNT);
        }
        const bool is_done = use_all_parts();
        if (is_done != (i + 1 == sizeof sizes / sizeof sizes[0])) {
            fprintf(stderr, "with %u KiB: %d\n", sizes[i], is_done);
            _exit(1);
        }
        (void)umount2("/dev/shm", MNT_DETACH);
    }
}

static void test_a_full_folder_is_an_error(void **state)
{
    (void)state;
    need_shared_registries();
    const int status = run_in_child(use_small_folders);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_MOUNT) {
        print_message("skipping: no file system can be mounted here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void open_with_small_files(void)
{
    const struct rlimit limit = {1 << 16, 1 << 16};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 || try_to_open() != SX_ENOMEM ||
        access(path, F_OK) == 0) {
        _exit(1);
    }
}

static void test_a_limit_of_file_sizes_is_an_error(void **state)
{
    (void)state;
    need_shared_registries();
    assert_int_equal(run_in_child(open_with_small_files), 0);
}

/* As daemons do. The kernel gives memory by address instead, or the registry is full. */
static void close_all_files(void)
{
    struct sx_registry *registry = NULL;
    struct sx_counter_family *family = NULL;
    if (sx_registry_new(&registry, named()) != SX_OK) {
        _exit(1);
    }
    for (int file = 3; file < 64; file++) {
        (void)close(file);
    }
    if (sx_counter_family_register(
            &family, registry,
            &(struct sx_metric_options){.name = "jobs_total", .labels = SX_LABELS("n")}) != SX_OK) {
        _exit(2);
    }
    for (int i = 0; i < 2000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        sx_counter_add_with(family, 1, text);
    }
    struct sx_page page = {0};
    if (sx_page_render(&page, registry, SX_FORMAT_TEXT) != SX_OK ||
        page_sum(page.data, "jobs_total") != 2000) {
        _exit(3);
    }
}

static void test_a_process_may_close_all_descriptors(void **state)
{
    (void)state;
    need_shared_registries();
    assert_int_equal(run_in_child(close_all_files), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_processes_that_open_a_name_count_together),
        TEST(test_numbers_stay_until_the_name_is_removed),
        TEST(test_a_removed_name_makes_another_registry),
        TEST(test_children_of_fork_count_too),
        TEST(test_it_stays_mapped_while_a_thread_has_a_row),
        TEST(test_its_place_must_be_free),
        TEST(test_names),
        TEST(test_a_file_that_others_may_open),
        TEST(test_a_file_of_another_user),
        TEST(test_what_is_no_file),
        TEST(test_a_file_of_something_else),
        TEST(test_each_member_of_the_label_is_checked),
        TEST(test_options_that_differ),
        TEST(test_a_maker_that_is_killed_blocks_nobody),
        TEST(test_nothing_is_touched_without_memory),
        TEST(test_each_failing_allocation_is_an_error),
        TEST(test_a_full_folder_is_an_error),
        TEST(test_a_limit_of_file_sizes_is_an_error),
        TEST(test_a_process_may_close_all_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
