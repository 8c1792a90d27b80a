/* Prints a page whose label values are as bad as a client can make them. test_hostile.py, which has
 * the same list, has it judged. */
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>

#define VALUE(text_)               \
    {                              \
        (text_), sizeof(text_) - 1 \
    }

static const struct sx_str values[] = {
    VALUE("plain"),
    VALUE("\"quoted\""),
    VALUE("back\\slash"),
    VALUE("\\n is no line feed"),
    VALUE("line\nfeed"),
    VALUE("ends in a backslash\\"),
    VALUE("carriage\rreturn\r\n"),
    VALUE("nul\0byte"),
    VALUE("bell\x07 tab\t delete\x7f"),
    VALUE("line separator \xe2\x80\xa8 next line \xc2\x85"),
    VALUE("not utf-8: \xff\xfe"),
    VALUE("cut short: \xe2\x82"),
    VALUE("overlong: \xc0\xaf"),
    VALUE("surrogate: \xed\xa0\x80"),
    VALUE("four bytes: \xf0\x9f\x94\xad"),
    VALUE("beyond: \xf4\x90\x80\x80"),
    VALUE("} 1\n# TYPE x counter\nx{a=\"b\"} 2"),
    VALUE("a=\"b\",c=\"d\""),
};

int main(void)
{
    struct sx_counter_family *counters = NULL;
    struct sx_histogram_family *histograms = NULL;
    struct sx_page page = {0};
    struct sx_metric_options options = {
        .name = "hostile_total",
        .help = "Values that \"clients\" send: \\ and\nline feeds, \xe2\x80\xa8 too.",
        .labels = SX_LABELS("value", "number"),
    };
    int status = sx_counter_family_register(&counters, NULL, &options);
    options.name = "hostile_seconds";
    if (status == SX_OK) {
        status = sx_histogram_family_register(&histograms, NULL, &options);
    }
    for (size_t i = 0; status == SX_OK && i < sizeof values / sizeof *values; i++) {
        char number[8];
        int length = snprintf(number, sizeof number, "%zu", i);
        struct sx_str labels[] = {values[i], {number, (size_t)length}};
        struct sx_counter *counter = NULL;
        struct sx_histogram *histogram = NULL;
        status = sx_counter_family_get(&counter, counters, labels, 2);
        if (status == SX_OK) {
            status = sx_histogram_family_get(&histogram, histograms, labels, 2);
        }
        sx_counter_add(counter, (double)i + 1);
        sx_histogram_observe(histogram, 0.3);
    }
    if (status == SX_OK) {
        status = sx_page_render(&page, NULL, SX_FORMAT_TEXT);
    }
    if (status != SX_OK) {
        fprintf(stderr, "%s: %s\n", sx_status_name(status), sx_status_text(status));
    }
    fwrite(page.data, 1, page.size, stdout);
    sx_page_clean_up(&page);
    return status != SX_OK;
}
