/* The page of a registry with a name, as a program renders it that takes no part in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "shared_object.h"
#include "shared_page.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <math.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char name[64];
static struct sx_registry *registry;
static struct sx_page page, other;

static int make(const struct sx_registry_options *changes)
{
    struct sx_registry_options options = *changes;
    if (!has_shared_registries()) {
        return 0;
    }
    snprintf(name, sizeof name, "test-shared-page-%ld", (long)getpid());
    (void)sx_registry_unlink(name);
    options.shared_name = name;
    options.thread_rows = 4;
    options.row_bytes = options.directory_bytes = 1 << 20;
    return sx_registry_new(&registry, &options);
}

static int set_up(void **state)
{
    (void)state;
    return make(&(struct sx_registry_options){0});
}

static int set_up_with_constants(void **state)
{
    static const struct sx_label labels[] = {{"site", {"a \"b\"\n\\", 7}}, {"host", {"", 0}}};
    (void)state;
    return make(&(struct sx_registry_options){
        .name_prefix = "app_", .constant_labels = labels, .constant_label_count = 2});
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    registry = NULL;
    (void)sx_registry_unlink(name);
    sx_page_clean_up(&page);
    sx_page_clean_up(&other);
    return 0;
}

static void register_all(void)
{
    struct sx_counter_family *jobs = NULL;
    struct sx_counter *plain = NULL, *huge = NULL;
    struct sx_gauge *gauge = NULL, *nothing = NULL;
    struct sx_histogram *classic = NULL, *native = NULL;
    struct sx_histogram_family *sizes = NULL;
    struct sx_summary *summary = NULL;
    struct sx_state_set *states = NULL;
    struct sx_info *info = NULL;
    int failed = 0;
#define OPTIONS(...) (&(struct sx_metric_options){__VA_ARGS__})
    failed |=
        sx_counter_family_register(&jobs, registry,
                                   OPTIONS(.name = "jobs_total", .help = "All \\ jobs.\nDone.",
                                           .labels = SX_LABELS("queue", "state")));
    failed |= sx_counter_register(&plain, registry, OPTIONS(.name = "plain_total"));
    failed |= sx_counter_register(&huge, registry, OPTIONS(.name = "huge_total"));
    failed |=
        sx_gauge_register(&gauge, registry, OPTIONS(.name = "temp.erature", .utf8_names = true));
    failed |= sx_gauge_register(&nothing, registry, OPTIONS(.name = "nothing"));
    failed |= sx_histogram_register(
        &classic, registry,
        OPTIONS(.name = "wait_seconds", .unit = "seconds", SX_BUCKETS(-1, .5, 1)));
    failed |= sx_histogram_register(&native, registry,
                                    OPTIONS(.name = "native", .native = {.growth_factor = 1.1}));
    failed |= sx_histogram_family_register(
        &sizes, registry,
        OPTIONS(.name = "sizes", .labels = SX_LABELS("l.\xC3\xA4"), .utf8_names = true));
    failed |= sx_summary_register(&summary, registry, OPTIONS(.name = "took"));
    failed |= sx_state_set_register(&states, registry, OPTIONS(.name = "mode"),
                                    (const char *const[]){"up", "down", "away", NULL});
    failed |= sx_info_register(&info, registry,
                               OPTIONS(.name = "build_info", .labels = SX_LABELS("version")));
    failed |= sx_info_set_strings(info, (const char *const[]){"1.2"}, 1);
    assert_int_equal(failed, SX_OK);
    sx_counter_add_with(jobs, 2, "mail", "done");
    sx_counter_add_with(jobs, 1.25, "mail", "done");
    sx_counter_add_with(jobs, 3, "", "\"quoted\"\\\n{},=");
    sx_counter_add(plain, 7);
    sx_counter_add(huge, 1e19);
    sx_gauge_set(gauge, -0.5);
    sx_histogram_observe(classic, -3);
    sx_histogram_observe(classic, .75);
    sx_histogram_observe(classic, INFINITY);
    sx_histogram_observe(native, 12);
    sx_histogram_observe(sx_histogram_with(sizes, "x"), .1);
    sx_summary_observe(summary, 100);
    sx_summary_observe(summary, 1);
    sx_state_set_set(states, 0, true);
    sx_state_set_set(states, 2, true);
}

/* What the program itself shows. */
static void assert_pages_are_equal(enum sx_format format, enum sx_escaping escaping)
{
    const struct sx_page_options options = {.format = format, .escaping = escaping};
    assert_int_equal(sx_page_render_options(&other, &registry, 1, &options), SX_OK);
    assert_int_equal(sx_page_render_shared(&page, name, &options), SX_OK);
    assert_string_equal(page.data, other.data);
}

