/* A scrape is rendered into the page of an earlier scrape, and memory that recent scrapes did not
 * need is freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sextant/app.h>
#include <sextant/client.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/prometheus.h>
#include <stdio.h>
#include <string.h>

#define SERIES 20000
#define LARGE ((size_t)512 << 10)

/* Counts large allocations. The test client also copies each reply; its allocations come after the
 * scrape, so they are counted separately. */
static size_t large_made;
static const void *large_page; /* the last one that was made while a page was rendered */
static size_t large_page_freed;
static unsigned renders; /* 2: a scrape asks for a page itself */

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);

void *__wrap_realloc(void *memory, size_t size)
{
    void *moved = __real_realloc(memory, size);
    if (renders && size >= LARGE) {
        large_made++;
        large_page = moved;
    }
    return moved;
}
void __wrap_free(void *memory)
{
    if (memory != NULL && memory == large_page) {
        large_page_freed++;
        large_page = NULL;
    }
    __real_free(memory);
}

static void on_begin(void *self, const struct sx_record *record)
{
    (void)self;
    (void)record;
    renders++;
}
static void on_respond(void *self, const struct sx_record *record)
{
    (void)self;
    (void)record;
    renders--;
}
static const struct sx_observer observer = {.begin = on_begin, .respond = on_respond};
static const struct sx_route routes[] = {SX_GET("/metrics", sx_expose_metrics)};

static struct sx_registry *registry;
static struct sx_counter_family *family;
static struct sx_app *app;
static struct sx_client *client;
static struct sx_reply reply;
static struct sx_prometheus_options options;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    assert_int_equal(
        sx_counter_family_register(&family, registry,
                                   &(struct sx_metric_options){.name = "jobs_total",
                                                               .help = "Jobs done.",
                                                               .labels = SX_LABELS("customer"),
                                                               .max_series = SERIES}),
        SX_OK);
    for (int i = 0; i < SERIES; i++) {
        char customer[64];
        snprintf(customer, sizeof customer, "a-customer-with-a-rather-long-name-%d", i);
        assert_non_null(sx_counter_with(family, customer));
    }
    options.registry = registry;
    assert_int_equal(sx_app_new(&app, &(struct sx_app_options){.routes = SX_LIST(routes),
                                                               .components = SX_COMPONENTS(
                                                                   (sx_prometheus, &options))}),
                     SX_OK);
    assert_int_equal(sx_app_observe(app, &observer, NULL), SX_OK);
    assert_int_equal(sx_client_new(&client, app), SX_OK);
    large_made = large_page_freed = 0;
    large_page = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_reply_clean_up(&reply);
    sx_client_destroy(client);
    sx_app_destroy(app);
    sx_registry_destroy(registry);
    return 0;
}

static size_t scrape(void)
{
    assert_int_equal(sx_client_get(client, &reply, "/metrics"), SX_OK);
    assert_int_equal(reply.status, 200);
    return reply.body.size;
}

static void a_second_scrape_allocates_no_page(void **state)
{
    (void)state;
    assert_true(scrape() > 2 * LARGE);
    assert_true(large_made > 0);
    large_made = 0;
    for (int i = 0; i < 5; i++) {
        assert_true(scrape() > 2 * LARGE);
    }
    assert_int_equal(large_made, 0);
    assert_int_equal(large_page_freed, 0);
}

/* The compressed page is much smaller than the memory that the next one needs. */
static void a_compressed_scrape_keeps_the_memory_of_the_page(void **state)
{
    (void)state;
    char coding[32];
    scrape();
    large_made = 0;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(sx_client_send(client, &reply, "GET", "/metrics",
                                        "Accept-Encoding: gzip\r\n", (struct sx_str){NULL, 0}),
                         SX_OK);
        assert_int_equal(reply.status, 200);
        if (!sx_reply_get_header(&reply, "Content-Encoding", coding, sizeof coding)) {
            skip(); /* without zlib */
        }
        assert_string_equal(coding, "gzip");
        assert_true(reply.body.size < LARGE);
    }
    assert_int_equal(large_made, 0);
    assert_int_equal(large_page_freed, 0);
}

static void a_page_that_has_become_much_too_large_goes(void **state)
{
    (void)state;
    scrape();
    assert_non_null(large_page);
    assert_int_equal(sx_counter_family_clear(family), SERIES);
    int scrapes = 0;
    while (large_page_freed == 0 && scrapes < 100) {
        assert_true(scrape() < LARGE);
        scrapes++;
    }
    /* Not at once, as the series may come again; but soon. */
    assert_in_range(scrapes, 2, 30);
}

/* ---- refused scrapes ---- */

static unsigned refusals_wanted;
static bool refuses_two_at_once;

static void be_refused(void)
{
    struct sx_client *other = NULL;
    struct sx_reply refusal = {0};
    assert_int_equal(sx_client_new(&other, app), SX_OK);
    assert_int_equal(sx_client_get(other, &refusal, "/metrics"), SX_OK);
    assert_int_equal(refusal.status, 503);
    sx_reply_clean_up(&refusal);
    sx_client_destroy(other);
}

int __real_sx_scrapes_begin(struct sx_scrapes *scrapes);
int __wrap_sx_scrapes_begin(struct sx_scrapes *scrapes);
int __wrap_sx_scrapes_begin(struct sx_scrapes *scrapes)
{
    const int status = __real_sx_scrapes_begin(scrapes);
    if (status == SX_EAGAIN && refuses_two_at_once) {
        refuses_two_at_once = false;
        be_refused();
    }
    return status;
}

/* Scrapes beyond the limit, as one is in progress. */
static int ask_and_be_refused(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    for (; refusals_wanted > 0; refusals_wanted--) {
        be_refused();
    }
    return SX_OK;
}

static int set_up_limited(void **state)
{
    options.scrapes_max = 1;
    return set_up(state) != 0 ? -1 : sx_collector_register(registry, ask_and_be_refused, NULL);
}

static int tear_down_limited(void **state)
{
    options.scrapes_max = 0;
    return tear_down(state);
}

static void refused_scrapes_take_no_place_of_a_page(void **state)
{
    (void)state;
    assert_true(scrape() > 2 * LARGE);
    large_made = 0;
    for (int i = 0; i < 3; i++) {
        refusals_wanted = 1;
        refuses_two_at_once = true;
        assert_true(scrape() > 2 * LARGE);
        assert_int_equal(refusals_wanted, 0);
        assert_false(refuses_two_at_once);
    }
    assert_int_equal(large_made, 0);
    assert_int_equal(large_page_freed, 0);
}

/* One small page is no reason to free a large one, and the refusals say nothing about sizes. */
static void refused_scrapes_do_not_show_that_pages_are_small(void **state)
{
    (void)state;
    assert_true(scrape() > 2 * LARGE);
    refusals_wanted = 40;
    assert_int_equal(sx_client_get(client, &reply, "/metrics?name[]=none"), SX_OK);
    assert_int_equal(reply.status, 200);
    assert_int_equal(refusals_wanted, 0);
    assert_int_equal(large_page_freed, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_second_scrape_allocates_no_page),
        TEST(a_compressed_scrape_keeps_the_memory_of_the_page),
        TEST(a_page_that_has_become_much_too_large_goes),
        cmocka_unit_test_setup_teardown(refused_scrapes_take_no_place_of_a_page, set_up_limited,
                                        tear_down_limited),
        cmocka_unit_test_setup_teardown(refused_scrapes_do_not_show_that_pages_are_small,
                                        set_up_limited, tear_down_limited),
    };
    return cmocka_run_group_tests_name("kept pages", tests, NULL, NULL);
}
