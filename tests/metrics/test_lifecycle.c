/* Torture of what series and families go through: threads make, update, pin, remove, expire and
 * unregister them at random, while others scrape, and in a shared registry processes fork and are
 * killed meanwhile.
 *
 * Each thread has series of its own, which nobody else updates, and checks that they show exactly
 * what it counted since it made them. All threads also update series that any of them removes. If
 * memory or cells of those were used again too early, an update that is under way would count in a
 * series of somebody else. Look-ups are interrupted at random between finding a series and updating
 * it, so that this would be seen soon. The last test proves it: there sx__epoch_oldest is one too
 * large, so that what was removed is reclaimed one epoch early. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "epochs.h"
#include "page.h"
#include "sanitized.h"
#include "series.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define OWN_LABELS 6    /* of each thread, in each family */
#define COMMON_LABELS 4 /* of all threads */
#define ROUNDS 20000
#define ROUNDS_WITH_KILLS 8000
#define KILLS 40
#define FOUND 42 /* what a process returns that has found a fault */

/* ---- what is injected ---- */

static uint64_t fault;       /* how many epochs too early memory is reclaimed */
static bool can_be_injected; /* the linker has put it in between */
static __thread uint64_t interruptions;

uint64_t __real_sx__epoch_oldest(struct sx_registry *registry);
uint64_t __wrap_sx__epoch_oldest(struct sx_registry *registry);
uint64_t __wrap_sx__epoch_oldest(struct sx_registry *registry)
{
    const uint64_t oldest = __real_sx__epoch_oldest(registry);
    __atomic_store_n(&can_be_injected, true, __ATOMIC_RELAXED);
    return oldest == UINT64_MAX || oldest == 0 ? oldest : oldest + fault;
}

int __real_sx__series_get(struct sx__series **series, struct sx__family *family,
                          const struct sx_str *values, size_t count);
int __wrap_sx__series_get(struct sx__series **series, struct sx__family *family,
                          const struct sx_str *values, size_t count);
int __wrap_sx__series_get(struct sx__series **series, struct sx__family *family,
                          const struct sx_str *values, size_t count)
{
    const int status = __real_sx__series_get(series, family, values, count);
    interruptions = interruptions * UINT64_C(6364136223846793005) + 1442695040888963407u;
    if (interruptions >> 59 == 0) {
        (void)sched_yield();
    }
    return status;
}

/* ---- the world ---- */

static struct sx_registry *registry;
static struct sx_counter_family *counters; /* labels "own<thread>" or "common", and a number */
static struct sx_counter_family *expiring; /* the same, with idle_seconds of a millisecond */
static struct sx_histogram_family *histograms;
static struct sx_counter *stays;
static bool is_over;

enum operation {
    MAKE,
    UPDATE,
    PIN,
    RELEASE,
    REMOVE,
    CLEAR,
    SWEEP,
    EXPIRE,
    REGISTER,
    UNREGISTER,
    SCRAPE,
    FORK_AND_KILL,
    OPERATIONS
};
static const char *const operation_names[OPERATIONS] = {
    "make",  "update", "pin",      "release",    "remove", "clear",
    "sweep", "expire", "register", "unregister", "scrape", "fork and kill"};

/* What all threads and processes have done. */
struct tally {
    unsigned faults;
    uint64_t stays; /* increments of stays_total that were finished */
    uint64_t operations[OPERATIONS];
};
static struct tally *tally;

static void make_world(bool is_shared)
{
    /* Room for all that is made, so that nothing goes to the overflow series while a thread that
     * reads is interrupted. Memory that is reclaimed is used again all the same. */
    const struct sx_registry_options options = {.shared = is_shared,
                                                .thread_rows = 2 * THREADS + 4,
                                                .row_bytes = 4 << 20,
                                                .directory_bytes = 64 << 20};
    const struct sx_metric_options c = {
        .name = "c_total", .help = "C.", .labels = SX_LABELS("kind", "number")};
    const struct sx_metric_options e = {.name = "e_total",
                                        .help = "E.",
                                        .labels = SX_LABELS("kind", "number"),
                                        .idle_seconds = .001};
    const struct sx_metric_options h = {
        .name = "h", .help = "H.", .labels = SX_LABELS("kind", "number"), SX_BUCKETS(1, 2)};
    const struct sx_metric_options s = {.name = "stays_total", .help = "S."};
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    assert_int_equal(sx_counter_family_register(&counters, registry, &c), SX_OK);
    assert_int_equal(sx_counter_family_register(&expiring, registry, &e), SX_OK);
    assert_int_equal(sx_histogram_family_register(&histograms, registry, &h), SX_OK);
    assert_int_equal(sx_counter_register(&stays, registry, &s), SX_OK);
    is_over = false;
    if (tally == NULL) {
        tally =
            mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(tally, MAP_FAILED);
    }
    *tally = (struct tally){.faults = 0};
}

