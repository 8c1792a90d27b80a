/* check_cases.h: one page for each rule that a page can break, and what the checker reports.
 *
 * tests/check/test_violations.c runs our checker over them, tests/system/test_check.py the command
 * line and three other readers, promtool, Python's prometheus_client and the Prometheus server.
 * `refused_by` says which of those refuse the page too: what nobody else finds is why there is a
 * checker of our own.
 */
#ifndef SX_TESTS_CHECK_CASES_H
#define SX_TESTS_CHECK_CASES_H

#include <stddef.h>

#define PROMTOOL 1
#define PYTHON 2
#define SERVER 4
#define OLD_PROMTOOL 8 /* 2.42 refuses it, 2.53 does not */

struct check_case {
    const char *title;
    const char *violations; /* "LINE RULE; LINE RULE", in order; "": a good page */
    int refused_by;
    const char *page;
    size_t size;
};

#define PAGE(text) (text), sizeof(text) - 1
#define HEAD(name, type) "# HELP " name " H.\n# TYPE " name " " type "\n"

static const struct check_case check_cases[] = {
    /* ---- pages that are good ---- */
    {"an empty page", "", 0, PAGE("")},
    /* Prometheus "Exposition formats", Text format example; it is quoted whole. Prometheus itself
     * refuses the time before the epoch. */
    {"the example of the specification", "13 timestamp-sign", SERVER,
     PAGE("# HELP http_requests_total The total number of HTTP requests.\n"
          "# TYPE http_requests_total counter\n"
          "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n"
          "http_requests_total{method=\"post\",code=\"400\"}    3 1395066363000\n"
          "\n"
          "# Escaping in label values:\n"
          "msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find "
          "file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9\n"
          "\n"
          "# Minimalistic line:\n"
          "metric_without_timestamp_and_labels 12.47\n"
          "\n"
          "# A weird metric from before the epoch:\n"
          "something_weird{problem=\"division by zero\"} +Inf -3982045\n"
          "\n"
          "# A histogram, which has a pretty complex representation in the text format:\n"
          "# HELP http_request_duration_seconds A histogram of the request duration.\n"
          "# TYPE http_request_duration_seconds histogram\n"
          "http_request_duration_seconds_bucket{le=\"0.05\"} 24054\n"
          "http_request_duration_seconds_bucket{le=\"0.1\"} 33444\n"
          "http_request_duration_seconds_bucket{le=\"0.2\"} 100392\n"
          "http_request_duration_seconds_bucket{le=\"0.5\"} 129389\n"
          "http_request_duration_seconds_bucket{le=\"1\"} 133988\n"
          "http_request_duration_seconds_bucket{le=\"+Inf\"} 144320\n"
          "http_request_duration_seconds_sum 53423\n"
          "http_request_duration_seconds_count 144320\n"
          "\n"
          "# Finally a summary, which has a complex representation, too:\n"
          "# HELP rpc_duration_seconds A summary of the RPC duration in seconds.\n"
          "# TYPE rpc_duration_seconds summary\n"
          "rpc_duration_seconds{quantile=\"0.01\"} 3102\n"
          "rpc_duration_seconds{quantile=\"0.05\"} 3272\n"
          "rpc_duration_seconds{quantile=\"0.5\"} 4773\n"
          "rpc_duration_seconds{quantile=\"0.9\"} 9001\n"
          "rpc_duration_seconds{quantile=\"0.99\"} 76656\n"
          "rpc_duration_seconds_sum 1.7560473e+07\n"
          "rpc_duration_seconds_count 2693\n")},
    {"a family without series", "", 0, PAGE(HEAD("a", "counter") HEAD("b", "gauge") "b 1\n")},
    {"blanks and tabs between tokens", "", 0,
     PAGE("\t# \tTYPE \t g\tgauge\ng\t{ a = \"1\" , b\t=\"2\" }\t 1 \t 5\n\n "
          "\t\ng{a=\"\",b=\"\"}2\n")},
    {"a comma behind the last label", "", 0, PAGE("g{a=\"1\",} 1\n")},
    {"braces without labels", "", 0, PAGE("g{} 1\n")},
    {"comments that only look like HELP or TYPE", "", PYTHON,
     PAGE("# HELPER g\n# TYPES g\n# EOF\n# g{ 1\n## TYPE g nonsense\ng 1\n")},
    {"a comment of no word", "", 0, PAGE("#\ng 1\n")},
    {"an end of OpenMetrics is a comment", "", 0, PAGE("g 1\n# EOF\n")},
    {"HELP without a text", "", 0, PAGE("# HELP g\n# TYPE g gauge\ng 1\n")},
    {"HELP may hold quotes and UTF-8", "", 0,
     PAGE("# HELP g say \"\xC3\xA4\" \\\\ \\n {a=\"b\"} # 1\n# TYPE g gauge\ng 1\n")},
    {"HELP may end in a carriage return", "", 0, PAGE("# HELP g H.\r\n# TYPE g gauge\ng 1\n")},
    {"control bytes in a label value", "", 0, PAGE("g{a=\"\x01\t\r\x7F\"} 1\n")},
    {"commas, braces and hashes in a label value", "", 0, PAGE("g{a=\"},b=\\\"#{\"} 1\n")},
    {"every way to write a number", "", 0,
     PAGE("g{a=\"1\"} +5\ng{a=\"2\"} -0.5e-3\ng{a=\"3\"} .5\ng{a=\"4\"} 5.\ng{a=\"5\"} 1E3\n"
          "g{a=\"6\"} NaN\ng{a=\"7\"} -Inf\ng{a=\"8\"} 1.7976931348623157e+308\n"
          "g{a=\"9\"} 000000000000000000000000000001\ng{a=\"10\"} 1e-999\n")},
    {"a counter of 0 with a sign", "", 0, PAGE(HEAD("c", "counter") "c -0\n")},
    {"the first and last timestamp there are", "", 0,
     PAGE("g{a=\"1\"} 1 0\ng{a=\"2\"} 1 9223372036854775807\n")},
    {"the samples of a histogram in another order", "", 0,
     PAGE(HEAD("h",
               "histogram") "h_sum{a=\"x\"} 1\nh_sum{a=\"y\"} 2\nh_count{a=\"x\"} 3\n"
                            "h_bucket{le=\"1\",a=\"y\"} 2\nh_bucket{a=\"x\",le=\"1\"} "
                            "3\nh_count{a=\"y\"} 5.0\n"
                            "h_bucket{a=\"x\",le=\"+Inf\"} 3\nh_bucket{a=\"y\",le=\"+Inf\"} 5\n")},
    {"names that end like those of a histogram beside another", "", 0,
     PAGE(HEAD("h_count", "gauge") "h_count 1\n" HEAD("g", "gauge") "g 1\n" HEAD(
         "g_count",
         "gauge") "g_count 2\n" HEAD("s",
                                     "summary") "s_sum 1\ns_count 1\n" HEAD("s_bucket",
                                                                            "gauge") "s_bucket "
                                                                                     "4\n")},
    {"created times as gauges", "", 0,
     PAGE(HEAD("c_total", "counter") "c_total 1\n" HEAD("c_created", "gauge") "c_created 1.5e9\n")},
    {"a gauge with a label le", "", 0, PAGE(HEAD("g", "gauge") "g{le=\"x\"} 1\n")},

    /* ---- lines and bytes ---- */
    {"the last line has no line feed", "1 line-feed", PROMTOOL, PAGE("g 1")},
    {"lines end in CR LF", "1 line-feed", PROMTOOL | SERVER, PAGE("g 1\r\nh 2\r\n")},
    {"TYPE ends in CR LF", "1 line-feed", PROMTOOL | SERVER, PAGE("# TYPE g gauge\r\ng 1\n")},
    {"a byte order mark", "1 metric-name", PROMTOOL | PYTHON | SERVER, PAGE("\xEF\xBB\xBFg 1\n")},
    {"a label value is not UTF-8", "1 utf8", PROMTOOL | PYTHON | SERVER, PAGE("g{a=\"\xFF\"} 1\n")},
    {"HELP is not UTF-8", "1 utf8", PYTHON | SERVER, PAGE("# HELP g \xC3(\n# TYPE g gauge\ng 1\n")},
    {"a comment is not UTF-8", "1 utf8", PYTHON, PAGE("# \xED\xA0\x80\ng 1\n")},

    /* ---- names ---- */
    {"a metric name with a dash", "1 metric-name", PROMTOOL | PYTHON | SERVER, PAGE("a-b 1\n")},
    {"a metric name that begins with a digit", "1 metric-name", PROMTOOL | PYTHON | SERVER,
     PAGE("1a 1\n")},
    {"a metric name in quotes, of a later format", "1 metric-name", OLD_PROMTOOL | PYTHON | SERVER,
     PAGE("{\"my.metric\"} 1\n")},
    {"no metric name", "1 metric-name", PROMTOOL | PYTHON | SERVER, PAGE("{a=\"b\"} 1\n")},
    {"a blank before the metric name", "1 blanks", SERVER, PAGE(" g 1\n")},
    {"a tab before the metric name", "1 blanks", SERVER, PAGE("\tg{a=\"1\"} 1\n")},
    {"HELP without a name", "1 metric-name", PYTHON, PAGE("# HELP\ng 1\n")},
    {"TYPE of what is no name", "1 metric-name", PROMTOOL | PYTHON | SERVER,
     PAGE("# TYPE g.h gauge\ng 1\n")},
    {"a label name with a dot", "1 label-name", PROMTOOL | SERVER, PAGE("g{a.b=\"1\"} 1\n")},
    {"a label name with a colon", "1 label-name", PROMTOOL | SERVER, PAGE("g{a:b=\"1\"} 1\n")},
    {"a label name that is reserved", "1 label-name", PROMTOOL | SERVER,
     PAGE("g{__name__=\"1\"} 1\n")},
    {"the label that replicas of Prometheus have", "1 label-reserved", 0,
     PAGE("g{__replica__=\"a\"} 1\n")},
    {"a label twice in a sample", "1 label-twice", PROMTOOL | SERVER,
     PAGE("g{a=\"1\",b=\"2\",a=\"1\"} 1\n")},

    /* ---- HELP and TYPE ---- */
    {"two HELP of one name", "3 help", PROMTOOL,
     PAGE("# HELP g A.\n# TYPE g gauge\n# HELP g B.\ng 1\n")},
    {"two TYPE of one name", "2 type", PROMTOOL, PAGE("# TYPE g gauge\n# TYPE g gauge\ng 1\n")},
    {"TYPE after the first sample", "2 late", PROMTOOL, PAGE("g 1\n# TYPE g gauge\n")},
    {"HELP after the first sample", "2 late", 0, PAGE("g 1\n# HELP g H.\n")},
    {"a type of OpenMetrics", "1 type", PROMTOOL | SERVER, PAGE("# TYPE g info\ng 1\n")},
    {"a type in capitals", "1 type", PYTHON | SERVER, PAGE("# TYPE g Gauge\ng 1\n")},
    {"a TYPE without a type", "1 type", PYTHON | SERVER, PAGE("# TYPE g\ng 1\n")},
    {"a word behind the type", "1 type", PROMTOOL | PYTHON | SERVER,
     PAGE("# TYPE g gauge g\ng 1\n")},
    {"TYPE without _total, as OpenMetrics has it", "2 type-name", 0,
     PAGE("# TYPE c counter\nc_total 1\n")},
    {"two blanks before the type", "1 blanks", SERVER, PAGE("# TYPE g  gauge\ng 1\n")},
    {"a blank behind the type", "1 blanks", PROMTOOL | SERVER, PAGE("# TYPE g gauge \ng 1\n")},
    {"a tab and CR LF behind the type", "1 line-feed; 1 blanks", PROMTOOL | SERVER,
     PAGE("# TYPE g gauge\t\r\ng 1\n")},
    {"TYPE without a blank before it", "1 no-blank", 0, PAGE("#TYPE g gauge\ng 1\n")},
    {"HELP without a blank before it", "1 no-blank", 0, PAGE("#HELP g H.\n# TYPE g gauge\ng 1\n")},
    {"TYPE without a blank before it and with no type", "1 no-blank; 1 type", PROMTOOL,
     PAGE("#TYPE g nonsense\ng 1\n")},
    {"a quote escaped in HELP", "1 escape", OLD_PROMTOOL,
     PAGE("# HELP g say \\\"hello\\\"\n# TYPE g gauge\ng 1\n")},
    {"another escape in HELP", "1 escape", PROMTOOL, PAGE("# HELP g a\\tb\n# TYPE g gauge\ng 1\n")},
    {"HELP ends in a backslash", "1 escape", PROMTOOL, PAGE("# HELP g a\\\n# TYPE g gauge\ng 1\n")},

    /* ---- labels ---- */
    {"another escape in a label value", "1 escape", PROMTOOL, PAGE("g{a=\"\\t\"} 1\n")},
    {"a quote that is not escaped", "1 labels", PROMTOOL | PYTHON | SERVER,
     PAGE("g{a=\"b\"c\"} 1\n")},
    {"a backslash that is not escaped", "1 labels", PROMTOOL | SERVER, PAGE("g{a=\"C:\\\"} 1\n")},
    {"a line feed that is not escaped", "1 labels; 2 metric-name", PROMTOOL | PYTHON,
     PAGE("g{a=\"b\nc\"} 1\n")},
    {"labels that are not closed", "1 labels", PROMTOOL | PYTHON | SERVER, PAGE("g{a=\"b\" 1\n")},
    {"labels without a comma", "1 labels", PROMTOOL, PAGE("g{a=\"b\" c=\"d\"} 1\n")},
    {"a comma alone", "1 labels", PROMTOOL | SERVER, PAGE("g{,} 1\n")},
    {"a label value without quotes", "1 labels", PROMTOOL | PYTHON | SERVER, PAGE("g{a=b} 1\n")},
    {"a label value in single quotes", "1 labels", PROMTOOL | PYTHON | SERVER,
     PAGE("g{a='b'} 1\n")},
    {"a label without a value", "1 labels", PROMTOOL | SERVER, PAGE("g{a} 1\n")},
    {"label names that differ within a family", "3 label-names", 0,
     PAGE("# TYPE g gauge\ng{a=\"1\"} 1\ng{b=\"1\"} 1\ng{a=\"2\"} 1\n")},
    {"a label that a series of the family lacks", "2 label-names", 0, PAGE("g{a=\"1\"} 1\ng 1\n")},

    /* ---- values and timestamps ---- */
    {"a sample without a value", "1 value", PROMTOOL | PYTHON | SERVER, PAGE("g\n")},
    {"labels without a value behind them", "1 value", PROMTOOL | PYTHON | SERVER,
     PAGE("g{a=\"1\"}\n")},
    {"inf", "1 number-spelling", 0, PAGE("g inf\n")},
    {"Inf without a sign", "1 number-spelling", 0, PAGE("g Inf\n")},
    {"Infinity", "1 number-spelling", 0, PAGE("g +Infinity\n")},
    {"nan", "1 number-spelling", 0, PAGE("g nan\n")},
    {"Nan, as a C++ client once wrote it", "1 number-spelling", 0, PAGE("g Nan\n")},
    {"a sign before NaN", "1 value", PROMTOOL | SERVER, PAGE("g +NaN\n")},
    {"the beginning of a word for infinity", "1 value", PROMTOOL | PYTHON | SERVER,
     PAGE("g +infin\n")},
    {"a comma for the point, as a locale has it", "1 value", PROMTOOL | PYTHON | SERVER,
     PAGE("g 0,5\n")},
    {"hexadecimal digits", "1 value", PROMTOOL | PYTHON | SERVER, PAGE("g 0x10\n")},
    {"underscores between digits", "1 value", PROMTOOL | SERVER, PAGE("g 1_000\n")},
    {"two points", "1 value", PROMTOOL | PYTHON | SERVER, PAGE("g 1.2.3\n")},
    {"an exponent without digits", "1 value", PROMTOOL | PYTHON | SERVER, PAGE("g 1e\n")},
    {"a point alone", "1 value", PROMTOOL | PYTHON | SERVER, PAGE("g .\n")},
    {"a value that no double holds", "1 value", PROMTOOL | SERVER, PAGE("g 1e309\n")},
    {"half a step above the largest double", "1 value", PROMTOOL | SERVER,
     PAGE("g 1.797693134862315808e308\n")},
    {"a timestamp in seconds", "1 timestamp", PROMTOOL | SERVER, PAGE("g 1 1395066363.5\n")},
    {"a timestamp of more than 64 bits", "1 timestamp", PROMTOOL | SERVER,
     PAGE("g 1 9223372036854775808\n")},
    {"a timestamp before 1970", "1 timestamp-sign", SERVER, PAGE("g 1 -5\n")},
    {"a timestamp with a plus", "1 timestamp-sign", SERVER, PAGE("g 1 +5\n")},
    {"the first timestamp of 64 bits", "1 timestamp-sign", SERVER,
     PAGE("g 1 -9223372036854775808\n")},
    {"a sign alone for a timestamp", "1 timestamp", PROMTOOL | PYTHON | SERVER, PAGE("g 1 -\n")},
    {"a blank behind the value", "1 blanks", PROMTOOL, PAGE("g 1 \n")},
    {"a tab behind the timestamp", "1 blanks", PROMTOOL, PAGE("g 1 2\t\n")},
    {"a word behind the timestamp", "1 timestamp", PROMTOOL | SERVER, PAGE("g 1 2 3\n")},
    {"an exemplar, of OpenMetrics", "1 timestamp", PROMTOOL | PYTHON | SERVER,
     PAGE("c_total 1 # {a=\"b\"} 1\n")},

    /* ---- families and series ---- */
    {"a family in two pieces", "3 split", 0, PAGE("a{l=\"1\"} 1\nb 1\na{l=\"2\"} 2\n")},
    {"samples far from their TYPE", "3 split", 0, PAGE("# TYPE a gauge\n# TYPE b gauge\na 1\n")},
    {"a histogram in two pieces", "5 split", 0,
     PAGE("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\ng 1\nh_count 1\n")},
    {"a series twice", "2 duplicate", 0, PAGE("g{a=\"1\",b=\"2\"} 1\ng{a=\"1\",b=\"2\"} 1\n")},
    {"a series twice, its labels in another order", "2 duplicate", 0,
     PAGE("g{a=\"1\",b=\"2\"} 1\ng{b=\"2\",a=\"1\"} 3\n")},
    {"a series twice, at two times", "2 duplicate", 0, PAGE("g 1 1\ng 1 2\n")},
    {"a series twice, with a label that is empty", "2 duplicate", 0,
     PAGE("g{a=\"1\",b=\"\"} 1\ng{b=\"\",a=\"1\"} 1\n")},
    {"label names that differ in many series", "2 label-names", 0,
     PAGE("g{a=\"1\"} 1\ng{b=\"1\"} 1\ng{c=\"1\"} 1\n")},
    {"a label that is empty is a label that is absent", "2 label-names; 2 duplicate", 0,
     PAGE("g{a=\"\"} 1\ng 1\n")},
    {"a gauge with the name of a histogram's count", "2 clash", PROMTOOL,
     PAGE("# TYPE h histogram\n# TYPE h_count gauge\n")},
    {"a histogram whose sum is a gauge before it", "3 clash", 0,
     PAGE("# TYPE h_sum gauge\nh_sum 1\n# TYPE h histogram\n")},

    /* ---- counters ---- */
    {"a negative counter", "2 counter", 0, PAGE("# TYPE c counter\nc -1\n")},
    {"a negative infinite counter", "2 counter", 0, PAGE("# TYPE c counter\nc -Inf\n")},
    {"a counter that is NaN", "2 counter", 0, PAGE("# TYPE c counter\nc NaN\n")},

/* ---- histograms ---- */
#define H(rest) PAGE(HEAD("h", "histogram") rest)
    {"no bucket +Inf", "3 no-inf", 0, H("h_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n")},
    {"no bucket at all", "3 no-inf", 0, H("h_sum 1\nh_count 1\n")},
    {"one of two histograms has no bucket +Inf", "6 no-inf", 0,
     H("h_bucket{a=\"x\",le=\"+Inf\"} 1\nh_sum{a=\"x\"} 1\nh_count{a=\"x\"} 1\n"
       "h_bucket{a=\"y\",le=\"1\"} 1\nh_sum{a=\"y\"} 1\nh_count{a=\"y\"} 1\n")},
    {"no sum", "3 no-sum", 0, H("h_bucket{le=\"+Inf\"} 1\nh_count 1\n")},
    {"no count", "3 no-count", 0, H("h_bucket{le=\"+Inf\"} 1\nh_sum 1\n")},
    {"a count that is not the bucket +Inf", "5 count-differs", 0,
     H("h_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 3\n")},
    {"buckets that are not cumulative", "4 not-cumulative", 0,
     H("h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n")},
    {"buckets in the order of their text", "4 bound-order", 0,
     H("h_bucket{le=\"10\"} 1\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count "
       "1\n")},
    {"+Inf before the others", "4 bound-order", 0,
     H("h_bucket{le=\"+Inf\"} 1\nh_bucket{le=\"2\"} 1\nh_sum 1\nh_count 1\n")},
    {"le=\"1\" beside le=\"1.0\"", "4 duplicate", 0,
     H("h_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count "
       "1\n")},
    {"le=\"1\" and le=\"2.0\" in one histogram", "4 bound-spelling", 0,
     H("h_bucket{le=\"1\"} 1\nh_bucket{le=\"2.0\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count "
       "1\n")},
    {"the same bound in two other ways", "4 duplicate", 0,
     H("h_bucket{le=\"0.1\"} 1\nh_bucket{le=\"1e-1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count "
       "1\n")},
    {"the same bound in the same double", "4 duplicate", 0,
     H("h_bucket{le=\"0.005\"} 1\nh_bucket{le=\"0.00500000000000000006\"} 1\n"
       "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"the same bound again, further down", "5 duplicate", 0,
     H("h_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"1e0\"} 1\n"
       "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"the same bound with other labels around it", "4 duplicate", 0,
     H("h_bucket{a=\"x\",le=\"1\",b=\"y\"} 1\nh_bucket{le=\"1.0\",b=\"y\",a=\"x\"} 1\n"
       "h_bucket{a=\"x\",le=\"+Inf\",b=\"y\"} 1\nh_sum{a=\"x\",b=\"y\"} 1\n"
       "h_count{a=\"x\",b=\"y\"} 1\n")},
    {"two bounds next to each other", "", 0,
     H("h_bucket{le=\"0.1\"} 1\nh_bucket{le=\"0.10000000000000002\"} 1\n"
       "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"le=\"+Inf\" beside le=\"inf\"", "4 duplicate", 0,
     H("h_bucket{le=\"+Inf\"} 1\nh_bucket{le=\"inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"le=\"inf\" beside le=\"+Inf\"", "3 bound; 4 duplicate", 0,
     H("h_bucket{le=\"inf\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"le=\"-inf\" and le=\"0\" beside le=\"-0\"", "3 number-spelling; 5 duplicate", 0,
     H("h_bucket{le=\"-inf\"} 0\nh_bucket{le=\"0\"} 1\nh_bucket{le=\"-0\"} 1\n"
       "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"bounds that are the same number, of untyped series", "", 0,
     PAGE("h_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"inf\"} 1\n")},
    {"le=\"1\" in one histogram and le=\"1.0\" in another of the family", "7 bound-spelling", 0,
     H("h_bucket{a=\"x\",le=\"1\"} 1\nh_bucket{a=\"x\",le=\"+Inf\"} 1\nh_sum{a=\"x\"} 1\n"
       "h_count{a=\"x\"} 1\nh_bucket{a=\"y\",le=\"1.0\"} 1\nh_bucket{a=\"y\",le=\"+Inf\"} 1\n"
       "h_sum{a=\"y\"} 1\nh_count{a=\"y\"} 1\n")},
    {"a bucket without le", "3 bound", 0,
     H("h_bucket 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"le that is no number", "3 bound", PROMTOOL,
     H("h_bucket{le=\"x\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"le=\"Inf\" without the sign", "3 bound", 0,
     H("h_bucket{le=\"Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"le that is NaN", "3 bound", 0,
     H("h_bucket{le=\"NaN\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"le on a sum", "4 bound", 0, H("h_bucket{le=\"+Inf\"} 1\nh_sum{le=\"1\"} 1\nh_count 1\n")},
    {"a bucket of a fraction", "3 fractional-count", 0,
     H("h_bucket{le=\"1\"} 0.5\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"a negative count", "3 not-a-count; 5 not-a-count", 0,
     H("h_bucket{le=\"+Inf\"} -1\nh_sum 1\nh_count -1\n")},
    {"a bucket that is infinite", "3 not-a-count; 5 not-a-count", 0,
     H("h_bucket{le=\"+Inf\"} +Inf\nh_sum 1\nh_count +Inf\n")},
    {"a count that is NaN", "5 not-a-count", 0,
     H("h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count NaN\n")},
    {"a histogram with a sample of its own name", "3 sample-name", 0,
     H("h 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},
    {"a bucket twice", "4 duplicate", 0,
     H("h_bucket{le=\"+Inf\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")},

/* ---- summaries ---- */
#define S(rest) PAGE(HEAD("s", "summary") rest)
    {"a summary without sum and count", "3 quantiles-only", 0, S("s{quantile=\"0.5\"} 1\n")},
    {"a summary without sum", "3 quantiles-only", 0, S("s{quantile=\"0.5\"} 1\ns_count 1\n")},
    {"a summary without count", "3 quantiles-only", 0, S("s{quantile=\"0.5\"} 1\ns_sum 1\n")},
    {"a quantile twice, as a double", "4 duplicate", 0,
     S("s{quantile=\"0.5\"} 1\ns{quantile=\"5e-1\"} 1\ns_sum 1\ns_count 1\n")},
    {"a quantile whose double is 1", "", 0,
     S("s{quantile=\"1.00000000000000000001\"} 1\ns_sum 1\ns_count 1\n")},
    {"a quantile above 1", "3 bound", 0, S("s{quantile=\"1.01\"} 1\ns_sum 1\ns_count 1\n")},
    {"a negative quantile", "3 bound", 0, S("s{quantile=\"-0.1\"} 1\ns_sum 1\ns_count 1\n")},
    {"a summary's sample without quantile", "3 bound", 0, S("s 1\ns_sum 1\ns_count 1\n")},
    {"quantiles out of order", "4 bound-order", 0,
     S("s{quantile=\"0.9\"} 1\ns{quantile=\"0.5\"} 1\ns_sum 1\ns_count 1\n")},
    {"quantile on a count", "4 bound", 0, S("s_sum 1\ns_count{quantile=\"0.5\"} 1\n")},

    /* ---- pages as other programs write them: advice at most ---- */
    /* What Prometheus answers to /federate: no HELP, all families untyped, a timestamp behind each
     * value, the parts of a histogram as families of their own, targets with different labels,
     * bounds as each target spells them, an empty `instance` on series of recording rules, and
     * external labels. */
    {"a page of /federate", "2 label-reserved; 13 label-names; 17 label-names", 0,
     PAGE("# TYPE ALERTS untyped\n"
          "ALERTS{alertname=\"Down\",instance=\"\",__replica__=\"a\"} 1 1764488000123\n"
          "# TYPE go_gc_duration_seconds untyped\n"
          "go_gc_duration_seconds{instance=\"h:1\",quantile=\"0\",__replica__=\"a\"} 2.06e-05 "
          "1764488000456\n"
          "go_gc_duration_seconds{instance=\"h:1\",quantile=\"1\",__replica__=\"a\"} NaN "
          "1764488000456\n"
          "# TYPE go_gc_duration_seconds_count untyped\n"
          "go_gc_duration_seconds_count{instance=\"h:1\",__replica__=\"a\"} 7 1764488000456\n"
          "# TYPE go_gc_duration_seconds_sum untyped\n"
          "go_gc_duration_seconds_sum{instance=\"h:1\",__replica__=\"a\"} 0.001 1764488000456\n"
          "# TYPE h_bucket untyped\n"
          "h_bucket{instance=\"h:1\",le=\"+Inf\",__replica__=\"a\"} 2 1764488000456\n"
          "h_bucket{instance=\"h:1\",le=\"1\",__replica__=\"a\"} 3 1764488000456\n"
          "h_bucket{instance=\"h:2\",job=\"j\",le=\"1.0\",__replica__=\"a\"} 0.5 1764488000000\n"
          "h_bucket{instance=\"h:2\",job=\"j\",le=\"1\",__replica__=\"a\"} -1 1764488000000\n"
          "# TYPE up untyped\n"
          "up{instance=\"h:1\",__replica__=\"a\"} 1 1764488000456\n"
          "up{instance=\"h:2\",job=\"j\",__replica__=\"a\"} 0 1764488000000\n")},
    /* node_exporter's textfile collector merges files: metrics without HELP, labels that a file
     * lacks as empty values, summaries whose groups have different quantiles. */
    {"a page of node_exporter", "4 label-names", 0,
     PAGE("# HELP node_cooling_device_cur_state Current throttle state of the cooling device\n"
          "# TYPE node_cooling_device_cur_state gauge\n"
          "node_cooling_device_cur_state{name=\"0\",type=\"Processor\"} 0\n"
          "node_cooling_device_cur_state{name=\"1\"} 0\n"
          "# HELP node_memory_MemTotal_bytes Memory information field MemTotal_bytes.\n"
          "# TYPE node_memory_MemTotal_bytes gauge\n"
          "node_memory_MemTotal_bytes 3.831959552e+09\n"
          "# HELP node_vmstat_nr_free /proc/vmstat information field nr_free.\n"
          "# TYPE node_vmstat_nr_free untyped\n"
          "node_vmstat_nr_free -9.223372036854776e+17\n"
          "# HELP rule_seconds The duration for a rule to execute.\n"
          "# TYPE rule_seconds summary\n"
          "rule_seconds{handler=\"\",rule_type=\"alerting\",quantile=\"0.9\"} 0.001765451\n"
          "rule_seconds{handler=\"\",rule_type=\"alerting\",quantile=\"0.99\"} 0.018672076\n"
          "rule_seconds_sum{handler=\"\",rule_type=\"alerting\"} 214.85081044700146\n"
          "rule_seconds_count{handler=\"\",rule_type=\"alerting\"} 185209\n"
          "rule_seconds{handler=\"foo\",rule_type=\"alerting\",quantile=\"0.5\"} 0.000571464\n"
          "rule_seconds_sum{handler=\"foo\",rule_type=\"alerting\"} 0\n"
          "rule_seconds_count{handler=\"foo\",rule_type=\"alerting\"} 0\n")},
};

#define CHECK_CASES (sizeof check_cases / sizeof check_cases[0])

#endif
