/* Two families clash if and only if a format could write one name for both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "written_names.h"

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 6
#define NAME_SIZE 64

/* OpenMetrics 1.0, "Suffixes": the names of the samples of each type; the text format writes the
 * first column, too. */
static const char *const counter[] = {"", "_total", "_created", NULL};
static const char *const gauge[] = {"", NULL};
static const char *const histogram[] = {"", "_bucket", "_count", "_sum", "_created", NULL};

static const char *const summary[] = {"", "_count", "_sum", "_created", NULL};
static const char *const info[] = {"", "_info", NULL};
static const char *const gauge_histogram[] = {"",        "_bucket", "_count", "_sum",
                                              "_gcount", "_gsum",   NULL};

static const char *const *const written[] = {
    [SX_COUNTER] = counter,     [SX_GAUGE] = gauge,
    [SX_HISTOGRAM] = histogram, [SX_SUMMARY] = summary,
    [SX_INFO] = info,           [SX_STATE_SET] = gauge,
    [SX_UNTYPED] = gauge,       [SX_GAUGE_HISTOGRAM] = gauge_histogram,
};

/* Writes the names out. Returns their number. */
static size_t spell(char names[NAMES_MAX][NAME_SIZE], const char *name, enum sx_metric_type type)
{
    size_t size = strlen(name);
    size_t count = 0;
    if (type == SX_COUNTER && size > 6 && strcmp(name + size - 6, "_total") == 0) {
        size -= 6;
    }
    if (type == SX_INFO && size > 5 && strcmp(name + size - 5, "_info") == 0) {
        size -= 5;
    }
    for (const char *const *suffix = written[type]; *suffix != NULL; suffix++) {
        snprintf(names[count++], NAME_SIZE, "%.*s%s", (int)size, name, *suffix);
    }
    return count;
}

static bool have_one_name(const char *a, enum sx_metric_type type_a, const char *b,
                          enum sx_metric_type type_b)
{
    char names_a[NAMES_MAX][NAME_SIZE], names_b[NAMES_MAX][NAME_SIZE];
    const size_t count_a = spell(names_a, a, type_a);
    const size_t count_b = spell(names_b, b, type_b);
    for (size_t i = 0; i < count_a * count_b; i++) {
        if (strcmp(names_a[i / count_b], names_b[i % count_b]) == 0) {
            return true;
        }
    }
    return false;
}

#define TYPES 8
#define ENDS 10
#define FAMILIES (3 * 3 * ENDS * ENDS)

static char families[FAMILIES][NAME_SIZE];

static size_t make_families(void)
{
    static const char *const starts[] = {"", "a", "a_b"};
    static const char *const ends[ENDS] = {"",       "_total", "_created", "_bucket", "_coun",
                                           "_count", "_sum",   "_info",    "_gsum",   "total"};
    size_t count = 0;
    for (size_t i = 0; i < 3 * ENDS * ENDS; i++) {
        snprintf(families[count], NAME_SIZE, "%s%s%s", starts[i / ENDS / ENDS],
                 ends[i / ENDS % ENDS], ends[i % ENDS]);
        count += families[count][0] != '\0';
    }
    return count;
}

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static void test_families_clash_if_they_have_a_name_in_common(void **state)
{
    (void)state;
    const size_t count = make_families();
    size_t clashes = 0;
    for (size_t i = 0; i < count * count * TYPES * TYPES; i++) {
        const char *a = families[i / (TYPES * TYPES) / count];
        const char *b = families[i / (TYPES * TYPES) % count];
        const enum sx_metric_type type_a = (enum sx_metric_type)(i / TYPES % TYPES);
        const enum sx_metric_type type_b = (enum sx_metric_type)(i % TYPES);
        const bool expected = have_one_name(a, type_a, b, type_b);
        if (sx__written_names_clash(view(a), type_a, view(b), type_b) != expected) {
            fail_msg("%s (%d) and %s (%d)", a, (int)type_a, b, (int)type_b);
        }
        clashes += expected;
    }
    assert_in_range(clashes, 1000, count * count * TYPES * TYPES / 2);
}

/* A hash table finds families by their stems, so each stem must be there once. */
static void test_a_family_has_each_stem_once(void **state)
{
    (void)state;
    const size_t count = make_families();
    for (size_t i = 0; i < count * TYPES; i++) {
        struct sx__written_names names[SX__STEMS_MAX];
        const size_t stems = sx__written_names_of(names, view(families[i / TYPES]),
                                                  (enum sx_metric_type)(i % TYPES));
        assert_in_range(stems, 1, SX__STEMS_MAX);
        assert_true(stems == 1 || names[0].stem.size != names[1].stem.size);
        assert_int_not_equal(names[0].suffixes, 0);
        assert_int_not_equal(names[stems - 1].suffixes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families_clash_if_they_have_a_name_in_common),
        cmocka_unit_test(test_a_family_has_each_stem_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
