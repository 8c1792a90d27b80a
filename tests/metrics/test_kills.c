/* A process is killed at any instruction of what it does with a shared registry. The others are
 * never blocked, lose nothing, and do the same without a fault.
 *
 * The test traces the process with ptrace, lets it execute a random number of instructions of an
 * operation, one by one, and kills it. KILLS in the environment is how often, for each operation;
 * SEED chooses the numbers. */
#define _GNU_SOURCE /* PTRACE_O_TRACEFORK */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "activity.h"
#include "arena.h"
#include "expiry.h"
#include "page.h"
#include "sanitized.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <errno.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILLS_DEFAULT 3
#define SECONDS_MAX 20 /* until an operation that hangs ends the test */
#define HALVING_VALUES 12

static struct sx_registry *registry;
static struct sx_counter *common;
static struct sx_counter_family *counters;
static struct sx_counter_family *idle;
static struct sx_gauge_family *kept; /* of SX_MODE_MAX */
static struct sx_gauge *sum;         /* of SX_MODE_SUM */
static struct sx_gauge *in_progress;
static struct sx_counter *abandoned; /* of in_progress */
static struct sx_histogram_family *native;
static struct sx_summary_family *summaries;
static struct sx_histogram *classic;
static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void make(void)
{
    const struct sx_registry_options options = {
        .shared = true, .thread_rows = 16, .row_bytes = 4 << 20, .directory_bytes = 8 << 20};
    struct sx_metric_options metric = {.name = "common_total"};
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    assert_int_equal(sx_counter_register(&common, registry, &metric), SX_OK);
    metric.name = "classic";
    assert_int_equal(sx_histogram_register(&classic, registry, &metric), SX_OK);
    metric.name = "sum";
    metric.multiprocess_mode = SX_MODE_SUM;
    assert_int_equal(sx_gauge_register(&sum, registry, &metric), SX_OK);
    metric.multiprocess_mode = SX_MODE_LIVE_SUM;
    metric.name = "in_progress";
    assert_int_equal(sx_gauge_register(&in_progress, registry, &metric), SX_OK);
    metric.name = "abandoned_total";
    assert_int_equal(sx_counter_register(&abandoned, registry, &metric), SX_OK);
    metric.name = "labelled_total";
    metric.labels = SX_LABELS("x");
    assert_int_equal(sx_counter_family_register(&counters, registry, &metric), SX_OK);
    metric.name = "idle_total";
    metric.idle_seconds = 60;
    assert_int_equal(sx_counter_family_register(&idle, registry, &metric), SX_OK);
    metric.idle_seconds = 0;
    metric.name = "kept";
    metric.multiprocess_mode = SX_MODE_MAX;
    assert_int_equal(sx_gauge_family_register(&kept, registry, &metric), SX_OK);
    metric.multiprocess_mode = SX_MODE_LIVE_SUM;
    metric.name = "native";
    metric.native.growth_factor = 1.01;
    metric.native.max_buckets = 8;
    assert_int_equal(sx_histogram_family_register(&native, registry, &metric), SX_OK);
    metric.name = "summary";
    metric.native = (struct sx_native_options){0};
    const double quantiles[] = {.5, .99};
    metric.quantiles = quantiles;
    metric.quantile_count = 2;
    metric.window_seconds = .000001;
    assert_int_equal(sx_summary_family_register(&summaries, registry, &metric), SX_OK);
}

/* ---- operations ---- */

static void register_and_unregister(void)
{
    const struct sx_metric_options options = {.name = "passing", .labels = SX_LABELS("x", "y")};
    struct sx_histogram_family *family;
    if (sx_histogram_family_register(&family, registry, &options) == SX_OK) {
        (void)sx_histogram_observe_with(family, 1, "a", "b");
        (void)sx_histogram_family_unregister(family);
    }
}

static void make_series(void)
{
    char text[16];
    for (int i = 0; i < 9; i++) {
        snprintf(text, sizeof text, "%d", i);
        (void)sx_counter_inc_with(counters, text);
    }
}

