/* The checker reports each violation with its line and its rule. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check_cases.h"
#include "failing_allocation.h"

#include <sextant/exposition.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Violations as check_cases.h has them: "3 no-inf; 4 bound". */
struct violations {
    char text[512];
    size_t size;
    int count;
    int stop_after; /* 0: never */
};

/* All other rules are errors, except those of the lint. */
static const char *const advice[] = {
    "label-reserved",   "no-blank",       "type-name",        "label-count", "label-names",
    "number-spelling",  "bound-spelling", "fractional-count", "no-sum",      "quantiles-only",
    "undefined-escape", "timestamp-unit", "bound-canonical",  "reserved"};

static bool is_advice(const char *rule)
{
    if (strncmp(rule, "lint-", 5) == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof advice / sizeof advice[0]; i++) {
        if (strcmp(advice[i], rule) == 0) {
            return true;
        }
    }
    return false;
}

static int note(void *context, const struct sx_violation *violation)
{
    struct violations *violations = context;
    size_t room = sizeof violations->text - violations->size;
    int size = snprintf(violations->text + violations->size, room, "%s%zu %s",
                        violations->count > 0 ? "; " : "", violation->line, violation->rule);
    assert_true(size > 0 && (size_t)size < room);
    assert_true(strlen(violation->text) > 10);
    assert_int_equal(violation->advice, is_advice(violation->rule));
    violations->size += (size_t)size;
    violations->count++;
    return violations->count == violations->stop_after;
}

static int check(struct violations *violations, const char *page, size_t size)
{
    *violations = (struct violations){.count = 0};
    return sx_exposition_check((struct sx_str){page, size}, NULL, note, violations);
}