static void count_many(enum operation operation, uint64_t times)
{
    (void)__atomic_fetch_add(&tally->operations[operation], times, __ATOMIC_RELAXED);
}

static void count_one(enum operation operation)
{
    count_many(operation, 1);
}

/* Prints what was done. All of it must have been, but forks only in the test that forks. */
static void check_operations(const char *title, uint64_t seed, bool forks)
{
    printf("%s, seed %llu:", title, (unsigned long long)seed);
    for (size_t i = 0; i < OPERATIONS; i++) {
        printf(" %s %llu;", operation_names[i], (unsigned long long)tally->operations[i]);
    }
    printf(" faults %u\n", tally->faults);
    for (size_t i = 0; i < OPERATIONS; i++) {
        assert_true(tally->operations[i] > 0 || (i == FORK_AND_KILL && !forks));
    }
}

static void expect_at(int line, bool is_right)
{
    if (!is_right && __atomic_fetch_add(&tally->faults, 1, __ATOMIC_RELAXED) < 10) {
        printf("fault: line %d\n", line);
    }
}
#define expect(is_right) expect_at(__LINE__, (is_right))

/* ---- a thread ---- */

struct own {
    struct sx_str values[2];
    char kind[16];
    char number[16];
    uint64_t counted;          /* in `counters` since it was made; 0: it does not exist */
    uint64_t observed;         /* the same in `histograms` */
    struct sx_counter *pinned; /* in `expiring`, with what was counted there */
    uint64_t pinned_counted;
};

struct worker {
    pthread_t thread;
    uint64_t random;
    unsigned number;
    int rounds;
    struct own own[OWN_LABELS];
    struct sx_counter *common; /* a pinned series that others remove */
    struct sx_counter_family *plugin;
};

static uint64_t next_random(struct worker *worker)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random;
}

static void name_own(struct worker *worker, struct own *own)
{
    snprintf(own->kind, sizeof own->kind, "own%u", worker->number);
    snprintf(own->number, sizeof own->number, "%u_%u", (unsigned)(own - worker->own),
             (unsigned)next_random(worker) % 100000);
    own->values[0] = (struct sx_str){own->kind, strlen(own->kind)};
    own->values[1] = (struct sx_str){own->number, strlen(own->number)};
}

static void update_own(struct worker *worker, struct own *own)
{
    if (own->counted == 0 && own->observed == 0) {
        name_own(worker, own);
        count_one(MAKE);
    }
    count_one(UPDATE);
    if (next_random(worker) % 2 == 0) {
        expect(sx_counter_family_add(counters, own->values, 2, 1) == SX_OK);
        own->counted++;
    } else {
        expect(sx_histogram_family_observe(histograms, own->values, 2, 1) == SX_OK);
        own->observed++;
    }
}

/* What is there is exactly what this thread counted since it made the series. */
static void check_and_remove_own(struct own *own)
{
    struct sx_counter *counter = NULL;
    struct sx_histogram *histogram = NULL;
    if (own->counted > 0 && sx_counter_family_get(&counter, counters, own->values, 2) == SX_OK) {
        expect(sx_counter_value(counter) == (double)own->counted);
        sx_counter_release(counter);
        expect(sx_counter_family_remove(counters, own->values, 2) == 1);
        count_one(REMOVE);
    }
    if (own->observed > 0 &&
        sx_histogram_family_get(&histogram, histograms, own->values, 2) == SX_OK) {
        expect(sx_histogram_count(histogram) == own->observed);
        expect(sx_histogram_sum(histogram) == (double)own->observed);
        sx_histogram_release(histogram);
        expect(sx_histogram_family_remove(histograms, own->values, 2) == 1);
        count_one(REMOVE);
    }
    own->counted = 0;
    own->observed = 0;
}

/* A series that a handle pins does not expire, so nothing that the handle counts is lost. */
static void pin_or_release_expiring(struct worker *worker, struct own *own)
{
    if (own->pinned == NULL) {
        char number[24];
        snprintf(number, sizeof number, "%u_%u", worker->number, (unsigned)(own - worker->own));
        own->pinned = sx_counter_with(expiring, "pinned", number);
        own->pinned_counted = (uint64_t)sx_counter_value(own->pinned);
        count_one(PIN);
    }
    for (int i = 0; i < 5; i++) {
        sx_counter_inc(own->pinned);
        own->pinned_counted++;
    }
    if (next_random(worker) % 4 == 0) {
        expect(sx_counter_value(own->pinned) == (double)own->pinned_counted);
        sx_counter_release(own->pinned);
        own->pinned = NULL;
        count_one(RELEASE);
    }
}

