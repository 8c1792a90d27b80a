/* Counters and buckets keep their newest exemplar, readers see it whole, and no thread or process
 * that ends in the middle of one stops the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "exemplars.h"
#include "page.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sx_registry *registry;
static struct sx_counter *counter;
static struct sx_histogram *histogram;

static void make_metrics(const struct sx_registry_options *options)
{
    assert_int_equal(sx_registry_new(&registry, options), SX_OK);
    assert_int_equal(
        sx_counter_register(&counter, registry, &(struct sx_metric_options){.name = "c_total"}),
        SX_OK);
    assert_int_equal(
        sx_histogram_register(&histogram, registry,
                              &(struct sx_metric_options){.name = "h", SX_BUCKETS(1, 2, 3)}),
        SX_OK);
}

static int set_up(void **state)
{
    (void)state;
    make_metrics(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static void observe(double value, const char *trace)
{
    const struct sx_label label = {"trace_id", view(trace)};
    sx_histogram_observe_with_exemplar(histogram, value, &label, 1);
}

static const struct sx__series *series_of(const void *handle)
{
    return handle;
}

/* `name=value` of each label, with commas between them; NULL: there is no exemplar. */
static const char *labels_in(const void *handle, uint32_t slot, struct sx__exemplar *exemplar)
{
    static char text[1024];
    struct sx_str name, value;
    size_t used = 0;
    if (!sx__exemplar_read(exemplar, series_of(handle), slot)) {
        return NULL;
    }
    text[0] = '\0';
    for (size_t at = 0; sx__exemplar_next_label(exemplar, &at, &name, &value);) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%.*s=%.*s", used > 0 ? "," : "",
                             (int)name.size, name.data, (int)value.size, value.data);
    }
    return text;
}

static void assert_exemplar(const void *handle, uint32_t slot, double value, const char *labels)
{
    struct sx__exemplar exemplar;
    const char *found = labels_in(handle, slot, &exemplar);
    assert_non_null(found);
    assert_string_equal(found, labels);
    assert_true(exemplar.value == value);
}

static void assert_no_exemplar(const void *handle, uint32_t slot)
{
    struct sx__exemplar exemplar;
    assert_null(labels_in(handle, slot, &exemplar));
}

static void assert_dropped(const char *family, int times)
{
    char line[128];
    (void)snprintf(line, sizeof line, "sextant_exemplars_dropped_total{family=\"%s\"} %d", family,
                   times);
    page_assert_line(page_text(registry), line);
}

/* ---- what is kept ---- */

static void test_each_bucket_keeps_its_newest_exemplar(void **state)
{
    (void)state;
    observe(0.5, "first");
    observe(1.5, "second");
    observe(1, "third");
    observe(INFINITY, "fourth");
    observe(-7, "fifth");
    assert_int_equal(sx__exemplar_slots(sx__series_family(series_of(histogram))), 4);
    assert_exemplar(histogram, 0, -7, "trace_id=fifth");
    assert_exemplar(histogram, 1, 1.5, "trace_id=second");
    assert_no_exemplar(histogram, 2);
    assert_exemplar(histogram, 3, INFINITY, "trace_id=fourth");
    page_assert_line(page_text(registry), "h_count 5");
}

