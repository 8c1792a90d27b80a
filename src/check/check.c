/* check.c: checking a page; of text 0.0.4 line by line. Runs in the caller's thread, on the
 * caller's page.
 *
 * Source: Prometheus "Exposition formats", Text-based format, and what Prometheus's own parsers
 * reject
 */
#include "check.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define VIOLATIONS_DEFAULT 100
#define SENTENCE_SIZE 320

static void report(struct sx__check *check, uint32_t line, enum sx__rule rule,
                   const char *suggestion, const char *format, va_list arguments)
{
    char text[SENTENCE_SIZE];
    if (check->stopped || check->left_out[rule]) {
        return;
    }
    vsnprintf(text, sizeof text, format, arguments);
    check->violations++;
    const struct sx_check_rule *broken = &sx_check_rules(NULL)[rule];
    const struct sx_violation violation = {.line = line,
                                           .rule = broken->name,
                                           .text = text,
                                           .advice = broken->advice,
                                           .suggestion = suggestion};
    if ((check->report != NULL && check->report(check->context, &violation) != 0) ||
        check->violations >= check->violations_max) {
        check->stopped = true;
    }
}

void sx__check_out_of_memory(struct sx__check *check)
{
    check->status = SX_ENOMEM;
    check->stopped = true;
}

void sx__violation(struct sx__check *check, enum sx__rule rule, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(check, check->line, rule, NULL, format, arguments);
    va_end(arguments);
}

void sx__violation_at(struct sx__check *check, uint32_t line, enum sx__rule rule,
                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(check, line, rule, NULL, format, arguments);
    va_end(arguments);
}

void sx__suggestion_at(struct sx__check *check, uint32_t line, enum sx__rule rule,
                       const char *suggestion, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(check, line, rule, suggestion, format, arguments);
    va_end(arguments);
}

static void check_line(struct sx__check *check, struct sx_str text)
{
    struct sx__line line;
    sx__line_read(&line, check, text);
    if (line.kind == SX__LINE_HELP || line.kind == SX__LINE_TYPE) {
        sx__check_head(check, &line);
    } else if (line.kind == SX__LINE_SAMPLE) {
        uint32_t family = sx__check_family_of_sample(check, line.name);
        if (family != 0) {
            sx__check_enter(check, family);
            sx__check_sample(check, &line, family);
        }
    }
}

static void check_page(struct sx__check *check)
{
    struct sx_str rest = check->page;
    while (rest.size > 0 && !check->stopped) {
        const char *end = memchr(rest.data, '\n', rest.size);
        size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);
        check->line++;
        check_line(check, (struct sx_str){rest.data, size});
        if (end == NULL) {
            sx__violation(check, SX__RULE_LINE_FEED, "the last line does not end with a line feed");
            break;
        }
        rest.data += size + 1;
        rest.size -= size + 1;
    }
    if (!check->stopped) {
        sx__check_groups(check);
    }
}

static bool leave_out_rule(struct sx__check *check, const char *name)
{
    const struct sx_check_rule *rules = sx_check_rules(NULL);
    for (size_t i = 0; i < SX__RULE_COUNT; i++) {
        if (name != NULL && strcmp(rules[i].name, name) == 0) {
            check->left_out[i] = true;
            return true;
        }
    }
    return false;
}

/* Returns false if a name is not that of a rule. */
static bool leave_out(struct sx__check *check, const struct sx_check_options *options)
{
    const struct sx_check_rule *rules = sx_check_rules(NULL);
    for (size_t i = 0; i < SX__RULE_COUNT; i++) {
        check->left_out[i] = options->no_advice && rules[i].advice;
    }
    for (size_t i = 0; i < options->allow_count; i++) {
        if (!leave_out_rule(check, options->allow[i])) {
            return false;
        }
    }
    return true;
}

/* Early in a boot, or under a seccomp filter, getrandom fails. Then the address of the stack, which
 * is randomised, must do. */
static uint64_t choose_check_key(void)
{
    uint64_t key;
    if (getrandom(&key, sizeof key, GRND_NONBLOCK) != (ssize_t)sizeof key) {
        key = (uint64_t)(uintptr_t)&key * SX__HASH_START;
    }
    return key;
}

static void clean_up(struct sx__check *check)
{
    free(check->families);
    free(check->series);
    free(check->groups);
    free(check->labels.items);
    free(check->other_labels.items);
    sx__index_clean_up(&check->family_index);
    sx__index_clean_up(&check->series_index);
    sx__index_clean_up(&check->group_index);
}

int sx_exposition_check(struct sx_str page, const struct sx_check_options *options,
                        sx_violation_fn *report_violation, void *context)
{
    static const struct sx_check_options defaults;
    options = options == NULL ? &defaults : options;
    const bool text_1_0_0 = options->format == SX_FORMAT_TEXT_1_0_0;
    const bool text = options->format == SX_FORMAT_TEXT || text_1_0_0;
    if ((!text && options->format != SX_FORMAT_OPENMETRICS) ||
        (page.data == NULL && page.size > 0) || page.size > UINT32_MAX ||
        (options->allow == NULL && options->allow_count > 0)) {
        return SX_EINVAL;
    }
    size_t most = options->violations_max == 0 ? VIOLATIONS_DEFAULT : options->violations_max;
    struct sx__check check = {.page = page,
                              .hash_key = choose_check_key(),
                              .report = report_violation,
                              .context = context,
                              .utf8_names = options->utf8_names || text_1_0_0,
                              .violations_max = most < INT_MAX ? most : INT_MAX};
    if (!leave_out(&check, options)) {
        return SX_EINVAL;
    }
    if (text) {
        check_page(&check);
    } else {
        sx__check_openmetrics(&check);
    }
    if (options->lint && !options->no_advice && !check.stopped) {
        sx__lint(&check, options->format);
    }
    clean_up(&check);
    return check.status < 0 ? check.status : (int)check.violations;
}
