/* The lint finds what is unusual about names, HELP, units and labels, and says what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_allocation.h"
#include "lint_cases.h"

#include <sextant/exposition.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Findings as the cases have them, without those of the checker. */
struct findings {
    char text[512];
    size_t size;
    char last[256]; /* sentence and suggestion */
};

static int note(void *context, const struct sx_violation *violation)
{
    struct findings *findings = context;
    if (strncmp(violation->rule, "lint-", 5) != 0) {
        assert_null(violation->suggestion);
        return 0;
    }
    size_t room = sizeof findings->text - findings->size;
    int size = snprintf(findings->text + findings->size, room, "%s%zu %s",
                        findings->size > 0 ? "; " : "", violation->line, violation->rule);
    assert_true(size > 0 && (size_t)size < room);
    findings->size += (size_t)size;
    assert_true(violation->advice);
    assert_true(strlen(violation->suggestion) > 10);
    snprintf(findings->last, sizeof findings->last, "%s: %s", violation->text,
             violation->suggestion);
    return 0;
}

static void lint(struct findings *findings, const char *page, enum sx_format format)
{
    const struct sx_check_options options = {.format = format, .lint = true};
    *findings = (struct findings){.size = 0};
    assert_true(
        sx_exposition_check((struct sx_str){page, strlen(page)}, &options, note, findings) >= 0);
}

static void test_each_rule_is_found_on_its_line(void **state)
{
    (void)state;
    int failed = 0;
    for (size_t i = 0; i < LINT_CASES; i++) {
        struct findings findings;
        lint(&findings, lint_cases[i].page, SX_FORMAT_TEXT);
        if (strcmp(findings.text, lint_cases[i].findings) != 0) {
            print_error("%s: found \"%s\" instead of \"%s\"\n", lint_cases[i].page, findings.text,
                        lint_cases[i].findings);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

static void test_a_finding_says_what_to_do(void **state)
{
    (void)state;
    struct findings findings;
    lint(&findings, "# HELP a_ms H.\n# TYPE a_ms counter\na_ms 1\n", SX_FORMAT_TEXT);
    assert_string_equal(findings.text, "1 lint-abbreviation; 1 lint-total");
    assert_string_equal(findings.last, "`a_ms` is a counter, but does not end in `_total`: "
                                       "add `_total` to its name");
    lint(&findings, "# HELP a_hours H.\n# TYPE a_hours gauge\na_hours 1\n", SX_FORMAT_TEXT);
    assert_string_equal(findings.last, "`a_hours` has the unit `hours`: use the base unit "
                                       "`seconds`");
}

/* In OpenMetrics a counter `jobs` has the sample `jobs_total`. */
static void test_openmetrics_is_linted_with_its_own_names(void **state)
{
    (void)state;
    struct findings findings;
    lint(&findings,
         "# TYPE jobs counter\n# HELP jobs H.\njobs_total 1\njobs_created 1\n"
         "# TYPE h gaugehistogram\n# HELP h H.\nh_bucket{le=\"+Inf\"} 1\nh_gcount 1\nh_gsum 1\n"
         "# TYPE build info\n# HELP build H.\nbuild_info{v=\"1\"} 1\n# EOF\n",
         SX_FORMAT_OPENMETRICS);
    assert_string_equal(findings.text, "");
    lint(&findings, "# TYPE a_days counter\na_days_total 1\nb 1 5\n# EOF\n", SX_FORMAT_OPENMETRICS);
    assert_string_equal(findings.text, "1 lint-help; 1 lint-unit; 3 lint-timestamp; 3 lint-help; "
                                       "3 lint-untyped");
}

static void test_many_series_are_reported(void **state)
{
    (void)state;
    enum { SERIES = 1001, LINE = 32 };
    static char page[SERIES * LINE];
    struct findings findings;
    size_t size = (size_t)snprintf(page, sizeof page, "# HELP a H.\n# TYPE a gauge\n");
    for (int i = 0; i < SERIES; i++) {
        if (i == SERIES - 1) {
            lint(&findings, page, SX_FORMAT_TEXT);
            assert_string_equal(findings.text, "");
        }
        size += (size_t)snprintf(page + size, sizeof page - size, "a{b=\"%d\"} 1\n", i);
    }
    lint(&findings, page, SX_FORMAT_TEXT);
    assert_string_equal(findings.text, "1 lint-series");
}

static void test_the_lint_is_an_option_and_advice(void **state)
{
    (void)state;
    struct sx_str page = {"a 1\n", 4};
    const char *const allow[] = {"lint-help"};
    struct sx_check_options options = {.lint = true};
    assert_int_equal(sx_exposition_check(page, NULL, NULL, NULL), 0);
    assert_int_equal(sx_exposition_check(page, &options, NULL, NULL), 2);
    options.allow = allow;
    options.allow_count = 1;
    assert_int_equal(sx_exposition_check(page, &options, NULL, NULL), 1);
    options.no_advice = true;
    assert_int_equal(sx_exposition_check(page, &options, NULL, NULL), 0);
    size_t count;
    const struct sx_check_rule *rules = sx_check_rules(&count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rules[i].lint, strncmp(rules[i].name, "lint-", 5) == 0);
    }
}

static void test_exhausted_memory_is_reported(void **state)
{
    (void)state;
    const struct sx_check_options options = {.lint = true};
    int failures = 0, status;
    for (;; failures++) {
        fail_all_allocations(failures);
        status = sx_exposition_check((struct sx_str){"a{b=\"1\"} 1\n", 11}, &options, NULL, NULL);
        end_failing_allocations();
        if (status >= 0) {
            break;
        }
        assert_int_equal(status, SX_ENOMEM);
    }
    assert_int_equal(status, 2);
    assert_in_range(failures, 4, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_is_found_on_its_line),
        cmocka_unit_test(test_a_finding_says_what_to_do),
        cmocka_unit_test(test_openmetrics_is_linted_with_its_own_names),
        cmocka_unit_test(test_many_series_are_reported),
        cmocka_unit_test(test_the_lint_is_an_option_and_advice),
        cmocka_unit_test(test_exhausted_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