static void test_a_counter_keeps_the_newest_exemplar(void **state)
{
    (void)state;
    const struct sx_label labels[] = {{"trace_id", view("a")}, {"span_id", view("")}};
    sx_counter_inc_with_exemplar(counter, labels, 2);
    assert_exemplar(counter, 0, 1, "trace_id=a,span_id=");
    sx_counter_add_with_exemplar(counter, 2.5, labels, 1);
    assert_exemplar(counter, 0, 2.5, "trace_id=a");
    sx_counter_inc_with_exemplar(counter, NULL, 0);
    assert_exemplar(counter, 0, 1, "");
    page_assert_line(page_text(registry), "c_total 4.5");
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_an_exemplar_has_the_time(void **state)
{
    (void)state;
    struct sx__exemplar exemplar;
    const int64_t before = now_ms();
    observe(1, "x");
    const int64_t after = now_ms();
    assert_true(sx__exemplar_read(&exemplar, series_of(histogram), 0));
    assert_in_range(exemplar.timestamp_ms, before, after);
}

static void test_what_is_not_counted_has_no_exemplar(void **state)
{
    (void)state;
    observe(NAN, "x");
    sx_counter_add_with_exemplar(counter, -1, NULL, 0);
    sx_counter_add_with_exemplar(counter, 0, NULL, 0);
    sx_counter_inc_with_exemplar(NULL, NULL, 0);
    sx_histogram_observe_with_exemplar(NULL, 1, NULL, 0);
    assert_no_exemplar(counter, 0);
    for (uint32_t i = 0; i < 4; i++) {
        assert_no_exemplar(histogram, i);
    }
    assert_null(strstr(page_text(registry), "sextant_exemplars_dropped_total"));
}

/* ---- labels ---- */

static void fill(char *text, const char *with, size_t times)
{
    text[0] = '\0';
    for (size_t i = 0; i < times; i++) {
        strcat(text, with);
    }
}

/* OpenMetrics 1.0, "Exemplars": "The combined length of the label names and values of an Exemplar's
 * LabelSet MUST NOT exceed 128 UTF-8 character code points." */
static void test_labels_have_128_code_points_at_most(void **state)
{
    (void)state;
    char value[4 * 127 + 1];
    fill(value, "\xF0\x9F\x98\x80", 126);
    struct sx_label labels[] = {{"ab", view(value)}, {"c", view("")}};
    sx_counter_inc_with_exemplar(counter, labels, 1);
    char expected[sizeof value + 8];
    (void)snprintf(expected, sizeof expected, "ab=%s", value);
    assert_exemplar(counter, 0, 1, expected);
    sx_counter_add_with_exemplar(counter, 2, labels, 2);
    fill(value, "\xF0\x9F\x98\x80", 127);
    labels[0].value = view(value);
    sx_counter_add_with_exemplar(counter, 3, labels, 1);
    assert_exemplar(counter, 0, 1, expected);
    assert_dropped("c_total", 2);
    page_assert_line(page_text(registry), "c_total 6");
}

static void test_names_are_part_of_the_limit(void **state)
{
    (void)state;
    char name[200];
    fill(name, "n", 128);
    struct sx_label label = {name, view("")};
    sx_counter_inc_with_exemplar(counter, &label, 1);
    char expected[sizeof name + 1];
    (void)snprintf(expected, sizeof expected, "%s=", name);
    assert_exemplar(counter, 0, 1, expected);
    fill(name, "n", 129);
    sx_counter_add_with_exemplar(counter, 2, &label, 1);
    assert_dropped("c_total", 1);
}

static void test_exemplars_with_impossible_labels_are_dropped(void **state)
{
    (void)state;
    static const char *const bad_names[] = {NULL, "", "1a", "a-b", "__a", "\xC3\xA4", "a b"};
    struct sx_label labels[SX_LABELS_MAX + 1] = {{"a", view("x")}, {"a", view("y")}};
    int dropped = 0;
    for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++, dropped++) {
        const struct sx_label label = {bad_names[i], view("x")};
        sx_histogram_observe_with_exemplar(histogram, 1, &label, 1);
    }
    sx_histogram_observe_with_exemplar(histogram, 1, labels, 2); /* twice */
    sx_histogram_observe_with_exemplar(histogram, 1, NULL, 1);
    sx_histogram_observe_with_exemplar(histogram, 1, labels, SX_LABELS_MAX + 1);
    labels[0].value = view("\xFF");
    sx_histogram_observe_with_exemplar(histogram, 1, labels, 1);
    labels[0].value = (struct sx_str){NULL, 1};
    sx_histogram_observe_with_exemplar(histogram, 1, labels, 1);
    dropped += 5;
    assert_no_exemplar(histogram, 0);
    assert_dropped("h", dropped);
    assert_int_equal(sx_histogram_count(histogram), dropped);
}

