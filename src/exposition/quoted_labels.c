/* quoted_labels.c: reading labels from text. */
#include "quoted_labels.h"

#include <stddef.h>

static bool skip(struct sx__quoted_labels *labels, char c)
{
    const bool is_there = labels->at < labels->end && *labels->at == c;
    labels->at += is_there;
    return is_there;
}

/* Reads what is in quotes. */
static bool read_quoted(struct sx__quoted_labels *labels, struct sx_str *value)
{
    value->data = labels->out;
    if (!skip(labels, '"')) {
        return false;
    }
    while (labels->at < labels->end && *labels->at != '"') {
        char c = *labels->at++;
        if (c == '\\' && labels->at < labels->end) {
            c = *labels->at == 'n' ? '\n' : *labels->at;
            labels->at++;
        }
        *labels->out++ = c;
    }
    value->size = (size_t)(labels->out - value->data);
    return skip(labels, '"');
}

static bool read_bare(struct sx__quoted_labels *labels, struct sx_str *name)
{
    name->data = labels->out;
    while (labels->at < labels->end && *labels->at != '=') {
        *labels->out++ = *labels->at++;
    }
    name->size = (size_t)(labels->out - name->data);
    return name->size > 0;
}

bool sx__quoted_labels_skip_name(struct sx__quoted_labels *labels)
{
    struct sx_str name;
    if (skip(labels, '{')) {
        return read_quoted(labels, &name) && skip(labels, ',');
    }
    while (labels->at < labels->end && *labels->at != '{') {
        labels->at++;
    }
    return skip(labels, '{');
}

bool sx__quoted_labels_next(struct sx__quoted_labels *labels, struct sx_str *value)
{
    struct sx_str name;
    const bool is_quoted = labels->at < labels->end && *labels->at == '"';
    if (!(is_quoted ? read_quoted(labels, &name) : read_bare(labels, &name)) ||
        !skip(labels, '=')) {
        return false;
    }
    *labels->out++ = '\0'; /* in the place of the `=` */
    labels->name = name.data;
    if (!read_quoted(labels, value)) {
        return false;
    }
    (void)skip(labels, ',');
    return true;
}