static void test_the_page_is_that_of_a_participant(void **state)
{
    (void)state;
    need_shared_registries();
    assert_pages_are_equal(SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT);
    assert_string_equal(page.data, "");
    register_all();
    assert_pages_are_equal(SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT);
    assert_non_null(strstr(page.data, "jobs_total{"));
    assert_pages_are_equal(SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_ALLOW_UTF_8);
    assert_pages_are_equal(SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_VALUES);
}

static void test_removed_series_are_not_shown(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_gauge_family *family = NULL;
    assert_int_equal(
        sx_gauge_family_register(
            &family, registry,
            &(struct sx_metric_options){.name = "g", .labels = SX_LABELS("a"), .max_series = 2}),
        SX_OK);
    struct sx_gauge *pinned = sx_gauge_with(family, "pinned");
    sx_gauge_set_with(family, 1, "first");
    sx_gauge_set_with(family, 2, "beyond"); /* the overflow series */
    assert_int_equal(sx_gauge_family_remove(family, &(struct sx_str){"pinned", 6}, 1), 1);
    sx_gauge_set(pinned, 5);
    assert_pages_are_equal(SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT);
    assert_non_null(strstr(page.data, "g{a=\"first\"} 1\ng{a=\"__overflow__\"} 2\n"));
    assert_null(strstr(page.data, "pinned"));
}

static void test_what_is_counted_about_families_is_shown(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_counter_family *family = NULL;
    const struct sx_metric_options limited = {
        .name = "c_total", .labels = SX_LABELS("a"), .max_series = 1};
    assert_int_equal(sx_counter_family_register(&family, registry, &limited), SX_OK);
    sx_counter_inc_with(family, "first");
    sx_counter_inc_with(family, "second");
    sx_counter_add_with(family, -1, "first");
    assert_pages_are_equal(SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT);
    assert_non_null(strstr(page.data, "sextant_series_overflowed_total{"));
    assert_non_null(strstr(page.data, "sextant_updates_ignored_total{"));
}

/* Sets a gauge in a child that opens the registry by itself, and waits until the child did so. */
static pid_t set_in_child(double value, int *end)
{
    int ready[2], stay[2];
    char c = 'x';
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(stay), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct sx_gauge *gauge = NULL;
        (void)close(stay[1]);
        const struct sx_metric_options options = {.name = "working"};
        if (sx_gauge_register(&gauge, registry, &options) != SX_OK) {
            _exit(1);
        }
        sx_gauge_set(gauge, value);
        if (write(ready[1], &c, 1) == 1) {
            (void)!read(stay[0], &c, 1);
        }
        _exit(0);
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    (void)close(ready[0]);
    (void)close(stay[0]);
    *end = stay[1];
    return child;
}

static void test_gauges_of_processes_that_died_do_not_count(void **state)
{
    (void)state;
    need_shared_registries();
    int end[2];
    pid_t children[2];
    children[0] = set_in_child(3, &end[0]);
    children[1] = set_in_child(4, &end[1]);
    assert_int_equal(sx_page_render_shared(&page, name, NULL), SX_OK);
    assert_string_equal(page.data, "# TYPE working gauge\nworking 7\n");
    assert_int_equal(kill(children[0], SIGKILL), 0);
    assert_int_equal(waitpid(children[0], NULL, 0), children[0]);
    assert_int_equal(sx_page_render_shared(&page, name, NULL), SX_OK);
    assert_string_equal(page.data, "# TYPE working gauge\nworking 4\n");
    (void)close(end[1]);
    assert_int_equal(waitpid(children[1], NULL, 0), children[1]);
    (void)close(end[0]);
    assert_int_equal(sx_page_render_shared(&page, name, NULL), SX_OK);
    assert_string_equal(page.data, "# TYPE working gauge\nworking 0\n");
}

#define MODES (SX_MODE_SHARED + 1)

/* The last one is of SX_MODE_LIVE_ALL, whose gauges are at the end of a participant's page. */
static const enum sx_multiprocess_mode modes[MODES] = {
    SX_MODE_LIVE_SUM,    SX_MODE_SUM,      SX_MODE_LIVE_MIN, SX_MODE_MIN,
    SX_MODE_LIVE_MAX,    SX_MODE_MAX,      SX_MODE_SHARED,   SX_MODE_LIVE_MOST_RECENT,
    SX_MODE_MOST_RECENT, SX_MODE_LIVE_ALL,
};

static void set_all_modes(double value)
{
    for (size_t i = 0; i < MODES; i++) {
        char text[16];
        struct sx_gauge *gauge = NULL;
        snprintf(text, sizeof text, "mode_%d", (int)modes[i]);
        const struct sx_metric_options options = {.name = text, .multiprocess_mode = modes[i]};
        if (sx_gauge_register(&gauge, registry, &options) != SX_OK) {
            abort();
        }
        sx_gauge_set(gauge, value);
    }
}