/* ---- memory ---- */

static void test_only_exemplars_take_memory(void **state)
{
    (void)state;
    sx_counter_inc(counter);
    sx_histogram_observe(histogram, 1);
    const size_t before = registry->directory_used;
    for (int i = 0; i < 1000; i++) {
        sx_histogram_observe(histogram, i % 5);
        sx_counter_inc(counter);
    }
    assert_int_equal(registry->directory_used, before);
    observe(1, "x");
    observe(2, "x");
    const size_t after = registry->directory_used;
    assert_in_range(after - before, 1880, 2400); /* slots, and a record for each of the two */
    for (int i = 0; i < 1000; i++) {
        observe(1 + i % 2, "x");
    }
    assert_in_range(registry->directory_used - after, 0, 1100); /* the spare */
}

static void test_removed_series_give_their_exemplars_back(void **state)
{
    (void)state;
    struct sx_histogram_family *family = NULL;
    const struct sx_metric_options options = {
        .name = "f", .labels = SX_LABELS("a"), SX_BUCKETS(1, 2)};
    const struct sx_label label = {"trace_id", view("x")};
    assert_int_equal(sx_histogram_family_register(&family, registry, &options), SX_OK);
    size_t used = 0;
    for (int i = 0; i < 5000; i++) {
        struct sx_histogram *one = sx_histogram_with(family, "v");
        for (uint32_t slot = 0; slot < 3; slot++) {
            assert_no_exemplar(one, slot);
            sx_histogram_observe_with_exemplar(one, slot + 0.5, &label, 1);
        }
        sx_histogram_release(one);
        assert_int_equal(sx_histogram_family_remove(family, &(struct sx_str){"v", 1}, 1), 1);
        used = i == 1000 ? registry->directory_used : used;
    }
    assert_int_equal(registry->directory_used, used);
}

static void test_a_reset_removes_exemplars(void **state)
{
    (void)state;
    observe(1, "x");
    sx_counter_inc_with_exemplar(counter, NULL, 0);
    sx_histogram_reset(histogram);
    sx_counter_reset(counter);
    assert_no_exemplar(histogram, 0);
    assert_no_exemplar(counter, 0);
    observe(1, "y");
    assert_exemplar(histogram, 0, 1, "trace_id=y");
}

static void test_a_full_registry_drops_exemplars_and_counts_observations(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    make_metrics(&(struct sx_registry_options){.directory_bytes = 8192});
    for (int i = 0; i < 4; i++) {
        observe(i, "x");
    }
    struct sx_gauge *gauge = NULL;
    char name[32];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "g%d", i);
        const int status =
            sx_gauge_register(&gauge, registry, &(struct sx_metric_options){.name = name});
        assert_true(status == SX_OK || status == SX_EFULL);
    }
    sx_counter_inc_with_exemplar(counter, NULL, 0);
    page_assert_line(page_text(registry), "c_total 1");
    assert_dropped("c_total", 1);
}

static void *observe_once(void *context)
{
    (void)context;
    observe(1, "beyond");
    return NULL;
}

static void test_threads_without_a_row_drop_exemplars(void **state)
{
    (void)state;
    pthread_t thread;
    sx_registry_destroy(registry);
    make_metrics(&(struct sx_registry_options){.thread_rows = 1});
    observe(1, "x");
    assert_int_equal(pthread_create(&thread, NULL, observe_once, NULL), 0);
    (void)pthread_join(thread, NULL);
    assert_exemplar(histogram, 0, 1, "trace_id=x");
    assert_int_equal(sx_histogram_count(histogram), 2);
    assert_dropped("h", 1);
}

/* ---- threads ---- */

#define WRITERS 4
#define ROUNDS 20000