/* All threads update and remove these series, so no thread can check their values. */
static void use_common(struct worker *worker)
{
    char number[16];
    snprintf(number, sizeof number, "%u", (unsigned)next_random(worker) % COMMON_LABELS);
    const struct sx_str values[2] = {{"common", 6}, {number, strlen(number)}};
    switch (next_random(worker) % 8) {
    case 0:
        (void)sx_counter_family_remove(counters, values, 2);
        (void)sx_histogram_family_remove(histograms, values, 2);
        count_one(REMOVE);
        break;
    case 1:
        sx_counter_release(worker->common);
        worker->common = sx_counter_with(counters, "common", number);
        count_one(PIN);
        break;
    case 2:
        sx_counter_add(worker->common, 1000); /* it may be removed since */
        break;
    default:
        sx_counter_inc_with(counters, "common", number);
        sx_histogram_observe_with(histograms, 1000, "common", number);
        sx_counter_inc_with(expiring, "common", number);
        count_many(UPDATE, 3);
        break;
    }
}

static void use_plugin(struct worker *worker)
{
    char name[32];
    if (worker->plugin != NULL) {
        expect(sx_counter_family_unregister(worker->plugin) >= 0);
        worker->plugin = NULL;
        count_one(UNREGISTER);
        return;
    }
    snprintf(name, sizeof name, "plugin_%u_total", (unsigned)next_random(worker) % 3);
    const struct sx_metric_options options = {
        .name = name, .help = "A plugin.", .labels = SX_LABELS("number")};
    expect(sx_counter_family_register(&worker->plugin, registry, &options) == SX_OK);
    for (unsigned i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%u", i);
        sx_counter_inc_with(worker->plugin, name);
    }
    count_one(REGISTER);
}

static void count_in_stays(void)
{
    sx_counter_inc(stays);
    (void)__atomic_fetch_add(&tally->stays, 1, __ATOMIC_RELAXED);
}

static void do_something(struct worker *worker)
{
    struct own *own = &worker->own[next_random(worker) % OWN_LABELS];
    const unsigned kind = (unsigned)(next_random(worker) % 64);
    if (kind < 24) {
        update_own(worker, own);
    } else if (kind < 32) {
        check_and_remove_own(own);
    } else if (kind < 36) {
        pin_or_release_expiring(worker, own);
    } else if (kind == 36) {
        const int expired = sx_registry_expire(registry);
        expect(expired >= 0);
        count_one(SWEEP);
        count_many(EXPIRE, (uint64_t)expired);
    } else if (kind == 37) {
        use_plugin(worker);
    } else if (kind == 38) {
        const struct sx_label label = {"kind", {"common", 6}};
        (void)sx_counter_family_remove_matching(counters, &label, 1);
        count_one(CLEAR);
    } else {
        use_common(worker);
    }
    count_in_stays();
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    interruptions = worker->random;
    for (int i = 0; i < worker->rounds && (fault == 0 || !is_over); i++) {
        do_something(worker);
    }
    for (size_t i = 0; i < OWN_LABELS; i++) {
        check_and_remove_own(&worker->own[i]);
        sx_counter_release(worker->own[i].pinned);
    }
    sx_counter_release(worker->common);
    if (worker->plugin != NULL) {
        (void)sx_counter_family_unregister(worker->plugin);
    }
    return NULL;
}

static int print_violation(void *unused, const struct sx_violation *violation)
{
    (void)unused;
    printf("page, line %zu: %s\n", violation->line, violation->text);
    return 1;
}

static void *scrape(void *unused)
{
    struct sx_page page = {0};
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        expect(sx_page_render(&page, registry, SX_FORMAT_TEXT) == SX_OK);
        expect(sx_exposition_check((struct sx_str){page.data, page.size}, NULL, print_violation,
                                   NULL) == 0);
        count_one(SCRAPE);
    }
    sx_page_clean_up(&page);
    return unused;
}

static void start(struct worker *workers, pthread_t *scraper, uint64_t seed, int rounds)
{
    assert_int_equal(pthread_create(scraper, NULL, scrape, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){
            .number = i, .rounds = rounds, .random = (seed + i) * UINT64_C(0x9E3779B97F4A7C15) + 1};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
}

static void finish(struct worker *workers, pthread_t scraper)
{
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(scraper, NULL), 0);
}