static void test_each_violation_is_found_on_its_line_and_nothing_else(void **state)
{
    (void)state;
    int failed = 0;
    for (size_t i = 0; i < CHECK_CASES; i++) {
        const struct check_case *test = &check_cases[i];
        struct violations violations;
        int count = check(&violations, test->page, test->size);
        if (count != violations.count || strcmp(violations.text, test->violations) != 0) {
            print_error("%s: found \"%s\" instead of \"%s\"\n", test->title, violations.text,
                        test->violations);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

/* The pages end where a page of memory does that must not be read, and so does every beginning. */
static void test_no_byte_behind_the_page_is_read(void **state)
{
    (void)state;
    size_t unit = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 2 * unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory + unit, unit, PROT_NONE), 0);
    for (size_t i = 0; i < CHECK_CASES; i++) {
        const struct check_case *test = &check_cases[i];
        assert_true(test->size <= unit);
        for (size_t size = 0; size <= test->size; size++) {
            char *page = memory + unit - size;
            memcpy(page, test->page, size);
            assert_true(sx_exposition_check((struct sx_str){page, size}, NULL, NULL, NULL) >= 0);
        }
    }
    munmap(memory, 2 * unit);
}

static int expect_plain_text(void *context, const struct sx_violation *violation)
{
    (void)context;
    for (const char *c = violation->text; *c != '\0'; c++) {
        assert_in_range(*c, ' ', '~');
    }
    assert_true(strlen(violation->text) < 320);
    return 0;
}

static void test_bytes_of_the_page_are_harmless_in_a_sentence(void **state)
{
    (void)state;
    static const char escape[] = "g{\x1B[31m\xC3\xA4=\"1\"} 1\n";
    char page[4096];
    assert_int_equal(sx_exposition_check((struct sx_str){escape, sizeof escape - 1}, NULL,
                                         expect_plain_text, NULL),
                     1);
    memset(page, '-', sizeof page);
    memcpy(page + sizeof page - 3, " 1\n", 3);
    assert_int_equal(
        sx_exposition_check((struct sx_str){page, sizeof page}, NULL, expect_plain_text, NULL), 1);
}

static void test_the_number_of_violations_is_limited(void **state)
{
    (void)state;
    char page[5000];
    struct violations violations = {.count = 0};
    for (size_t i = 0; i < sizeof page; i += 2) {
        memcpy(page + i, "1\n", 2);
    }
    struct sx_str view = {page, sizeof page};
    assert_int_equal(sx_exposition_check(view, NULL, NULL, NULL), 100);
    struct sx_check_options options = {.violations_max = 7};
    assert_int_equal(sx_exposition_check(view, &options, note, &violations), 7);
    assert_int_equal(violations.count, 7);
    options.violations_max = SIZE_MAX;
    assert_int_equal(sx_exposition_check(view, &options, NULL, NULL), 2500);
}

static void test_the_callback_can_end_the_check(void **state)
{
    (void)state;
    static const char page[] = "1\n2\n3\n";
    struct violations violations = {.stop_after = 2};
    struct sx_str view = {page, sizeof page - 1};
    assert_int_equal(sx_exposition_check(view, NULL, note, &violations), 2);
    assert_string_equal(violations.text, "1 metric-name; 2 metric-name");
}

static size_t put_labels(char *page, size_t room, int first, int step, int count)
{
    size_t size = (size_t)snprintf(page, room, "g{");
    for (int i = 0; i < count; i++) {
        size += (size_t)snprintf(page + size, room - size, "l%d=\"%d\",", first + i * step, i % 2);
    }
    return size + (size_t)snprintf(page + size, room - size, "} 1\n");
}

static void test_more_than_64_labels_are_advice(void **state)
{
    (void)state;
    char page[4096];
    struct violations violations;
    assert_int_equal(check(&violations, page, put_labels(page, sizeof page, 0, 1, 64)), 0);
    assert_int_equal(check(&violations, page, put_labels(page, sizeof page, 0, 1, 65)), 1);
    assert_string_equal(violations.text, "1 label-count");
}

/* Comparing each label with each other would take hours. */
static void test_the_labels_of_a_sample_are_compared_whatever_their_number(void **state)
{
    (void)state;
    enum { LABELS = 200001, ROOM = LABELS * 2 * 16 };
    char *page = malloc(ROOM);
    struct violations violations;
    assert_non_null(page);
    size_t size = put_labels(page, ROOM, 0, 1, LABELS);
    size += put_labels(page + size, ROOM - size, LABELS - 1, -1, LABELS);
    assert_int_equal(check(&violations, page, size), 3);
    assert_string_equal(violations.text, "1 label-count; 2 label-count; 2 duplicate");
    page[size - sizeof "\"0\",} 1\n" + 2] = '1';
    assert_int_equal(check(&violations, page, size), 2);
    size = put_labels(page, ROOM, 0, 0, 3);
    assert_int_equal(check(&violations, page, size), 2);
    assert_string_equal(violations.text, "1 label-twice; 1 label-twice");
    free(page);
}

static const char advised[] = "g{a=\"1\"} 1\ng inf\ng nan\n1\n";

static void test_advice_is_left_out_if_it_is_not_wanted(void **state)
{
    (void)state;
    struct violations violations = {.count = 0};
    struct sx_str page = {advised, sizeof advised - 1};
    assert_int_equal(sx_exposition_check(page, NULL, note, &violations), 5);
    assert_string_equal(
        violations.text,
        "2 number-spelling; 2 label-names; 3 number-spelling; 3 duplicate; 4 metric-name");
    violations = (struct violations){.count = 0};
    const struct sx_check_options options = {.no_advice = true};
    assert_int_equal(sx_exposition_check(page, &options, note, &violations), 2);
    assert_string_equal(violations.text, "3 duplicate; 4 metric-name");
}

/* The limit is one of reported violations. */
static void test_allowed_rules_are_left_out(void **state)
{
    (void)state;
    struct violations violations = {.count = 0};
    struct sx_str page = {advised, sizeof advised - 1};
    const char *const rules[] = {"number-spelling", "duplicate"};
    const struct sx_check_options options = {.allow = rules, .allow_count = 2, .violations_max = 2};
    assert_int_equal(sx_exposition_check(page, &options, note, &violations), 2);
    assert_string_equal(violations.text, "2 label-names; 4 metric-name");
}

static void test_the_rules_are_listed(void **state)
{
    (void)state;
    size_t count = 0, advice_count = 0;
    const struct sx_check_rule *rules = sx_check_rules(&count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rules[i].advice, is_advice(rules[i].name));
        assert_true(strlen(rules[i].text) > 10);
        advice_count += rules[i].advice && !rules[i].lint;
    }
    assert_int_equal(advice_count, sizeof advice / sizeof advice[0]);
    assert_ptr_equal(sx_check_rules(NULL), rules);
}

/* 2^53 + 1 lies halfway between two doubles and is read as the even one. A digit far behind the
 * point makes it the other. `zeros` of 0: no such digit. */
static int check_halfway(struct violations *violations, const char *first, int zeros)
{
    char page[4096];
    int size = snprintf(page, sizeof page,
                        "# TYPE h histogram\nh_bucket{le=\"%s\"} 1\n"
                        "h_bucket{le=\"9007199254740993.%0*d\"} 1\nh_bucket{le=\"+Inf\"} 1\n"
                        "h_sum 1\nh_count 1\n",
                        first, zeros + 1, zeros > 0);
    assert_in_range(size, 1, sizeof page - 1);
    return check(violations, page, (size_t)size);
}

