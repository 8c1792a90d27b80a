/* Property: the text of a double parses as the same bits, and no text with fewer digits does, for
 * values and for bounds. */
#include "double.h"
#include "format_number.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double read_back(uint64_t digits, int exponent)
{
    char text[40];
    snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, exponent);
    return strtod(text, NULL);
}

static void check_text(double value, char *write(char *at, double value))
{
    char *text = malloc(SX__DOUBLE_SIZE_MAX);
    char terminated[SX__DOUBLE_SIZE_MAX + 1];
    check(text != NULL);
    size_t size = (size_t)(write(text, value) - text);
    check(size > 0 && size <= SX__DOUBLE_SIZE_MAX);
    memcpy(terminated, text, size);
    terminated[size] = '\0';
    free(text);
    if (isnan(value)) {
        check(strcmp(terminated, "NaN") == 0);
        return;
    }
    check(bits_of(strtod(terminated, NULL)) == bits_of(value));
    check(!isinf(value) || strcmp(terminated, value > 0 ? "+Inf" : "-Inf") == 0);
}

/* Of the decimals with one digit less, only the two next to the value could parse as the value. */
static void check_shortest(double value)
{
    struct sx__decimal decimal = sx__double_shortest(value);
    check(decimal.digits % 10 != 0);
    check(read_back(decimal.digits, decimal.exponent) == value);
    if (decimal.digits >= 10) {
        check(read_back(decimal.digits / 10, decimal.exponent + 1) != value);
        check(read_back(decimal.digits / 10 + 1, decimal.exponent + 1) != value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double value = 0;
    if (size > 0) {
        memcpy(&value, data, size < sizeof value ? size : sizeof value);
    }
    check_text(value, sx__write_double);
    check_text(value, sx__write_bound);
    if (isfinite(value) && value != 0) {
        check_shortest(fabs(value));
    }
    return 0;
}
