/* testing_compare.c: the difference between a registry and an expected text. See testing.h. */
#include <sextant/testing.h>

#include "page_lines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct comparison {
    struct sx__page_lines expected, found;
    FILE *out; /* NULL: only counts */
    int differences;
};

static void print_line(const struct comparison *comparison, char sign,
                       const struct sx__page_lines *lines, const struct sx__page_line *line)
{
    if (comparison->out != NULL) {
        fprintf(comparison->out, "%c %s %s\n", sign, sx__page_text(lines, line->key),
                sx__page_text(lines, line->value_text));
    }
}

static bool is_equal(const struct comparison *comparison, const struct sx__page_line *expected,
                     const struct sx__page_line *found)
{
    if (expected->is_sample && isnan(expected->value)) {
        return isnan(found->value);
    }
    if (expected->is_sample) {
        return expected->value <= found->value && expected->value >= found->value;
    }
    return strcmp(sx__page_text(&comparison->expected, expected->value_text),
                  sx__page_text(&comparison->found, found->value_text)) == 0;
}

static void compare_line(struct comparison *comparison, const struct sx__page_line *expected)
{
    struct sx__page_line *found = sx__page_lines_find(
        &comparison->found, sx__page_text(&comparison->expected, expected->key));
    if (found != NULL && is_equal(comparison, expected, found)) {
        found->is_found = true;
        print_line(comparison, ' ', &comparison->found, found);
        return;
    }
    comparison->differences++;
    print_line(comparison, '-', &comparison->expected, expected);
    if (found != NULL) {
        found->is_found = true;
        print_line(comparison, '+', &comparison->found, found);
    }
}

/* Reports the samples of a family that are not expected. */
static void compare_rest(struct comparison *comparison, const char *family)
{
    for (size_t i = 0; i < comparison->found.count; i++) {
        const struct sx__page_line *line = &comparison->found.lines[i];
        if (line->is_sample && !line->is_found &&
            strcmp(sx__page_text(&comparison->found, line->family), family) == 0) {
            comparison->differences++;
            print_line(comparison, '+', &comparison->found, line);
        }
    }
}

/* Without TYPE in the expected text, h_count looks like a family of its own. So the family is that
 * of the same line in the registry, if it has one. */
static const char *family_of(const struct comparison *comparison,
                             const struct sx__page_line *expected)
{
    const struct sx__page_line *found = sx__page_lines_find(
        &comparison->found, sx__page_text(&comparison->expected, expected->key));
    return found != NULL ? sx__page_text(&comparison->found, found->family)
                         : sx__page_text(&comparison->expected, expected->family);
}

/* Whether no later line is of the same family. */
static bool is_last_of_family(const struct comparison *comparison, size_t index, const char *family)
{
    for (size_t i = index + 1; i < comparison->expected.count; i++) {
        if (strcmp(family, family_of(comparison, &comparison->expected.lines[i])) == 0) {
            return false;
        }
    }
    return true;
}

static void compare_all(struct comparison *comparison)
{
    const struct sx__page_lines *expected = &comparison->expected;
    comparison->differences = 0;
    for (size_t i = 0; i < comparison->found.count; i++) {
        comparison->found.lines[i].is_found = false;
    }
    for (size_t i = 0; i < expected->count; i++) {
        const char *family = family_of(comparison, &expected->lines[i]);
        compare_line(comparison, &expected->lines[i]);
        if (is_last_of_family(comparison, i, family)) {
            compare_rest(comparison, family);
        }
    }
}

static int read_expected(struct comparison *comparison, const char *expected)
{
    const size_t size = strlen(expected);
    char *text = malloc(size + 2);
    int status = SX_ENOMEM;
    if (text != NULL) {
        memcpy(text, expected, size);
        memcpy(text + size, "\n", 2);
        status = sx__page_lines_read(&comparison->expected, (struct sx_str){text, size + 1});
    }
    if (status == SX_EPROTO && comparison->out != NULL) {
        fprintf(comparison->out, "line %zu of the expected text cannot be read\n",
                comparison->expected.wrong_line);
    }
    free(text);
    return status;
}

int sx_testing_compare(struct sx_registry *registry, FILE *out, const char *expected)
{
    struct comparison comparison = {.out = out};
    if (expected == NULL) {
        return SX_EINVAL;
    }
    int status = read_expected(&comparison, expected);
    if (status == SX_OK) {
        status = sx__page_lines_render(&comparison.found, registry);
    }
    if (status == SX_OK) {
        comparison.out = NULL;
        compare_all(&comparison);
        status = comparison.differences;
    }
    if (status > 0 && out != NULL) {
        comparison.out = out;
        compare_all(&comparison);
    }
    sx__page_lines_clean_up(&comparison.expected);
    sx__page_lines_clean_up(&comparison.found);
    return status;
}
