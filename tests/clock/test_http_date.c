/* Dates, by the examples of RFC 9110 5.6.7. */
#include "http_date.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EXAMPLE 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static void dates_are_written_in_the_preferred_form(void **state)
{
    (void)state;
    char date[SX__DATE_BYTES];
    sx__date_write(date, EXAMPLE);
    assert_memory_equal(date, "Sun, 06 Nov 1994 08:49:37 GMT", SX__DATE_BYTES);
    sx__date_write(date, 0);
    assert_memory_equal(date, "Thu, 01 Jan 1970 00:00:00 GMT", SX__DATE_BYTES);
}

/* "A recipient that parses a timestamp value in an HTTP field MUST accept all three HTTP-date
 * formats." */
static void all_three_forms_are_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        time_t time = 0;
        assert_int_equal(sx__date_parse(&time, texts[i]), 0);
        assert_int_equal(time, EXAMPLE);
    }
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    for (int64_t time = 0; time < (int64_t)4102444800; time += 12345678) {
        char date[SX__DATE_BYTES + 1] = "";
        sx__date_write(date, (time_t)time);
        time_t again = 0;
        assert_int_equal(sx__date_parse(&again, date), 0);
        assert_int_equal(again, time);
    }
}

static void other_texts_are_no_dates(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "0",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Now 1994 08:49:37 GMT",
        "Sun, 06 ovD 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov -994 08:49:37 GMT",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        time_t time = 7;
        assert_int_equal(sx__date_parse(&time, texts[i]), SX_EPROTO);
        assert_int_equal(time, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_written_in_the_preferred_form),
        cmocka_unit_test(all_three_forms_are_read),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(other_texts_are_no_dates),
    };
    return cmocka_run_group_tests_name("dates", tests, NULL, NULL);
}
