/* A scrape reads resident pages only, and reclaiming a series allocates none. */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "directory.h"
#include "retired.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERIES 3000 /* six pages of cells in each row */
#define THREADS 6

static struct sx_registry *registry;
static struct sx_counter *counters[SERIES];
static struct sx_gauge *gauges[SERIES];
static struct sx_histogram *histograms[SERIES / 10];
static struct sx_page page;

static int set_up(void **state)
{
    (void)state;
    char text[16];
    struct sx_counter_family *counter_family = NULL;
    struct sx_gauge_family *gauge_family = NULL;
    struct sx_histogram_family *histogram_family = NULL;
    struct sx_registry_options small = {
        .shared = true, .thread_rows = 8, .row_bytes = 256 << 10, .directory_bytes = 4 << 20};
    struct sx_metric_options options = {.name = "c", .help = "C.", .labels = SX_LABELS("a")};
    if (sx_registry_new(&registry, &small) ||
        sx_counter_family_register(&counter_family, registry, &options)) {
        return -1;
    }
    options.name = "g";
    if (sx_gauge_family_register(&gauge_family, registry, &options)) {
        return -1;
    }
    options.name = "h";
    if (sx_histogram_family_register(&histogram_family, registry, &options)) {
        return -1;
    }
    for (int i = 0; i < SERIES; i++) {
        snprintf(text, sizeof text, "%d", i);
        counters[i] = sx_counter_with(counter_family, text);
        gauges[i] = sx_gauge_with(gauge_family, text);
        if (i % 10 == 0) {
            histograms[i / 10] = sx_histogram_with(histogram_family, text);
        }
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    sx_page_clean_up(&page);
    return 0;
}

static void render(void)
{
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
}

static bool page_has(const char *text)
{
    return memmem(page.data, page.size, text, strlen(text)) != NULL;
}

/* Bytes that the arena takes of the machine's memory. */
static long long allocated(void)
{
    struct stat status;
    assert_int_equal(fstat(sx__arenas[registry->arena].file, &status), 0);
    return (long long)status.st_blocks * 512;
}

static pthread_barrier_t together;

/* All at once, so that each has a thread row of its own. */
static void *update_one_of_each(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&together);
    sx_counter_inc(counters[SERIES / 2]);
    sx_histogram_observe(histograms[SERIES / 20], 0.5);
    pthread_barrier_wait(&together);
    return NULL;
}

static void update_by_threads(void)
{
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, update_one_of_each, NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    pthread_barrier_destroy(&together);
}

static void test_a_scrape_allocates_no_memory_of_the_arena(void **state)
{
    (void)state;
    sx_gauge_set(gauges[SERIES - 1], 7);
    update_by_threads();
    /* The look-ups of this thread gave it a row, too. */
    assert_int_equal(registry->thread_rows_claimed, THREADS + 1);
    long long before = allocated();
    for (int i = 0; i < 3; i++) {
        render();
        assert_int_equal(allocated() - before, 0);
    }
    assert_true(page_has("c{a=\"1500\"} 6\n"));
    assert_true(page_has("c{a=\"1499\"} 0\n"));
    assert_true(page_has("g{a=\"2999\"} 7\n"));
    assert_true(page_has("h_bucket{a=\"1500\",le=\"0.5\"} 6\n"));
    assert_true(page_has("h_sum{a=\"1500\"} 3\n"));
}

static void remove_all(const char *name)
{
    struct sx_metric_options options = {.name = name, .help = "C.", .labels = SX_LABELS("a")};
    if (name[0] == 'c') {
        struct sx_counter_family *family = NULL;
        assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
        assert_int_equal(sx_counter_family_clear(family), SERIES);
    } else if (name[0] == 'g') {
        struct sx_gauge_family *family = NULL;
        assert_int_equal(sx_gauge_family_register(&family, registry, &options), SX_OK);
        assert_int_equal(sx_gauge_family_clear(family), SERIES);
    } else {
        struct sx_histogram_family *family = NULL;
        assert_int_equal(sx_histogram_family_register(&family, registry, &options), SX_OK);
        assert_int_equal(sx_histogram_family_clear(family), SERIES / 10);
    }
}

