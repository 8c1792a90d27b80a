/* written_labels.c: labels are read one after the other; there are too few in a series to sort
 * them. */
#include "written_labels.h"

#include "constants.h"
#include "label_hash.h"
#include "pieces.h"
#include "view.h"

/* Returns the position behind the quote that ends the text, whose first quote is before `at`. */
static const char *end_of_quoted(const char *at)
{
    for (; *at != '"'; at++) {
        at += *at == '\\';
    }
    return at + 1;
}

struct sx_str sx__series_labels(const struct sx__family *family, struct sx_str text)
{
    if (sx__has_buckets(family)) {
        return text;
    }
    const char *at = text.data;
    const char *end = at + text.size - 1; /* the blank */
    if (*at == '{') {
        at = end_of_quoted(at + 2);
        at += *at == ',';
    } else {
        at += sx__family_name(family).size;
        at += *at == '{';
    }
    end -= end[-1] == '}' && end > at;
    return (struct sx_str){at, (size_t)(end - at)};
}

bool sx__written_labels_take(struct sx_str *labels, struct sx__written_label *label)
{
    if (labels->size == 0) {
        return false;
    }
    const char *start = labels->data;
    const char *end = start + labels->size;
    const char *at = *start == '"' ? end_of_quoted(start + 1) : start;
    while (*at != '=') {
        at++;
    }
    label->name = (struct sx_str){start, (size_t)(at - start)};
    const char *value = at + 2;
    at = end_of_quoted(value);
    label->value = (struct sx_str){value, (size_t)(at - value) - 1};
    label->text = (struct sx_str){start, (size_t)(at - start)};
    at += at < end; /* the comma */
    *labels = (struct sx_str){at, (size_t)(end - at)};
    return true;
}

bool sx__written_labels_stay(const struct sx__family *family, enum sx__name_scheme scheme)
{
    const size_t count = sx__all_labels_count(family);
    bool stay = scheme == SX__NAME_AS_IT_IS;
    for (size_t i = 0; i < count && (stay || i == 0); i++) {
        stay = sx__name_stays(sx__all_labels_name(family, i), SX__NAME_OF_LABEL, scheme);
    }
    return stay || count == 0;
}

char *sx__written_labels_escape(char *at, const struct sx__family *family, struct sx_str labels,
                                enum sx__name_scheme scheme)
{
    struct sx__written_label label;
    for (size_t i = 0; sx__written_labels_take(&labels, &label); i++) {
        if (i > 0) {
            *at++ = ',';
        }
        at = sx__name_escape(at, sx__all_labels_name(family, i), SX__NAME_OF_LABEL, scheme);
        at = sx__copy_piece(at, SX__PIECE("=\""));
        at = sx__copy_piece(at, label.value);
        *at++ = '"';
    }
    return at;
}

/* Takes the next label that has a value. */
static bool take_label(struct sx_str *labels, struct sx_str *text)
{
    struct sx__written_label label;
    bool found = false;
    while (!found && sx__written_labels_take(labels, &label)) {
        found = label.value.size > 0;
        *text = label.text;
    }
    return found;
}

uint32_t sx__written_labels_hash(const uint64_t *key, struct sx_str labels)
{
    struct sx_str label;
    uint32_t hash = 0;
    while (take_label(&labels, &label)) {
        hash += sx__label_hash_of(key, &label, 1).hash; /* a sum has no order */
    }
    return hash;
}

static bool has_written_label(struct sx_str labels, struct sx_str wanted)
{
    struct sx_str label;
    while (take_label(&labels, &label)) {
        if (sx__views_equal(label, wanted)) {
            return true;
        }
    }
    return false;
}

/* Whether `b` has all labels of `a`. */
static bool has_all_labels(struct sx_str a, struct sx_str b)
{
    struct sx_str label;
    bool has_all = true;
    while (has_all && take_label(&a, &label)) {
        has_all = has_written_label(b, label);
    }
    return has_all;
}

bool sx__written_labels_equal(struct sx_str a, struct sx_str b)
{
    if (sx__views_equal(a, b)) {
        return true;
    }
    return has_all_labels(a, b) && has_all_labels(b, a);
}
