/* A page grows, is reused, and survives failed allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/exposition.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int allocations_until_failure = -1; /* negative: none fails */

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    if (allocations_until_failure == 0) {
        return NULL;
    }
    if (allocations_until_failure > 0) {
        allocations_until_failure--;
    }
    return __real_realloc(memory, size);
}

static struct sx_registry *registry;
static struct sx_page page;

static int set_up(void **state)
{
    (void)state;
    char text[32];
    struct sx_counter_family *family = NULL;
    if (sx_registry_new(&registry, NULL) != SX_OK ||
        sx_counter_family_register(
            &family, registry,
            &(struct sx_metric_options){
                .name = "c_total", .help = "Help.", .labels = SX_LABELS("label")}) != SX_OK) {
        return -1;
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "%d", i);
        sx_counter_inc(sx_counter_with(family, text));
    }
    page = (struct sx_page){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return 0;
}

static void test_a_page_that_cannot_grow_is_empty_and_an_error(void **state)
{
    (void)state;
    int failures = 0;
    for (int i = 0;; i++) {
        allocations_until_failure = i;
        int status = sx_page_render(&page, registry, SX_FORMAT_TEXT);
        allocations_until_failure = -1;
        if (status == SX_OK) {
            break;
        }
        assert_int_equal(status, SX_ENOMEM);
        assert_int_equal(page.size, 0);
        sx_page_clean_up(&page);
        failures++;
    }
    assert_in_range(failures, 2, 20);
    assert_true(page.size > 5000 * 20);
    assert_int_equal(page.data[page.size - 1], '\n');
}

static void test_a_failed_page_keeps_its_buffer_for_the_next(void **state)
{
    (void)state;
    allocations_until_failure = 1;
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_ENOMEM);
    allocations_until_failure = -1;
    assert_int_equal(page.size, 0);
    assert_non_null(page.data);
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
}

static void test_a_page_is_rendered_into_again_without_allocating(void **state)
{
    (void)state;
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    char *data = page.data;
    size_t size = page.size;
    allocations_until_failure = 0;
    int status = sx_page_render(&page, registry, SX_FORMAT_TEXT);
    allocations_until_failure = -1;
    assert_int_equal(status, SX_OK);
    assert_ptr_equal(page.data, data);
    assert_int_equal(page.size, size);
}

static void test_an_unknown_format_is_refused(void **state)
{
    (void)state;
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    assert_int_equal(sx_page_render(&page, registry, (enum sx_format)99), SX_EINVAL);
    assert_int_equal(page.size, 0);
    assert_int_equal(sx_page_render(NULL, registry, SX_FORMAT_TEXT), SX_EINVAL);
}

static void test_a_page_is_cleaned_up_twice_without_harm(void **state)
{
    (void)state;
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    sx_page_clean_up(&page);
    assert_null(page.data);
    assert_int_equal(page.capacity, 0);
    sx_page_clean_up(&page);
    sx_page_clean_up(NULL);
}

static void test_the_content_type_is_that_of_text_0_0_4(void **state)
{
    (void)state;
    /* Prometheus "Exposition formats", Basic info: HTTP Content-Type */
    assert_string_equal(sx_format_content_type(SX_FORMAT_TEXT),
                        "text/plain; version=0.0.4; charset=utf-8");
}

/* The help makes pages of all sizes around that of the first buffer. */
static void test_a_page_ends_with_nul_and_its_buffer_may_be_freed(void **state)
{
    (void)state;
    static char help[17000];
    for (size_t size = 16300; size < 16400; size++) {
        struct sx_registry *small = NULL;
        struct sx_gauge *gauge = NULL;
        struct sx_page rendered = {0};
        memset(help, 'x', size);
        help[size] = '\0';
        assert_int_equal(sx_registry_new(&small, NULL), SX_OK);
        const struct sx_metric_options options = {.name = "g", .help = help};
        assert_int_equal(sx_gauge_register(&gauge, small, &options), SX_OK);
        assert_int_equal(sx_page_render(&rendered, small, SX_FORMAT_TEXT), SX_OK);
        assert_true(rendered.size > size);
        assert_int_equal(strlen(rendered.data), rendered.size);
        free(rendered.data);
        sx_registry_destroy(small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_page_that_cannot_grow_is_empty_and_an_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_page_keeps_its_buffer_for_the_next, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_page_is_rendered_into_again_without_allocating,
                                        set_up, tear_down),
        cmocka_unit_test(test_a_page_ends_with_nul_and_its_buffer_may_be_freed),
        cmocka_unit_test_setup_teardown(test_an_unknown_format_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_page_is_cleaned_up_twice_without_harm, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_content_type_is_that_of_text_0_0_4, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