/* Another process that uses the registry, and has written to its row only what all write. */
static pid_t start_process(int *end)
{
    int ends[2];
    char byte = 0;
    int ready[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(ready), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        for (int i = 0; i < SERIES; i++) { /* its parent's handles are its own, too */
            sx_counter_release(counters[i]);
            sx_gauge_release(gauges[i]);
            sx_histogram_release(i % 10 == 0 ? histograms[i / 10] : NULL);
        }
        if (write(ready[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 0) {
            _exit(0);
        }
        _exit(1);
    }
    close(ends[0]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *end = ends[1];
    return child;
}

static void test_reclaiming_allocates_no_memory_of_the_arena(void **state)
{
    (void)state;
    int end = -1;
    const pid_t child = start_process(&end);
    update_by_threads();
    for (int i = 0; i < SERIES; i++) {
        sx_counter_release(counters[i]);
        sx_gauge_release(gauges[i]);
        sx_histogram_release(i % 10 == 0 ? histograms[i / 10] : NULL);
    }
    registry->fork_ns = 0; /* as some seconds later: the child has counted its handles */
    const long long before = allocated();
    remove_all("c");
    remove_all("g");
    remove_all("h");
    sx__directory_lock(registry);
    (void)sx__retired_reclaim_all(registry);
    sx__directory_unlock(registry);
    assert_int_equal(registry->retired.count, 0);
    assert_int_equal(allocated() - before, 0);
    close(end);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* What an update by this very thread has touched since is on the next page. */
static void test_each_scrape_sees_what_was_touched_before_it(void **state)
{
    (void)state;
    char line[32];
    for (int i = 0; i < SERIES; i += 250) {
        render();
        snprintf(line, sizeof line, "c{a=\"%d\"} 0\n", i);
        assert_true(page_has(line));
        sx_counter_inc(counters[i]);
        sx_gauge_set(gauges[i], 5);
        render();
        snprintf(line, sizeof line, "c{a=\"%d\"} 1\n", i);
        assert_true(page_has(line));
        snprintf(line, sizeof line, "g{a=\"%d\"} 5\n", i);
        assert_true(page_has(line));
    }
}

/* ---- a page that the kernel is moving is a hole for an instant ---- */

#define PAGE_BYTES 4096

static off_t moving = -1; /* offset of the page in the file */
static unsigned passes_hidden;
static struct sx_counter *update_meanwhile; /* while it is hidden, of a page behind it; or NULL */

off_t __real_lseek(int file, off_t offset, int whence);
off_t __wrap_lseek(int file, off_t offset, int whence);

/* The page is a hole for as many passes as it is to be hidden. */
off_t __wrap_lseek(int file, off_t offset, int whence)
{
    off_t at = __real_lseek(file, offset, whence);
    if (passes_hidden == 0 || at < 0) {
        return at;
    }
    if (whence == SEEK_HOLE && at > moving && offset < moving) {
        return moving;
    }
    if (whence == SEEK_DATA && at >= moving && at < moving + PAGE_BYTES) {
        passes_hidden--;
        sx_counter_inc(update_meanwhile);
        return __real_lseek(file, moving + PAGE_BYTES, whence);
    }
    return at;
}

static void count_hidden_for(unsigned passes)
{
    sx_counter_inc(counters[2000]);
    const char *cell = sx__thread_rows[registry->arena] + counters[2000]->cell * SX__CELL_BYTES;
    moving = (cell - (const char *)registry) / PAGE_BYTES * PAGE_BYTES;
    passes_hidden = passes;
    long long before = allocated();
    render();
    passes_hidden = 0;
    assert_int_equal(allocated() - before, update_meanwhile == NULL ? 0 : PAGE_BYTES);
}

static void test_a_page_that_is_moved_during_a_scrape_is_counted(void **state)
{
    (void)state;
    for (unsigned passes = 1; passes <= 3; passes++) {
        char line[32];
        count_hidden_for(passes);
        snprintf(line, sizeof line, "c{a=\"2000\"} %u\n", passes);
        assert_true(page_has(line));
    }
}

/* What is found is as much as there was before, but is not the same. */
static void test_a_page_that_is_new_does_not_stand_in_for_one_that_is_moved(void **state)
{
    (void)state;
    update_meanwhile = counters[SERIES - 1];
    count_hidden_for(1);
    update_meanwhile = NULL;
    assert_true(page_has("c{a=\"2000\"} 1\n"));
    assert_true(page_has("c{a=\"2999\"} 1\n"));
}

static void test_a_page_that_stays_hidden_ends_the_scrape_all_the_same(void **state)
{
    (void)state;
    count_hidden_for(UINT_MAX);
    assert_true(page_has("c{a=\"2000\"} 0\n")); /* so the hiding works */
}

static void test_what_other_processes_touched_is_seen(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        sx_counter_inc(counters[2000]);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    render();
    assert_true(page_has("c{a=\"2000\"} 1\n"));
}

/* In a process of its own, as the descriptor is gone afterwards. Gives what `check` gives. */
static int in_child(int check(void))
{
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(check());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int check_without_descriptor(void)
{
    (void)close(sx__arenas[registry->arena].file);
    sx_counter_inc(counters[2500]);
    render();
    return page_has("c{a=\"2500\"} 1\n") && page_has("c{a=\"2499\"} 0\n") ? 0 : 1;
}

static int check_with_another_file(void)
{
    FILE *other = tmpfile();
    if (other == NULL || fputs("nothing of ours", other) < 0 || fflush(other) != 0 ||
        lseek(fileno(other), 3, SEEK_SET) != 3 ||
        dup2(fileno(other), sx__arenas[registry->arena].file) < 0) {
        return 2;
    }
    sx_counter_inc(counters[2500]);
    render();
    bool good = page_has("c{a=\"2500\"} 1\n") && page_has("c{a=\"2499\"} 0\n") &&
                lseek(fileno(other), 0, SEEK_CUR) == 3;
    return good ? 0 : 1;
}

static void test_a_program_that_closes_all_descriptors_loses_nothing(void **state)
{
    (void)state;
    assert_int_equal(in_child(check_without_descriptor), 0);
}

static void test_a_file_that_took_the_descriptor_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(in_child(check_with_another_file), 0);
}

static void test_the_descriptor_is_closed_on_exec(void **state)
{
    (void)state;
    int file = sx__arenas[registry->arena].file;
    assert_true(file >= 0);
    assert_int_equal(fcntl(file, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_scrape_allocates_no_memory_of_the_arena),
        TEST(test_reclaiming_allocates_no_memory_of_the_arena),
        TEST(test_each_scrape_sees_what_was_touched_before_it),
        TEST(test_a_page_that_is_moved_during_a_scrape_is_counted),
        TEST(test_a_page_that_is_new_does_not_stand_in_for_one_that_is_moved),
        TEST(test_a_page_that_stays_hidden_ends_the_scrape_all_the_same),
        TEST(test_what_other_processes_touched_is_seen),
        TEST(test_a_program_that_closes_all_descriptors_loses_nothing),
        TEST(test_a_file_that_took_the_descriptor_is_left_alone),
        TEST(test_the_descriptor_is_closed_on_exec),
    };
    return has_shared_registries() ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED_PROGRAM;
}