static void test_bounds_are_read_as_the_nearest_double(void **state)
{
    (void)state;
    struct violations violations;
    assert_int_equal(check_halfway(&violations, "9007199254740992", 0), 1);
    assert_string_equal(violations.text, "3 duplicate");
    assert_int_equal(check_halfway(&violations, "9.00719925474099e15", 0), 0);
    const int zeros[] = {1, 700, 750, 760, 1000, 2000};
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        assert_int_equal(check_halfway(&violations, "9007199254740992", zeros[i]), 0);
        assert_int_equal(check_halfway(&violations, "9.007199254740994e15", zeros[i]), 1);
        assert_string_equal(violations.text, "3 duplicate");
    }
}

/* Below half of the smallest double, a number is 0. */
static void test_bounds_too_small_for_a_double_are_0(void **state)
{
    (void)state;
    static const char *const zeros[] = {"-0",     "2e-324",  "-2e-324",
                                        "1e-350", "-1e-350", "1e-9999999999"};
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        char page[256];
        struct violations violations;
        int size = snprintf(page, sizeof page,
                            "# TYPE s summary\ns{quantile=\"0\"} 1\ns{quantile=\"%s\"} 1\n"
                            "s{quantile=\"5e-324\"} 1\ns_sum 1\ns_count 1\n",
                            zeros[i]);
        assert_int_equal(check(&violations, page, (size_t)size), 1);
        assert_string_equal(violations.text, "3 duplicate");
    }
}

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    struct sx_check_options options = {.format = (enum sx_format)99};
    assert_int_equal(sx_exposition_check((struct sx_str){NULL, 1}, NULL, NULL, NULL), SX_EINVAL);
    assert_int_equal(sx_exposition_check((struct sx_str){"", 0}, &options, NULL, NULL), SX_EINVAL);
    assert_int_equal(
        sx_exposition_check((struct sx_str){"", (size_t)UINT32_MAX + 1}, NULL, NULL, NULL),
        SX_EINVAL);
    const char *const names[] = {"duplicate", "duplicates", NULL};
    for (size_t i = 1; i < 3; i++) {
        options = (struct sx_check_options){.allow = &names[i], .allow_count = 1};
        assert_int_equal(sx_exposition_check((struct sx_str){"", 0}, &options, NULL, NULL),
                         SX_EINVAL);
    }
    options = (struct sx_check_options){.format = SX_FORMAT_PROTOBUF};
    assert_int_equal(sx_exposition_check((struct sx_str){"", 0}, &options, NULL, NULL), SX_EINVAL);
    options = (struct sx_check_options){.allow_count = 1};
    assert_int_equal(sx_exposition_check((struct sx_str){"", 0}, &options, NULL, NULL), SX_EINVAL);
    assert_int_equal(sx_exposition_check((struct sx_str){NULL, 0}, NULL, NULL, NULL), 0);
}

/* Prometheus text 1.0.0: names in quotes, the metric name first within the braces. */
static void test_quoted_names_are_of_text_1_0_0(void **state)
{
    (void)state;
    static const struct {
        const char *page, *violations;
    } cases[] = {
        {"# HELP \"my.metric\" H.\n# TYPE \"my.metric\" gauge\n{\"my.metric\",\"a b\"=\"1\"} 1\n"
         "{\"my.metric\",\"a b\"=\"2\"} 1\nplain{\"a b\"=\"1\"} 1\n",
         ""},
        {"{\"m.x\"} 1\n{ \"m.x\" , } 2\n", "2 duplicate"},
        {"{\"m.x\",a=\"1\",b=\"2\"} 1\n{\"m.x\",b=\"2\",\"a\"=\"1\"} 1\n", "2 duplicate"},
        {"# TYPE \"h.x\" histogram\n{\"h.x_bucket\",a=\"1\",le=\"1\"} 2\n"
         "{\"h.x_bucket\",a=\"1\",le=\"+Inf\"} 1\n{\"h.x_sum\",a=\"1\"} 1\n"
         "{\"h.x_count\",a=\"1\"} 1\n",
         "3 not-cumulative"},
        {"{\"m\"} 1\nm 1\n", "2 duplicate"},
        {"{\"\"} 1\n{\"m 1\n{m} 1\n{a=\"1\"} 1\n{\"m\"a=\"1\"} 1\n",
         "1 metric-name; 2 metric-name; 3 metric-name; 4 metric-name; 5 metric-name"},
        {"m{\"\"=\"1\"} 1\nm{\"a=\"1\"} 1\nm{\"__name__\"=\"1\"} 1\n",
         "1 labels; 2 labels; 3 label-name"},
        {"# TYPE \"m x\" gauge\n# TYPE \"m x\"gauge\n# HELP \"\" x\n# TYPE \"m\n",
         "2 metric-name; 3 metric-name; 4 metric-name"},
        {"{\"m\\q\",\"a\\q\"=\"1\"} 1\n", "1 escape; 1 escape"},
    };
    const struct sx_check_options options = {.format = SX_FORMAT_TEXT_1_0_0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct violations violations = {.count = 0};
        struct sx_str page = {cases[i].page, strlen(cases[i].page)};
        assert_true(sx_exposition_check(page, &options, note, &violations) >= 0);
        assert_string_equal(violations.text, cases[i].violations);
    }
}