/* Sets them in a child that then ends, before or after it is seen. */
static void set_in_child_that_ends(double value, bool is_seen)
{
    int seen[2];
    char c = 'x';
    assert_int_equal(pipe(seen), 0);
    const pid_t child = fork();
    if (child == 0) {
        set_all_modes(value);
        (void)!write(seen[1], &c, 1);
        (void)pause();
    }
    assert_int_equal(read(seen[0], &c, 1), 1);
    if (is_seen) {
        assert_pages_are_equal(SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(seen[0]);
    (void)close(seen[1]);
}

/* The copy is read first, when nothing has been kept yet, and then once more. */
static void test_gauges_of_all_modes(void **state)
{
    (void)state;
    need_shared_registries();
    const double values[] = {3, 9, -2, 4};
    set_all_modes(5);
    for (size_t i = 0; i < 4; i++) {
        set_in_child_that_ends(values[i], i % 2 == 0);
        assert_int_equal(sx_page_render_shared(&page, name, NULL), SX_OK);
        assert_int_equal(sx_page_render(&other, registry, SX_FORMAT_TEXT), SX_OK);
        assert_string_equal(page.data, other.data);
        assert_pages_are_equal(SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT);
    }
    assert_non_null(strstr(page.data, "\nmode_8{process=\"0\"} 5\n"));
    assert_non_null(strstr(page.data, "\nmode_1 19\n"));
    assert_non_null(strstr(page.data, "\nmode_3 -2\n"));
}

static void test_errors(void **state)
{
    (void)state;
    need_shared_registries();
    const struct sx_page_options unknown = {.format = (enum sx_format)9};
    assert_int_equal(sx_page_render_shared(NULL, name, NULL), SX_EINVAL);
    assert_int_equal(sx_page_render_shared(&page, NULL, NULL), SX_EINVAL);
    assert_int_equal(sx_page_render_shared(&page, "a/b", NULL), SX_EINVAL);
    assert_int_equal(sx_page_render_shared(&page, name, &unknown), SX_EINVAL);
    assert_int_equal(sx_registry_unlink(name), 1);
    assert_int_equal(sx_page_render_shared(&page, name, NULL), SX_ENOENT);
}

/* ---- bytes that are not those of the file ---- */

struct source {
    struct sx__shared_object object;
    size_t changing; /* the 8 bytes at this place differ each time; 0: none do */
    uint64_t changes;
    size_t allocated; /* 0: what the file has */
};

static bool read_source(void *context, size_t offset, void *to, size_t size)
{
    struct source *source = context;
    if (!sx__file_read(source->object.file, offset, to, size)) {
        return false;
    }
    if (source->changing > 0 && source->changing >= offset &&
        source->changing + 8 <= offset + size) {
        source->changes++;
        memcpy((char *)to + (source->changing - offset), &source->changes, 8);
    }
    return true;
}

static size_t allocated_of_source(void *context)
{
    const struct source *source = context;
    return source->allocated > 0 ? source->allocated : sx__file_allocated(source->object.file);
}

static int render_source(struct source *source)
{
    const struct sx__bytes bytes = {read_source, allocated_of_source, source, source->object.size};
    return sx__page_render_bytes(&page, &bytes, &(struct sx_page_options){0});
}

static void test_a_copy_is_of_one_moment(void **state)
{
    (void)state;
    need_shared_registries();
    static const size_t counts[] = {offsetof(struct sx_registry, epoch),
                                    offsetof(struct sx_registry, links)};
    struct source source = {.changing = 0};
    assert_int_equal(sx__shared_object_open_to_read(&source.object, name), SX_OK);
    assert_int_equal(render_source(&source), SX_OK);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        source.changing = (size_t)sysconf(_SC_PAGESIZE) + counts[i];
        source.changes = 0;
        assert_int_equal(render_source(&source), SX_EAGAIN);
        assert_in_range(source.changes, 2, 1000);
        assert_int_equal(page.size, 0);
    }
    (void)close(source.object.file);
}

static void test_a_copy_is_no_larger_than_the_file(void **state)
{
    (void)state;
    need_shared_registries();
    struct source source = {.changing = 0};
    assert_int_equal(sx__shared_object_open_to_read(&source.object, name), SX_OK);
    source.allocated = 1000;
    assert_int_equal(render_source(&source), SX_EPROTO);
    assert_int_equal(page.size, 0);
    (void)close(source.object.file);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_page_is_that_of_a_participant),
        cmocka_unit_test_setup_teardown(test_the_page_is_that_of_a_participant,
                                        set_up_with_constants, tear_down),
        TEST(test_removed_series_are_not_shown),
        TEST(test_what_is_counted_about_families_is_shown),
        cmocka_unit_test_setup_teardown(test_what_is_counted_about_families_is_shown,
                                        set_up_with_constants, tear_down),
        TEST(test_gauges_of_processes_that_died_do_not_count),
        TEST(test_gauges_of_all_modes),
        TEST(test_errors),
        TEST(test_a_copy_is_of_one_moment),
        TEST(test_a_copy_is_no_larger_than_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