static void remove_series(void)
{
    struct sx_counter *counter = sx_counter_with(counters, "1");
    sx_counter_add(counter, .5);
    (void)sx_counter_family_remove(counters, &(struct sx_str){"1", 1}, 1);
    sx_counter_release(counter);
    (void)sx_counter_family_clear(counters);
}

static void expire(void)
{
    (void)sx_counter_inc_with(idle, "a");
    (void)sx_counter_inc_with(idle, "b");
    (void)sx_registry_expire(registry);
}

static void claim_a_row(void)
{
    sx_counter_inc(common);
}

static void halve_native_buckets(void)
{
    struct sx_histogram *histogram = sx_histogram_with(native, "a");
    double value = 1e-9;
    for (int i = 0; i < HALVING_VALUES; i++, value *= 3) {
        sx_histogram_observe(histogram, value);
        sx_histogram_observe(histogram, -value);
    }
    sx_histogram_release(histogram);
}

static void observe_with_exemplars(void)
{
    static const struct sx_label labels[] = {{"trace_id", {"4bf92f3577b34da6", 16}}};
    for (int i = 0; i < 6; i++) {
        sx_histogram_observe_with_exemplar(classic, i, labels, 1);
    }
}

static void read_quantiles(void)
{
    struct sx_summary *summary = sx_summary_with(summaries, "a");
    for (int i = 0; i < 2; i++) {
        sx_summary_observe(summary, i);
        (void)sx_summary_quantile(summary, .5);
    }
    sx_summary_release(summary);
}

static void scrape(void)
{
    struct sx_page page = {0};
    if (sx_page_render(&page, registry, SX_FORMAT_OPENMETRICS) != SX_OK) {
        abort();
    }
    sx_page_clean_up(&page);
}

static double sum_given; /* at most, to the sum and to what is in progress, by all processes */

static void add_to_gauges(void)
{
    sum_given++;
    if (sx_gauge_count_abandoned(in_progress, abandoned) != SX_OK) {
        abort();
    }
    sx_gauge_inc(in_progress);
    sx_gauge_add(sum, 1);
    (void)sx_gauge_add_with(kept, 1, "a");
    (void)sx_gauge_family_remove(kept, &(struct sx_str){"b", 1}, 1);
    (void)sx_gauge_set_with(kept, 2, "b");
}

/* The child takes a row of gauges, which the former process has left, and keeps their values. */
static void fork_a_child(void)
{
    const pid_t pid = fork();
    if (pid == 0) {
        sx_counter_inc(common);
        _exit(0);
    }
    if (pid > 0) {
        (void)waitpid(pid, NULL, 0);
    }
}

struct operation {
    const char *name;
    void (*run)(void);
    bool is_of_child; /* its child is killed, not the process itself */
};

static const struct operation operations[] = {
    {"register and unregister", register_and_unregister, false},
    {"make series", make_series, false},
    {"remove series", remove_series, false},
    {"expire", expire, false},
    {"claim a row", claim_a_row, false},
    {"halve native buckets", halve_native_buckets, false},
    {"observe with exemplars", observe_with_exemplars, false},
    {"read quantiles", read_quantiles, false},
    {"scrape", scrape, false},
    {"add to gauges", add_to_gauges, false},
    {"fork", fork_a_child, false},
    {"begin as a child", fork_a_child, true},
};

/* ---- processes that are traced ---- */

static int wait_for(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, __WALL), pid);
    return status;
}

/* Starts a process that stops before the operation. Returns 0 if ptrace is not permitted here. */
static pid_t start(const struct operation *operation)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(1);
        }
        (void)raise(SIGSTOP);
        operation->run();
        _exit(0);
    }
    return WIFSTOPPED(wait_for(pid)) ? pid : 0;
}

static void kill_process(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(WIFSIGNALED(wait_for(pid)));
}

/* Executes up to `count` instructions. Returns how many there were before the process ended. */
static uint64_t step(pid_t pid, uint64_t count)
{
    int signal_number = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(intptr_t)signal_number) != 0) {
            return i;
        }
        const int status = wait_for(pid);
        if (!WIFSTOPPED(status)) {
            return i;
        }
        signal_number = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    }
    return count;
}