static struct sx_histogram *histograms[2];
static bool is_over;

/* The labels repeat the value and the histogram, in a text whose length varies. */
static void describe(char text[96], unsigned histogram_index, double value)
{
    const int repeat = 1 + (int)(value * 1000) % 4;
    int used = 0;
    for (int i = 0; i < repeat; i++) {
        used += snprintf(text + used, 24, "%u:%.4f;", histogram_index, value);
    }
}

static void *write_many(void *context)
{
    char text[96];
    const unsigned seed = *(const unsigned *)context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const unsigned random = (i * 2654435761u) ^ (seed * 40503u);
        const double value = (random >> 8) % 4000 / 1000.0;
        describe(text, random % 2, value);
        const struct sx_label label = {"what", view(text)};
        sx_histogram_observe_with_exemplar(histograms[random % 2], value, &label, 1);
    }
    return NULL;
}

static void check_exemplar(unsigned histogram_index, uint32_t slot)
{
    static const double bounds[] = {-INFINITY, 1, 2, 3, INFINITY};
    char text[96];
    char expected[128];
    struct sx__exemplar exemplar;
    const char *found = labels_in(histograms[histogram_index], slot, &exemplar);
    if (found != NULL) {
        describe(text, histogram_index, exemplar.value);
        (void)snprintf(expected, sizeof expected, "what=%s", text);
        assert_string_equal(found, expected);
        assert_true(exemplar.value > bounds[slot] && exemplar.value <= bounds[slot + 1]);
    }
}

static void *read_many(void *context)
{
    (void)context;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        for (unsigned i = 0; i < 8; i++) {
            check_exemplar(i % 2, i / 2);
        }
        (void)sched_yield();
    }
    return NULL;
}

