/* name_filter.c: decodes `name[]` parameters. See name_filter.h. */
#include "name_filter.h"

#include "percent.h"
#include "token.h"
#include "view.h"

#include <stdbool.h>
#include <stdlib.h>

/* Decodes `text`, an urlencoded part of a query, and returns the position behind what it wrote,
 * which is at most as long. */
static char *decode(char *at, struct sx_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%' && i + 2 < text.size && sx__hex_digit(text.data[i + 1]) >= 0 &&
            sx__hex_digit(text.data[i + 2]) >= 0) {
            c = (char)(sx__hex_digit(text.data[i + 1]) << 4 | sx__hex_digit(text.data[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        *at++ = c;
    }
    return at;
}

/* Whether the parameter is `name[]`. Its bytes are decoded to `at`, which is scratch memory. */
static bool is_name_parameter(char *at, struct sx_str parameter)
{
    const struct sx_str decoded = {at, (size_t)(decode(at, parameter) - at)};
    return sx__views_equal(decoded, sx__view("name[]"));
}

static size_t count_parameters(struct sx_str query)
{
    size_t count = query.size > 0;
    for (size_t i = 0; i < query.size; i++) {
        count += query.data[i] == '&';
    }
    return count;
}

int sx__name_filter_read(struct sx__name_filter *filter, struct sx_str query)
{
    *filter = (struct sx__name_filter){.count = 0};
    if (query.size == 0) {
        return SX_OK;
    }
    filter->names = calloc(count_parameters(query), sizeof *filter->names);
    filter->bytes = malloc(query.size);
    if (filter->names == NULL || filter->bytes == NULL) {
        return SX_ENOMEM;
    }
    char *at = filter->bytes;
    while (query.size > 0) {
        struct sx_str value = sx__take_until(&query, '&');
        const struct sx_str parameter = sx__take_until(&value, '=');
        if (is_name_parameter(at, parameter)) {
            char *end = decode(at, value);
            filter->names[filter->count++] = (struct sx_str){at, (size_t)(end - at)};
            at = end;
        }
    }
    return SX_OK;
}

void sx__name_filter_clean_up(struct sx__name_filter *filter)
{
    free(filter->names);
    free(filter->bytes);
    *filter = (struct sx__name_filter){.count = 0};
}