/* Lets the process run until it has forked, and returns its child, which has not run yet. */
static pid_t child_of(pid_t pid)
{
    unsigned long child = 0;
    assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_TRACEFORK), 0);
    for (int status = 0; status >> 8 != (SIGTRAP | PTRACE_EVENT_FORK << 8);) {
        assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
        status = wait_for(pid);
        assert_true(WIFSTOPPED(status));
    }
    assert_int_equal(ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child), 0);
    assert_true(WIFSTOPPED(wait_for((pid_t)child)));
    return (pid_t)child;
}

/* Executes some instructions of the operation in a process of its own, and kills it. Returns how
 * many there were. */
static uint64_t run_and_kill(const struct operation *operation, uint64_t count)
{
    const pid_t pid = start(operation);
    pid_t stepped = pid;
    if (operation->is_of_child) {
        stepped = child_of(pid);
    }
    const uint64_t done = step(stepped, count);
    if (done == count) {
        kill_process(stepped);
    }
    if (stepped != pid) {
        kill_process(pid);
    }
    return done;
}

static void do_nothing(void)
{
}

static bool can_trace(void)
{
    static const struct operation nothing = {"nothing", do_nothing, false};
    const pid_t pid = start(&nothing);
    if (pid != 0) {
        kill_process(pid);
    }
    return pid != 0;
}

/* ---- what must hold for the others ---- */

static double counted;      /* by this process, in the common counter */
static uint64_t own_rounds; /* of add_to_gauges in this process */
static double highest;      /* value of the common counter that was seen */

static void check_that_all_goes_on(const struct operation *operation, uint64_t instructions)
{
    char what[128];
    snprintf(what, sizeof what, "%s, killed after %llu instructions", operation->name,
             (unsigned long long)instructions);
    (void)alarm(SECONDS_MAX);
    sx_counter_inc(common);
    counted++;
    own_rounds++;
    for (size_t i = 0; i + 1 < sizeof operations / sizeof *operations; i++) {
        operations[i].run();
    }
    assert_true(sx_gauge_value(sum) >= (double)own_rounds);
    const double value = page_sum(page_text(registry), "common_total");
    if (value < highest + 1 || value < counted) {
        fail_msg("%s: the counter is %g after %g", what, value, highest);
    }
    highest = value;
    if (page_sum(page_text(registry), "sum") > sum_given ||
        page_sum(page_text(registry), "abandoned_total") > sum_given ||
        sx_gauge_value(in_progress) != (double)own_rounds) {
        fail_msg("%s: a gauge was added twice, or not forgotten", what);
    }
    (void)sx_counter_family_clear(counters);
    (void)sx_counter_family_clear(idle);
    assert_int_equal(sx_counter_inc_with(counters, "mine"), SX_OK);
    assert_true(page_sum(page_text(registry), "labelled_total") == 1);
    (void)alarm(0);
}

static uint64_t count_instructions(const struct operation *operation)
{
    return run_and_kill(operation, UINT64_MAX);
}

static void test_kills(void **state)
{
    (void)state;
    const char *wanted = getenv("KILLS");
    const char *seed = getenv("SEED");
    const uint64_t kills = wanted == NULL ? KILLS_DEFAULT : strtoull(wanted, NULL, 10);
    need_shared_registries();
    if (SANITIZED || !can_trace()) {
        print_message("skipped: processes cannot be traced here, or are slow\n");
        skip();
    }
    random_state = seed == NULL ? (uint64_t)time(NULL) : strtoull(seed, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)random_state);
    random_state = random_state * 2 + 1;
    make();
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        const struct operation *operation = &operations[i];
        sum_given += operation->run == add_to_gauges;
        const uint64_t instructions = count_instructions(operation);
        print_message("%s: %llu instructions, %llu kills\n", operation->name,
                      (unsigned long long)instructions, (unsigned long long)kills);
        assert_true(instructions > 0);
        for (uint64_t k = 0; k < kills; k++) {
            const uint64_t count = next_random() % instructions;
            sum_given += operation->run == add_to_gauges; /* by the other process */
            (void)run_and_kill(operation, count);
            check_that_all_goes_on(operation, count);
        }
    }
    /* What a kill loses is a record at most. */
    assert_true(registry->directory_used < registry->directory_limit);
    sx_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