/* A page of histograms that makes every array and table grow. */
static size_t put_histograms(char *page, size_t room, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        int added = snprintf(page + size, room - size,
                             "# TYPE h%d histogram\nh%d_bucket{le=\"+Inf\"} 1\nh%d_sum 1\n"
                             "h%d_count 1\n",
                             i, i, i, i);
        assert_true(added > 0 && (size_t)added < room - size);
        size += (size_t)added;
    }
    return size;
}

static void test_a_check_without_memory_says_so(void **state)
{
    (void)state;
    static char page[1 << 15];
    struct sx_str view = {page, put_histograms(page, sizeof page, 200)};
    int failures = 0;
    for (;; failures++) {
        fail_all_allocations(failures);
        int status = sx_exposition_check(view, NULL, NULL, NULL);
        end_failing_allocations();
        if (status == 0) {
            break;
        }
        assert_int_equal(status, SX_ENOMEM);
    }
    assert_in_range(failures, 12, 100);
}

static void test_many_series_are_kept_apart(void **state)
{
    (void)state;
    enum { SERIES = 20000, LINE = 40 };
    char *page = malloc((size_t)SERIES * LINE + LINE);
    assert_non_null(page);
    size_t size = 0;
    for (int i = 0; i < SERIES; i++) {
        size += (size_t)snprintf(page + size, LINE, "g{a=\"%d\",b=\"%d\"} 1\n", i, SERIES - i);
    }
    struct violations violations;
    assert_int_equal(check(&violations, page, size), 0);
    size += (size_t)snprintf(page + size, LINE, "g{b=\"%d\",a=\"%d\"} 1\n", SERIES - 777, 777);
    assert_int_equal(check(&violations, page, size), 1);
    assert_string_equal(violations.text, "20001 duplicate");
    free(page);
}

/* With FNV-1a, the two words have the same hash after `a=` and after each other, so all values made
 * of them have. The time would be quadratic: some 20 minutes. */
static void test_the_author_of_a_page_cannot_choose_labels_that_collide(void **state)
{
    (void)state;
    static const char words[2][21] = {"li`<!]$c7Aw%p^9MOcD^", "oZ&p}kc LFJ+m;KWA$LZ"};
    enum { WORDS = 14, SERIES = 1 << WORDS, LINE = 20 * WORDS + 10 };
    char *page = malloc((size_t)SERIES * LINE + 1);
    assert_non_null(page);
    char *at = page;
    for (int i = 0; i < SERIES; i++) {
        memcpy(at, "g{a=\"", 5);
        at += 5;
        for (int bit = 0; bit < WORDS; bit++) {
            memcpy(at, words[i >> bit & 1], 20);
            at += 20;
        }
        memcpy(at, "\"} 1\n", 5);
        at += 5;
    }
    struct violations violations;
    assert_int_equal(check(&violations, page, (size_t)(at - page)), 0);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_violation_is_found_on_its_line_and_nothing_else),
        cmocka_unit_test(test_no_byte_behind_the_page_is_read),
        cmocka_unit_test(test_bytes_of_the_page_are_harmless_in_a_sentence),
        cmocka_unit_test(test_the_number_of_violations_is_limited),
        cmocka_unit_test(test_the_callback_can_end_the_check),
        cmocka_unit_test(test_more_than_64_labels_are_advice),
        cmocka_unit_test(test_the_labels_of_a_sample_are_compared_whatever_their_number),
        cmocka_unit_test(test_advice_is_left_out_if_it_is_not_wanted),
        cmocka_unit_test(test_allowed_rules_are_left_out),
        cmocka_unit_test(test_the_rules_are_listed),
        cmocka_unit_test(test_bounds_are_read_as_the_nearest_double),
        cmocka_unit_test(test_bounds_too_small_for_a_double_are_0),
        cmocka_unit_test(test_quoted_names_are_of_text_1_0_0),
        cmocka_unit_test(test_bad_arguments_are_refused),
        cmocka_unit_test(test_a_check_without_memory_says_so),
        cmocka_unit_test(test_many_series_are_kept_apart),
        cmocka_unit_test(test_the_author_of_a_page_cannot_choose_labels_that_collide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
