/* lint_cases.h: pages with unusual names, HELP, units and labels, and what the lint finds.
 *
 * tests/check/test_lint.c runs our checker over them, tests/system/test_lint.py compares with what
 * `promtool check metrics` reports of the same pages.
 */
#ifndef SX_TESTS_LINT_CASES_H
#define SX_TESTS_LINT_CASES_H

struct lint_case {
    const char *page;
    const char *findings; /* "LINE RULE; LINE RULE", in order; only of the lint */
};

#define H(name) "# HELP " name " H.\n"
#define TEN(name)                                                                        \
    name "1\"} 1\n" name "2\"} 1\n" name "3\"} 1\n" name "4\"} 1\n" name "5\"} 1\n" name \
         "6\"} 1\n" name "7\"} 1\n" name "8\"} 1\n" name "9\"} 1\n" name "10\"} 1\n"

static const struct lint_case lint_cases[] = {
    {"", ""},
    {H("jobs_total") "# TYPE jobs_total counter\njobs_total{queue=\"a\"} 1\n" H("queue_length") "# TYPE queue_length gauge\nqueue_length 1\n" H(
         "wait_seconds") "# TYPE wait_seconds histogram\nwait_seconds_bucket{le=\"+Inf\"} 1\n"
                         "wait_seconds_sum 1\nwait_seconds_count 1\n" H(
                             "size_bytes") "# TYPE size_bytes summary\nsize_bytes{quantile=\"0.5\"} 1\n"
                                           "size_bytes_sum 1\nsize_bytes_count 1\n",
     ""},

    /* ---- HELP ---- */
    {"# TYPE a gauge\na 1\n", "1 lint-help"},
    {"# TYPE a gauge\n# HELP a\na 1\n", "1 lint-help"},
    {"# TYPE a gauge\n# HELP a  \na 1\n", "1 lint-help"},
    {"# TYPE a gauge\n# HELP a H.\na 1\n", ""},
    {"a 1\nb 1\n", "1 lint-help; 1 lint-untyped; 2 lint-help; 2 lint-untyped"},

    /* ---- units ---- */
    {H("a_milliseconds") "# TYPE a_milliseconds gauge\na_milliseconds 1\n", "1 lint-unit"},
    {H("kilobytes_read_total") "# TYPE kilobytes_read_total counter\nkilobytes_read_total 1\n",
     "1 lint-unit"},
    {H("a_hours") "# TYPE a_hours gauge\na_hours 1\n" H("a_fahrenheit") "# TYPE a_fahrenheit gauge\na_fahrenheit 1\n" H(
         "a_bits") "# TYPE a_bits gauge\na_bits 1\n" H("a_kelvins") "# TYPE a_kelvins gauge\na_kelvins 1\n" H("a_gibibytes") "# TYPE a_gibibytes gauge\na_gibibytes 1\n",
     "1 lint-unit; 4 lint-unit; 7 lint-unit; 10 lint-unit; 13 lint-unit"},
    {H("thermometers") "# TYPE thermometers gauge\nthermometers 1\n" H(
         "a_kelvin") "# TYPE a_kelvin gauge\na_kelvin 1\n" H("a_metres") "# TYPE a_metres gauge\na_metres 1\n",
     ""},
    {H("a_ms") "# TYPE a_ms gauge\na_ms 1\n" H("a_kb_read") "# TYPE a_kb_read gauge\na_kb_read 1\n" H(
         "a_S") "# TYPE a_S gauge\na_S 1\n" H("s_a") "# TYPE s_a gauge\ns_a 1\n",
     "1 lint-abbreviation; 4 lint-abbreviation; 7 lint-abbreviation"},
    {H("cpu_percent") "# TYPE cpu_percent gauge\ncpu_percent 1\n", "1 lint-percent"},

    /* ---- types and suffixes ---- */
    {H("a") "# TYPE a counter\na 1\n", "1 lint-total"},
    {H("a_total") "# TYPE a_total gauge\na_total 1\n", "1 lint-total"},
    {H("a_total") "# TYPE a_total untyped\na_total 1\n", "1 lint-untyped"},
    {H("a_bucket") "# TYPE a_bucket gauge\na_bucket 1\n" H(
         "a_sum") "# TYPE a_sum gauge\na_sum 1\n" H("a_count") "# TYPE a_count gauge\na_count 1\n",
     "1 lint-suffix; 4 lint-suffix; 7 lint-suffix"},
    {H("a_count") "# TYPE a_count summary\na_count_sum 1\na_count_count 1\n", ""},
    {H("a_gauge") "# TYPE a_gauge gauge\na_gauge 1\n" H("a_counter_x_total") "# TYPE a_counter_x_total counter\na_counter_x_total 1\n" H(
         "gauge_a") "# TYPE gauge_a gauge\ngauge_a 1\n" H("a_Summary") "# TYPE a_Summary gauge\na_Summary 1\n",
     "1 lint-type; 4 lint-type; 10 lint-type"},
    {H("a") "# TYPE a gauge\na{le=\"1\"} 1\na{le=\"2\"} 1\n", "3 lint-label"},
    {H("a") "# TYPE a gauge\na{quantile=\"1\"} 1\n", "3 lint-label"},
    {H("a") "# TYPE a untyped\na{quantile=\"1\",le=\"1\"} 1\n", "1 lint-untyped"},
    {H("h") "# TYPE h histogram\nh_bucket{le=\"+Inf\",quantile=\"1\"} 1\nh_sum{quantile=\"1\"} 1\n"
            "h_count{quantile=\"1\"} 1\n",
     "3 lint-label"},

    /* ---- names ---- */
    {H("a:b") "# TYPE a:b gauge\na:b 1\n", "1 lint-colon"},
    {H("aB") "# TYPE aB gauge\naB 1\n" H("AB") "# TYPE AB gauge\nAB 1\n", "1 lint-camel-case"},
    {H("a") "# TYPE a gauge\na{bC=\"1\"} 1\na{bC=\"2\"} 1\n", "3 lint-camel-case"},

    /* ---- samples ---- */
    {H("a") "# TYPE a gauge\na{b=\"1\"} 1 5\na{b=\"2\"} 1 5\n", "3 lint-timestamp"},
    {H("a") "# TYPE a gauge\n" TEN("a{host=\"x\",b=\""), "3 lint-constant-label"},
    {H("a") "# TYPE a gauge\n" TEN("a{host=\"x\",b=\"") H("b") "# TYPE b gauge\nb 1\n", ""},
    {H("a") "# TYPE a gauge\na{host=\"x\",b=\"1\"} 1\na{host=\"x\",b=\"2\"} 1\n", ""},
};

#undef H
#define LINT_CASES (sizeof lint_cases / sizeof lint_cases[0])

#endif
