/* Property: the options of a Unix socket on a command line are rejected, or their parts make an
 * address that means the same. */
#include "unix_address.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_same(const struct sx__unix_options *one, const struct sx__unix_options *two)
{
    const char *const texts[][2] = {{one->owner, two->owner}, {one->group, two->group}};
    for (size_t i = 0; i < 2; i++) {
        const char *a = texts[i][0];
        const char *b = texts[i][1];
        if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0)) {
            abort();
        }
    }
    if (one->mode != two->mode || one->mode > 0777) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char message[SX__UNIX_ADDRESS_MESSAGE_BYTES];
    struct sx__unix_options options, again_options;
    char *text = malloc(size + 1);
    char *again = malloc(2 * size + 64);
    if (text == NULL || again == NULL) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (sx__unix_address_parse(text, &options, message) == NULL) {
        int used = snprintf(again, 2 * size + 64, "%s", text);
        used += options.mode == 0 ? 0 : snprintf(again + used, size + 32, ",mode=%o", options.mode);
        used += options.owner == NULL
                    ? 0
                    : snprintf(again + used, size + 32, ",owner=%s", options.owner);
        used += options.group == NULL
                    ? 0
                    : snprintf(again + used, size + 32, ",group=%s", options.group);
        if (sx__unix_address_parse(again, &again_options, message) != NULL ||
            strcmp(again, text) != 0) {
            abort();
        }
        assert_same(&options, &again_options);
    }
    free(again);
    free(text);
    return 0;
}
