/* check_labels.c: the labels of a sample. */
#include "check.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

static void skip_spaces(struct sx_str *rest)
{
    while (rest->size > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t')) {
        rest->data++;
        rest->size--;
    }
}

static bool take_char(struct sx_str *rest, char wanted)
{
    if (rest->size == 0 || rest->data[0] != wanted) {
        return false;
    }
    rest->data++;
    rest->size--;
    return true;
}

bool sx__quoted_take(struct sx_str *value, struct sx_str *rest)
{
    value->data = rest->data;
    for (size_t i = 0; i < rest->size && rest->data[i] != '\n'; i++) {
        if (rest->data[i] == '"') {
            value->size = i;
            rest->data += i + 1;
            rest->size -= i + 1;
            return true;
        }
        i += rest->data[i] == '\\';
    }
    return false;
}

static size_t name_size(struct sx_str rest)
{
    size_t size = 0;
    while (size < rest.size && strchr(" \t=,{}\"", rest.data[size]) == NULL) {
        size++;
    }
    return size;
}

const char *sx__quoted_metric_take(struct sx_str *name, struct sx_str *rest)
{
    skip_spaces(rest);
    if (!take_char(rest, '"') || !sx__quoted_take(name, rest) || name->size == 0) {
        return "the braces do not begin with a metric name in quotes";
    }
    skip_spaces(rest);
    return take_char(rest, ',') || (rest->size > 0 && rest->data[0] == '}')
               ? NULL
               : "neither `,` nor `}` follows the metric name";
}

/* Reads the name of a label. Returns NULL or the error. */
static const char *take_label_name(struct sx_str *name, bool *is_quoted, struct sx_str *rest)
{
    *is_quoted = take_char(rest, '"');
    if (*is_quoted) {
        return sx__quoted_take(name, rest) && name->size > 0
                   ? NULL
                   : "a label's quoted name is empty or not closed";
    }
    *name = (struct sx_str){rest->data, name_size(*rest)};
    rest->data += name->size;
    rest->size -= name->size;
    return NULL;
}

const char *sx__label_take(struct sx__label *label, struct sx_str *rest)
{
    *label = (struct sx__label){.is_quoted = false};
    skip_spaces(rest);
    if (take_char(rest, '}')) {
        return NULL;
    }
    struct sx_str name = {rest->data, 0};
    const char *wrong = take_label_name(&name, &label->is_quoted, rest);
    if (wrong != NULL) {
        return wrong;
    }
    skip_spaces(rest);
    if (name.size == 0) {
        return rest->size == 0 ? "the labels are not closed by `}`" : "a label has no name";
    }
    if (!take_char(rest, '=')) {
        return "a label has no `=` after its name";
    }
    skip_spaces(rest);
    if (!take_char(rest, '"')) {
        return "a label's value is not in quotes";
    }
    if (!sx__quoted_take(&label->value, rest)) {
        return "a label's value is not closed by a quote";
    }
    skip_spaces(rest);
    if (!take_char(rest, ',') && (rest->size == 0 || rest->data[0] != '}')) {
        return "neither `,` nor `}` follows a label";
    }
    label->name = name;
    return NULL;
}

__extension__ typedef unsigned __int128 hash_product;

/* A multiplication of 64 by 64 bits whose halves are combined. Without the key, two texts of the
 * same hash cannot be found; with a known multiplier, as in FNV, that takes seconds. */
uint64_t sx__hash(const struct sx__check *check, uint64_t hash, struct sx_str bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        hash_product product =
            (hash_product)(hash ^ (unsigned char)bytes.data[i]) * check->hash_key;
        hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    return hash;
}

uint64_t sx__hash_double(const struct sx__check *check, uint64_t hash, double number)
{
    char bytes[sizeof number];
    number = number == 0 ? 0 : number;
    memcpy(bytes, &number, sizeof number);
    return sx__hash(check, hash, (struct sx_str){bytes, sizeof bytes});
}

/* Sums need terms whose bits are all mixed; the constants are those of splitmix64. */
uint64_t sx__hash_mix(uint64_t hash)
{
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 31);
}

uint32_t sx__hash_fold(const struct sx__check *check, uint64_t hash)
{
    return (uint32_t)(sx__hash_mix(hash ^ check->hash_key) >> 32);
}

static bool label_is(struct sx_str name, const char *wanted)
{
    return wanted != NULL && sx__view_is(name, wanted);
}

/* Reads the next label of a text that is known to be valid. Returns false at the end. */
static bool next(struct sx__label *label, struct sx_str *labels)
{
    return labels->size > 0 && sx__label_take(label, labels) == NULL && label->name.size > 0;
}

