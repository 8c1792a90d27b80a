/* Prints the pages of tests/check/openmetrics_cases.h, a line each, for test_openmetrics.py:
 * whether Python accepts the bad page, the violations, the title, and both pages in hexadecimal
 * digits. */
#include "../check/openmetrics_cases.h"

#include <stdio.h>

static void put_page(const struct openmetrics_page *page)
{
    putchar('\t');
    for (size_t i = 0; i < page->size; i++) {
        printf("%02x", (unsigned)(unsigned char)page->text[i]);
    }
}

int main(void)
{
    for (size_t i = 0; i < OPENMETRICS_CASES; i++) {
        const struct openmetrics_case *test = &openmetrics_cases[i];
        printf("%d\t%s\t%s: %s", test->python, test->violations, test->section, test->rule);
        put_page(&test->good);
        put_page(&test->bad);
        putchar('\n');
    }
    return 0;
}
