/* Prints the pages of tests/check/lint_cases.h, a line each, for test_lint.py, in hexadecimal
 * digits. */
#include "../check/lint_cases.h"

#include <stdio.h>

int main(void)
{
    for (size_t i = 0; i < LINT_CASES; i++) {
        for (const char *c = lint_cases[i].page; *c != '\0'; c++) {
            printf("%02x", (unsigned)(unsigned char)*c);
        }
        putchar('\n');
    }
    return 0;
}
