/* Prints the pages of tests/check/check_cases.h, a line each, for test_check.py: who refuses
 * it, the violations, the title, and the page in hexadecimal digits. */
#include "../check/check_cases.h"

#include <stdio.h>

int main(void)
{
    for (size_t i = 0; i < CHECK_CASES; i++) {
        const struct check_case *test = &check_cases[i];
        printf("%d\t%s\t%s\t", test->refused_by, test->violations, test->title);
        for (size_t n = 0; n < test->size; n++) {
            printf("%02x", (unsigned)(unsigned char)test->page[n]);
        }
        putchar('\n');
    }
    return 0;
}