static void test_readers_see_whole_exemplars_of_their_bucket(void **state)
{
    (void)state;
    pthread_t writers[WRITERS], reader;
    unsigned seeds[WRITERS];
    histograms[0] = histogram;
    assert_int_equal(
        sx_histogram_register(&histograms[1], registry,
                              &(struct sx_metric_options){.name = "h2", SX_BUCKETS(1, 2, 3)}),
        SX_OK);
    is_over = false;
    assert_int_equal(pthread_create(&reader, NULL, read_many, NULL), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        seeds[i] = i;
        assert_int_equal(pthread_create(&writers[i], NULL, write_many, &seeds[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        (void)pthread_join(writers[i], NULL);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    (void)pthread_join(reader, NULL);
    for (unsigned i = 0; i < 8; i++) {
        struct sx__exemplar exemplar;
        assert_non_null(labels_in(histograms[i % 2], i / 2, &exemplar));
        check_exemplar(i % 2, i / 2);
    }
    assert_int_equal(sx_histogram_count(histograms[0]) + sx_histogram_count(histograms[1]),
                     WRITERS * ROUNDS);
}

/* ---- processes ---- */

static void wait_for(pid_t pid, int expected_signal)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, expected_signal);
    assert_true(expected_signal != 0 || WEXITSTATUS(status) == 0);
}

static void write_for_ever(void)
{
    for (unsigned seed = 0;; seed++) {
        (void)write_many(&seed);
    }
}

static void test_killed_processes_stop_no_others(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    make_metrics(&(struct sx_registry_options){.shared = true});
    histograms[0] = histograms[1] = histogram;
    for (int round = 0; round < 20; round++) {
        const uint64_t count = sx_histogram_count(histogram);
        const pid_t pid = fork();
        if (pid == 0) {
            (void)alarm(60); /* if this process dies */
            write_for_ever();
        }
        while (sx_histogram_count(histogram) < count + 1000) {
            assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
            (void)sched_yield();
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        wait_for(pid, SIGKILL);
        char trace[16];
        (void)snprintf(trace, sizeof trace, "round%d", round);
        for (uint32_t slot = 0; slot < 4; slot++) {
            char expected[32];
            (void)snprintf(expected, sizeof expected, "trace_id=%s", trace);
            observe(slot + 0.5, trace);
            assert_exemplar(histogram, slot, slot + 0.5, expected);
        }
    }
}

static int steps[2][2];

/* Holds a row, so that the shared arena stays when its registry is destroyed. */
static void *hold_a_row(void *context)
{
    char byte = 'x';
    sx_counter_inc(counter);
    assert_int_equal(write(steps[0][1], &byte, 1), 1);
    assert_int_equal(read(steps[1][0], &byte, 1), 1);
    return context;
}

static void test_the_next_registry_of_an_arena_begins_anew(void **state)
{
    (void)state;
    need_shared_registries();
    char byte = 'x';
    pthread_t thread;
    struct sx_counter *others[8];
    sx_registry_destroy(registry);
    make_metrics(&(struct sx_registry_options){.shared = true});
    assert_int_equal(pipe(steps[0]), 0);
    assert_int_equal(pipe(steps[1]), 0);
    assert_int_equal(pthread_create(&thread, NULL, hold_a_row, NULL), 0);
    assert_int_equal(read(steps[0][0], &byte, 1), 1);
    sx_counter_inc_with_exemplar(counter, NULL, 0);
    sx_counter_inc_with_exemplar(counter, NULL, 0);
    sx_counter_reset(counter);
    const struct sx_registry *before = registry;
    sx_registry_destroy(registry);
    make_metrics(&(struct sx_registry_options){.shared = true});
    assert_ptr_equal(registry, before);
    for (int i = 0; i < 8; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "o%d_total", i);
        assert_int_equal(
            sx_counter_register(&others[i], registry, &(struct sx_metric_options){.name = name}),
            SX_OK);
    }
    sx_counter_inc_with_exemplar(counter, NULL, 0);
    sx_counter_inc_with_exemplar(counter, NULL, 0);
    assert_exemplar(counter, 0, 1, "");
    assert_true(sx_counter_value(counter) == 2);
    for (int i = 0; i < 8; i++) {
        assert_true(sx_counter_value(others[i]) == 0);
    }
    assert_int_equal(write(steps[1][1], &byte, 1), 1);
    (void)pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++) {
        (void)close(steps[i / 2][i % 2]);
    }
}

static void test_children_of_a_private_registry_go_on(void **state)
{
    (void)state;
    observe(1, "parent");
    observe(1, "parent too");
    const pid_t pid = fork();
    if (pid == 0) {
        struct sx__exemplar exemplar;
        const char *inherited = labels_in(histogram, 0, &exemplar);
        const bool is_right = inherited != NULL && strcmp(inherited, "trace_id=parent too") == 0;
        observe(0.5, "child");
        const char *own = labels_in(histogram, 0, &exemplar);
        _exit(is_right && own != NULL && strcmp(own, "trace_id=child") == 0 ? 0 : 1);
    }
    wait_for(pid, 0);
    assert_exemplar(histogram, 0, 1, "trace_id=parent too");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_bucket_keeps_its_newest_exemplar),
        TEST(test_a_counter_keeps_the_newest_exemplar),
        TEST(test_an_exemplar_has_the_time),
        TEST(test_what_is_not_counted_has_no_exemplar),
        TEST(test_labels_have_128_code_points_at_most),
        TEST(test_names_are_part_of_the_limit),
        TEST(test_exemplars_with_impossible_labels_are_dropped),
        TEST(test_only_exemplars_take_memory),
        TEST(test_removed_series_give_their_exemplars_back),
        TEST(test_a_reset_removes_exemplars),
        TEST(test_a_full_registry_drops_exemplars_and_counts_observations),
        TEST(test_threads_without_a_row_drop_exemplars),
        TEST(test_readers_see_whole_exemplars_of_their_bucket),
        TEST(test_killed_processes_stop_no_others),
        TEST(test_the_next_registry_of_an_arena_begins_anew),
        TEST(test_children_of_a_private_registry_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