void sx__label_sums_add(struct sx__label_sums *sums, const struct sx__check *check,
                        struct sx_str name, struct sx_str value, bool is_excepted)
{
    uint64_t hash = sx__hash(check, SX__HASH_START, name);
    sums->names += is_excepted ? 0 : sx__hash_mix(hash);
    if (value.size > 0) {
        /* Separated by a byte that no name has. */
        hash = sx__hash(check, hash, (struct sx_str){"=", 1});
        hash = sx__hash_mix(sx__hash(check, hash, value));
        sums->pairs += hash;
        sums->others += is_excepted ? 0 : hash;
    }
}

struct sx__label_sums sx__labels_sum(const struct sx__check *check, struct sx_str labels,
                                     const char *except)
{
    struct sx__label_sums sums = {0, 0, 0};
    struct sx__label label;
    while (next(&label, &labels)) {
        sx__label_sums_add(&sums, check, label.name, label.value, label_is(label.name, except));
    }
    return sums;
}

bool sx__labels_reserve(struct sx__check *check, struct sx__label_array *labels, size_t count)
{
    struct sx__label *items =
        sx__array_reserve(labels->items, &labels->capacity, count, sizeof *items);
    if (items == NULL) {
        sx__check_out_of_memory(check);
        return false;
    }
    labels->items = items;
    return true;
}

static int compare_labels(const void *left, const void *right)
{
    const struct sx__label *a = left, *b = right;
    int order = sx__views_compare(a->name, b->name);
    return order != 0 ? order : sx__views_compare(a->value, b->value);
}

/* Sorts by name, then by value. */
static void sort_labels(struct sx__label *labels, size_t count)
{
    if (count > 1) {
        qsort(labels, count, sizeof *labels, compare_labels);
    }
}

void sx__check_label_count(struct sx__check *check, size_t count)
{
    if (count > SX__CHECK_LABELS_USUAL) {
        sx__violation(check, SX__RULE_LABEL_COUNT,
                      "the sample has %zu labels, which are unusually many", count);
    }
}

void sx__check_label_twice(struct sx__check *check, struct sx__label *labels, size_t count)
{
    sort_labels(labels, count);
    for (size_t i = 1; i < count; i++) {
        if (sx__views_equal(labels[i].name, labels[i - 1].name)) {
            sx__violation(check, SX__RULE_LABEL_TWICE, "the label `%s` is given twice",
                          sx__quote(labels[i].name).text);
        }
    }
}

void sx__check_label_names(struct sx__check *check, struct sx__first_sample *first,
                           struct sx_str family, uint64_t names)
{
    if (first->line == 0) {
        first->line = check->line;
        first->label_names = names;
    } else if (first->label_names != names && !first->told) {
        first->told = true;
        sx__violation(check, SX__RULE_LABEL_NAMES,
                      "the label names differ from those of `%s` on line %u (reported once)",
                      sx__quote(family).text, first->line);
    }
}

/* Reads the next label that distinguishes series. Returns false at the end. */
static bool next_of_set(struct sx__label *label, struct sx_str *labels, const char *except)
{
    while (next(label, labels)) {
        if (label->value.size > 0 && !label_is(label->name, except)) {
            return true;
        }
    }
    return false;
}

/* Whether two sets are the same labels in the same order, which is the usual case. */
static bool sequences_equal(struct sx_str a, struct sx_str b, const char *except)
{
    for (;;) {
        struct sx__label left, right;
        bool has_left = next_of_set(&left, &a, except), has_right = next_of_set(&right, &b, except);
        if (!has_left || !has_right) {
            return has_left == has_right;
        }
        if (compare_labels(&left, &right) != 0) {
            return false;
        }
    }
}

/* Returns false if memory is exhausted. */
static bool read_sorted(struct sx__check *check, struct sx__label_array *set, size_t *count,
                        struct sx_str labels, const char *except)
{
    struct sx__label label;
    *count = 0;
    while (next_of_set(&label, &labels, except)) {
        if (!sx__labels_reserve(check, set, *count)) {
            return false;
        }
        set->items[(*count)++] = label;
    }
    sort_labels(set->items, *count);
    return true;
}

bool sx__label_sets_equal(struct sx__check *check, struct sx_str a, struct sx_str b,
                          const char *except)
{
    if (sequences_equal(a, b, except)) {
        return true;
    }
    size_t left, right;
    if (!read_sorted(check, &check->labels, &left, a, except) ||
        !read_sorted(check, &check->other_labels, &right, b, except) || left != right) {
        return false;
    }
    for (size_t i = 0; i < left; i++) {
        if (compare_labels(&check->labels.items[i], &check->other_labels.items[i]) != 0) {
            return false;
        }
    }
    return true;
}

bool sx__labels_find(struct sx_str *value, struct sx_str labels, const char *name)
{
    struct sx__label label;
    while (next(&label, &labels)) {
        if (label_is(label.name, name)) {
            *value = label.value;
            return true;
        }
    }
    return false;
}
