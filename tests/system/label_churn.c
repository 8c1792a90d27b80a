/* Makes, updates and removes series whose labels never come again: label_churn CYCLES. Two fifths
 * of the cycles run alone, one fifth while other threads update and scrape, and two fifths alone
 * again. Prints the resident memory in KiB after each part, and how many names had no series in it.
 *
 * What is removed while a scrape is interrupted by the scheduler waits for it, so the second part
 * may need more memory on a busy machine. The third part needs no more than what the second left.
 */
#include <pthread.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIVE 1000

static struct sx_registry *registry;
static struct sx_counter_family *family;
static bool is_done;

static void check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

static bool goes_on(void)
{
    return !__atomic_load_n(&is_done, __ATOMIC_ACQUIRE);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void *scrape(void *unused)
{
    (void)unused;
    struct sx_page page = {0};
    while (goes_on()) {
        check(sx_page_render(&page, registry, SX_FORMAT_TEXT) == SX_OK, "a scrape");
        pause_ms(20);
    }
    sx_page_clean_up(&page);
    return NULL;
}

/* Returns how often it counted. */
static void *count_one_that_stays(void *unused)
{
    (void)unused;
    uintptr_t count = 0;
    while (goes_on()) {
        for (int i = 0; i < 1000; i++) {
            check(sx_counter_inc_with(family, "stays", "") == SX_OK, "an update by labels");
            count++;
        }
        pause_ms(1);
    }
    return (void *)count;
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    check(file != NULL && fscanf(file, "%*d %ld", &pages) == 1, "reading /proc/self/statm");
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static char names[LIVE][64];

static long missing;

/* While a scrape keeps removed series, the directory may be full, and the name has no series. */
static void remove_one(char *name)
{
    const struct sx_str values[] = {{name, strlen(name)}, {"y", 1}};
    const int removed = name[0] == '\0' ? 1 : sx_counter_family_remove(family, values, 2);
    check(removed >= 0, "a removal");
    missing += removed == 0;
    name[0] = '\0';
}

/* Prints the resident size after it, and how many names had no series. */
static void churn(long cycles, uint64_t random)
{
    const long missing_before = missing;
    for (long i = 0; i < cycles; i++) {
        char *name = names[i % LIVE];
        remove_one(name);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        snprintf(name, sizeof names[0], "%llx%.*s", (unsigned long long)random, (int)(random % 40),
                 "........................................");
        check(sx_counter_inc_with(family, name, "y") == SX_OK, "a new series");
    }
    for (int i = 0; i < LIVE; i++) {
        remove_one(names[i]);
    }
    printf("%ld %ld\n", resident_kib(), missing - missing_before);
}

int main(int argc, char **argv)
{
    const struct sx_registry_options options = {.directory_bytes = 64 << 20};
    const struct sx_metric_options metric = {
        .name = "c_total", .help = "A test.", .labels = SX_LABELS("a", "b")};
    pthread_t scraper;
    pthread_t updater;
    void *counted;
    check(argc == 2, "one argument");
    check(sx_registry_new(&registry, &options) == SX_OK, "a registry");
    check(sx_counter_family_register(&family, registry, &metric) == SX_OK, "a family");
    churn(atol(argv[1]) / 5 * 2, 521288629546311691u);
    check(pthread_create(&scraper, NULL, scrape, NULL) == 0, "a thread");
    check(pthread_create(&updater, NULL, count_one_that_stays, NULL) == 0, "a thread");
    churn(atol(argv[1]) / 5, 88172645463325252u);
    __atomic_store_n(&is_done, true, __ATOMIC_RELEASE);
    pthread_join(scraper, NULL);
    pthread_join(updater, &counted);
    churn(atol(argv[1]) / 5 * 2, 362436069362436069u);
    struct sx_counter *stays = sx_counter_with(family, "stays", "");
    check(sx_counter_value(stays) == (double)(uintptr_t)counted, "the series that stays is exact");
    sx_counter_release(stays);
    struct sx_counter *overflow = sx_counter_with(family, SX_OVERFLOW_VALUE, SX_OVERFLOW_VALUE);
    check(sx_counter_value(overflow) == (double)missing, "what had no series is in the overflow");
    sx_counter_release(overflow);
    sx_registry_destroy(registry);
    return 0;
}
