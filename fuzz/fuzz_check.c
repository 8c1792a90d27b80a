/* Property: a page of any bytes is checked without a read outside of it, the number of faults is
 * that of the calls and of their limit, each error is on a line of the page and says something that
 * can be printed; and comments and blank lines between the others change nothing. */
#include <sextant/exposition.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct heard {
    size_t lines; /* of the page */
    int faults;
};

static int hear(void *context, const struct sx_fault *error)
{
    struct heard *heard = context;
    heard->faults++;
    check(error->line >= 1 && error->line <= heard->lines);
    check(error->rule[0] != '\0' && error->text[0] != '\0');
    for (const char *c = error->text; *c != '\0'; c++) {
        check(*c >= ' ' && *c <= '~');
    }
    return 0;
}

static size_t count_lines(const char *page, size_t size)
{
    size_t lines = size > 0 && page[size - 1] != '\n';
    for (size_t i = 0; i < size; i++) {
        lines += page[i] == '\n';
    }
    return lines;
}

static int count_faults(const char *page, size_t size, size_t faults_max)
{
    const struct sx_check_options options = {.faults_max = faults_max};
    struct heard heard = {.lines = count_lines(page, size)};
    int faults = sx_exposition_check((struct sx_str){page, size}, &options, hear, &heard);
    check(faults == heard.faults && faults >= 0);
    return faults;
}

/* The page with a comment and a blank line before each line. */
static char *spread(const char *page, size_t size, size_t *spread_size)
{
    static const char between[] = "# a comment\n \n";
    const size_t between_size = sizeof between - 1;
    char *out = malloc(size + (count_lines(page, size) + 1) * between_size);
    check(out != NULL);
    char *at = out;
    for (size_t i = 0; i < size; i++) {
        if (i == 0 || page[i - 1] == '\n') {
            memcpy(at, between, between_size);
            at += between_size;
        }
        *at++ = page[i];
    }
    *spread_size = (size_t)(at - out);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *page = (const char *)data;
    int faults = count_faults(page, size, SIZE_MAX);
    check(count_faults(page, size, 1) == (faults > 0));
    size_t spread_size;
    char *with_comments = spread(page, size, &spread_size);
    check(count_faults(with_comments, spread_size, SIZE_MAX) == faults);
    free(with_comments);
    if (faults == 0 && size > 0) {
        check(page[size - 1] == '\n');
        bool was_blank = size == 1 || page[size - 2] == '\n';
        check(count_faults(page, size - 1, SIZE_MAX) == !was_blank); /* the line feed is missing */
    }
    return 0;
}