/* When nobody updates or pins them any more, all series of e_total expire. */
static void expire_the_rest(void)
{
    const struct timespec idle = {.tv_nsec = 2000000};
    do {
        (void)nanosleep(&idle, NULL);
        count_many(EXPIRE, (uint64_t)sx_registry_expire(registry));
    } while (strstr(page_text(registry), "\ne_total{") != NULL);
}

/* ---- the tests ---- */

static uint64_t seed_of(const char *variable)
{
    const char *text = getenv(variable);
    return text == NULL ? 1 : strtoull(text, NULL, 10);
}

static void test_threads(void **state)
{
    (void)state;
    static struct worker workers[THREADS];
    pthread_t scraper;
    const uint64_t seed = seed_of("SEED");
    make_world(false);
    start(workers, &scraper, seed, ROUNDS);
    finish(workers, scraper);
    expire_the_rest();
    check_operations("threads", seed, false);
    assert_int_equal(tally->faults, 0);
    assert_true(sx_counter_value(stays) == (double)tally->stays);
    assert_null(strstr(page_text(registry), "plugin"));
    assert_null(strstr(page_text(registry), "own"));
    sx_registry_destroy(registry);
}

/* A child does as the threads do, with labels of its own, until it is killed. What it has of its
 * own may stay on the page.
 *
 * ThreadSanitizer does not see what other processes do. If a child rewrites the link to a series
 * that a thread of the parent made, another thread that follows the link seems to race with the
 * maker. So its children make and remove no series, and only update one. */
static void run_child(uint64_t seed, unsigned number)
{
    static struct worker worker;
    worker = (struct worker){.number = 100 + number, .random = seed | 1};
    interruptions = seed;
    for (;;) {
        if (THREAD_SANITIZED) {
            count_in_stays();
        } else {
            do_something(&worker);
        }
    }
}

static void test_threads_and_processes_that_are_killed(void **state)
{
    (void)state;
    need_shared_registries();
    static struct worker workers[THREADS];
    pthread_t scraper;
    const uint64_t seed = seed_of("SEED");
    make_world(true);
    start(workers, &scraper, seed, ROUNDS_WITH_KILLS);
    for (unsigned i = 0; i < KILLS; i++) {
        fflush(NULL);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            run_child(seed * 7919 + i, i);
        }
        const struct timespec pause = {.tv_nsec = (long)(i * 7919 % 13 + 1) * 1000000};
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        count_one(FORK_AND_KILL);
        __atomic_store_n(
            &registry->fork_ns, 0,
            __ATOMIC_SEQ_CST); /* as if it had been ten seconds ago: all of it is gone */
    }
    finish(workers, scraper);
    expire_the_rest();
    check_operations("with kills", seed, true);
    assert_int_equal(tally->faults, 0);
    /* A child may be killed between an increment and counting it here. */
    const double excess = sx_counter_value(stays) - (double)tally->stays;
    assert_true(excess >= 0 && excess <= KILLS);
    assert_non_null(page_text(registry));
    sx_registry_destroy(registry);
}

/* Runs in a process of its own, as what goes wrong may end it. */
static void find_the_fault(void)
{
    static struct worker workers[THREADS];
    pthread_t scraper;
    (void)signal(SIGSEGV, SIG_DFL); /* cmocka's handler would make it an exit */
    (void)signal(SIGBUS, SIG_DFL);
    fault = 1;
    make_world(false);
    start(workers, &scraper, seed_of("SEED"), INT32_MAX);
    for (int i = 0; i < 2000 && __atomic_load_n(&tally->faults, __ATOMIC_RELAXED) == 0; i++) {
        const struct timespec pause = {.tv_nsec = 10000000};
        (void)nanosleep(&pause, NULL);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    _exit(__atomic_load_n(&tally->faults, __ATOMIC_RELAXED) == 0 ? 0 : FOUND);
}

static void test_reclaiming_one_epoch_early_is_found(void **state)
{
    (void)state;
    int status = 0;
#ifdef SX_AMALGAMATION
    skip(); /* its functions call each other, and not what the linker puts in between */
#endif
    assert_true(can_be_injected); /* the tests before this one have called it */
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        find_the_fault();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    /* Or it was ended by what it did, or by a sanitizer. */
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == FOUND ||
                (SANITIZED && WEXITSTATUS(status) != 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_threads_and_processes_that_are_killed),
        cmocka_unit_test(test_reclaiming_one_epoch_early_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
