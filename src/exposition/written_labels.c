/* written_labels.c: labels are read one after the other; there are too few in a series to sort
 * them. */
#include "written_labels.h"

#include "label_hash.h"
#include "view.h"

#include <string.h>

/* Takes the next `name="value"` that has a value from the labels. Returns false if none is left.
 * The library wrote the text, so it is well-formed. */
static bool take_label(struct sx_str *labels, struct sx_str *label)
{
    const char *at = labels->data;
    const char *end = at + labels->size;
    bool is_empty = true;
    while (is_empty && at < end) {
        const char *start = at;
        const char *value = (const char *)memchr(at, '"', (size_t)(end - at)) + 1;
        for (at = value; *at != '"'; at++) {
            at += *at == '\\';
        }
        is_empty = at == value;
        at++;
        *label = (struct sx_str){start, (size_t)(at - start)};
        at += at < end; /* the comma */
    }
    *labels = (struct sx_str){at, (size_t)(end - at)};
    return !is_empty;
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

static bool has_label(struct sx_str labels, struct sx_str wanted)
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
        has_all = has_label(b, label);
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
