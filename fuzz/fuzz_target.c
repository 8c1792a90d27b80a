/* Property: the path of a target that parses is text, begins with a slash and has no dot segments,
 * and its segments lie in it in order. A form that decodes has as many names as values. Each works
 * in memory of exactly the size that its header requires. */
#include "target.h"
#include "utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_path(const struct sx__path *path, int status)
{
    size_t at = 0;
    check(strlen(path->text) == path->size);
    check(sx__utf8_is_valid((struct sx_str){path->text, path->size}));
    for (size_t i = 0; i < path->segment_count; i++) {
        struct sx__segment segment = path->segments[i];
        const char *text = path->text + segment.offset;
        check(segment.offset == at + 1 && path->text[at] == '/');
        check(!(segment.size == 1 && text[0] == '.'));
        check(!(segment.size == 2 && memcmp(text, "..", 2) == 0));
        at = segment.offset + segment.size;
    }
    check(status != SX_OK || at == path->size || strcmp(path->text, "*") == 0);
}

static void check_form(struct sx_str form)
{
    char *decoded = malloc(2 * form.size + 2);
    check(decoded != NULL);
    const size_t size = sx__form_decode(decoded, form);
    size_t ends = 0;
    check(size <= 2 * form.size + 2);
    for (size_t i = 0; i < size; i++) {
        ends += decoded[i] == '\0';
    }
    check(ends % 2 == 0 && (size == 0 || decoded[size - 1] == '\0'));
    const char *value = sx__form_get(decoded, size, "a");
    if (value != NULL) {
        const enum sx__form_state state = sx__form_state(value);
        check(state >= SX__FORM_GOOD && state <= SX__FORM_NUL);
        check(state == SX__FORM_GOOD || *value == '\0');
    }
    free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size == 0 ? 1 : size);
    char *space = malloc(size + 2);
    struct sx__path path;
    struct sx_str query;
    check(bytes != NULL && space != NULL);
    if (size > 0) {
        memcpy(bytes, data, size);
    }
    int status = sx__target_parse(&path, &query, (struct sx_str){bytes, size}, space);
    check_path(&path, status);
    if (status == SX_OK || status == SX_EFULL) {
        check_form(query);
    }
    check_form((struct sx_str){bytes, size});
    free(bytes);
    free(space);
    return 0;
}
