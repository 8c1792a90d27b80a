/* Property: the checker reads no byte outside of a page of any bytes. The number of violations
 * equals the number of calls, and respects the limit. Each violation is on a line of the page, and
 * its message is printable. Comments and blank lines between the other lines change nothing. What
 * is left out, advice or the violations of a rule, changes nothing about the rest. The first three
 * hold for a page that is read as text 1.0.0 or OpenMetrics, and for the lint. */
#include <sextant/exposition.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct heard {
    size_t lines; /* of the page */
    int violations, advice;
    int of_rule; /* the violations of `rule` */
    const char *rule;
};

static int hear(void *context, const struct sx_violation *violation)
{
    struct heard *heard = context;
    heard->violations++;
    heard->advice += violation->advice;
    heard->of_rule += heard->rule != NULL && strcmp(violation->rule, heard->rule) == 0;
    check(violation->line >= 1 && violation->line <= heard->lines);
    check(violation->rule[0] != '\0' && violation->text[0] != '\0');
    for (const char *c = violation->text; *c != '\0'; c++) {
        check(*c >= ' ' && *c <= '~');
    }
    return 0;
}

static size_t count_lines(const char *page, size_t size)
{
    size_t lines = size > 0 && page[size - 1] != '\n';
    for (size_t i = 0; i < size; i++) {
        lines += page[i] == '\n';
    }
    return lines;
}

static int count_violations(const char *page, size_t size, size_t violations_max)
{
    const struct sx_check_options options = {.violations_max = violations_max};
    struct heard heard = {.lines = count_lines(page, size)};
    int violations = sx_exposition_check((struct sx_str){page, size}, &options, hear, &heard);
    check(violations == heard.violations && violations >= 0);
    return violations;
}

/* `violations` are those of the page with nothing left out. */
static void check_what_is_left_out(const char *page, size_t size, int violations)
{
    size_t rules;
    const struct sx_check_rule *rule = &sx_check_rules(&rules)[0];
    rule += size % rules;
    struct sx_str view = {page, size};
    struct heard all = {.lines = count_lines(page, size), .rule = rule->name};
    struct heard rest = {.lines = all.lines, .rule = rule->name};
    struct sx_check_options options = {.violations_max = SIZE_MAX};
    check(sx_exposition_check(view, &options, hear, &all) == violations);
    options.no_advice = true;
    check(sx_exposition_check(view, &options, NULL, NULL) == violations - all.advice);
    options.no_advice = false;
    options.allow = &rule->name;
    options.allow_count = 1;
    check(sx_exposition_check(view, &options, hear, &rest) == violations - all.of_rule);
    check(rest.of_rule == 0);
}

/* Returns the page with a comment and a blank line before each line. */
static char *spread(const char *page, size_t size, size_t *spread_size)
{
    static const char between[] = "# a comment\n \n";
    const size_t between_size = sizeof between - 1;
    char *out = malloc(size + (count_lines(page, size) + 1) * between_size);
    check(out != NULL);
    char *at = out;
    for (size_t i = 0; i < size; i++) {
        if (i == 0 || page[i - 1] == '\n') {
            memcpy(at, between, between_size);
            at += between_size;
        }
        *at++ = page[i];
    }
    *spread_size = (size_t)(at - out);
    return out;
}

/* With the lint, and at most so many violations. */
static int count_with_lint(const char *page, size_t size, enum sx_format format, size_t most)
{
    const struct sx_check_options options = {.format = format,
                                             .violations_max = most,
                                             .lint = true,
                                             .utf8_names = format == SX_FORMAT_OPENMETRICS};
    struct heard heard = {.lines = count_lines(page, size) + (size == 0)};
    int violations = sx_exposition_check((struct sx_str){page, size}, &options, hear, &heard);
    check(violations == heard.violations && violations >= 0 && (size_t)violations <= most);
    return violations;
}

static void check_with_lint(const char *page, size_t size, enum sx_format format)
{
    const int violations = count_with_lint(page, size, format, SIZE_MAX);
    check(count_with_lint(page, size, format, 1) == (violations > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *page = (const char *)data;
    int violations = count_violations(page, size, SIZE_MAX);
    check(count_violations(page, size, 1) == (violations > 0));
    check_what_is_left_out(page, size, violations);
    check_with_lint(page, size, SX_FORMAT_TEXT);
    check_with_lint(page, size, SX_FORMAT_TEXT_1_0_0);
    check_with_lint(page, size, SX_FORMAT_OPENMETRICS);
    size_t spread_size;
    char *with_comments = spread(page, size, &spread_size);
    check(count_violations(with_comments, spread_size, SIZE_MAX) == violations);
    free(with_comments);
    if (violations == 0 && size > 0) {
        check(page[size - 1] == '\n');
        bool was_blank = size == 1 || page[size - 2] == '\n';
        check(count_violations(page, size - 1, SIZE_MAX) ==
              !was_blank); /* the line feed is missing */
    }
    return 0;
}
