/* check_rules.h: the rules of the checker, each with its severity and its source.
 *
 * An error is what the text format forbids, what contradicts the type of the metric, or what
 * Prometheus or promtool refuses to read. Everything else is advice. Prometheus's own pages must
 * have no errors: `/federate` writes untyped families whose label names differ, with external
 * labels such as `__replica__`.
 *
 * Names of rules are part of the interface: users pass them to --allow. docs/metrics.md has the
 * same table.
 *
 * Sources, where they are not named in the text: Prometheus "Exposition formats", Text format
 * details (line-feed, utf8, metric-name, label-name, help, type, late, escape, labels, value,
 * number-spelling, timestamp, split, duplicate, sample-name, bound, bound-order, no-inf, no-count,
 * count-differs); "Data model" (label-reserved); "Metric types" (counter, not-cumulative, the range
 * of `bound`); OpenMetrics 1.0, "Metric" (label-names) and "Histogram" (not-a-count,
 * fractional-count, no-sum, which it even forbids beside negative bounds). The rules from `eof` to
 * `state` are for OpenMetrics only. The lint- rules up to lint-abbreviation are those of `promtool
 * check metrics`; the later ones are our own.
 */
#ifndef SX_CHECK_RULES_H
#define SX_CHECK_RULES_H

#define SX__RULES(X)                                                                               \
    X(SX__RULE_LINE_FEED, "line-feed", ERROR,                                                      \
      "the last line has no line feed, or a line ends with a carriage return")                     \
    X(SX__RULE_UTF8, "utf8", ERROR, "a line is not UTF-8")                                         \
    X(SX__RULE_BLANKS, "blanks", ERROR,                                                            \
      "blanks that the format ignores, but Prometheus or promtool refuses")                        \
    X(SX__RULE_METRIC_NAME, "metric-name", ERROR, "a metric name is missing or malformed")         \
    X(SX__RULE_LABEL_NAME, "label-name", ERROR, "a label name is malformed, or is `__name__`")     \
    X(SX__RULE_LABEL_RESERVED, "label-reserved", ADVICE,                                           \
      "a label name begins with `__`, which is reserved for Prometheus")                           \
    X(SX__RULE_HELP, "help", ERROR, "a name has a second HELP")                                    \
    X(SX__RULE_TYPE, "type", ERROR, "a name has a second TYPE, or an unknown type")                \
    X(SX__RULE_LATE, "late", ERROR, "HELP or TYPE after the first sample")                         \
    X(SX__RULE_NO_BLANK, "no-blank", ADVICE,                                                       \
      "`#HELP` or `#TYPE`, which Prometheus takes for a comment")                                  \
    X(SX__RULE_TYPE_NAME, "type-name", ADVICE,                                                     \
      "TYPE names the counter `jobs`, as in OpenMetrics, but the sample is `jobs_total`")          \
    X(SX__RULE_ESCAPE, "escape", ERROR, "a backslash that begins none of the format's escapes")    \
    X(SX__RULE_LABELS, "labels", ERROR, "the labels cannot be read")                               \
    X(SX__RULE_LABEL_TWICE, "label-twice", ERROR, "a sample has a label twice")                    \
    X(SX__RULE_LABEL_COUNT, "label-count", ADVICE, "a sample has more than 64 labels")             \
    X(SX__RULE_LABEL_NAMES, "label-names", ADVICE,                                                 \
      "the series of a family have different label names")                                         \
    X(SX__RULE_VALUE, "value", ERROR, "a value is not a number, or too large for a double")        \
    X(SX__RULE_NUMBER_SPELLING, "number-spelling", ADVICE,                                         \
      "a number is spelled like `inf` or `nan`, not `+Inf`, `-Inf` or `NaN`")                      \
    X(SX__RULE_TIMESTAMP, "timestamp", ERROR, "a timestamp is malformed, or more text follows")    \
    X(SX__RULE_TIMESTAMP_SIGN, "timestamp-sign", ERROR,                                            \
      "a timestamp has a sign, which the format allows and Prometheus refuses")                    \
    X(SX__RULE_SPLIT, "split", ERROR, "the lines of a family are not one group")                   \
    X(SX__RULE_CLASH, "clash", ERROR,                                                              \
      "a metric has the name of a sample of a histogram or summary")                               \
    X(SX__RULE_DUPLICATE, "duplicate", ERROR, "a series is on two lines")                          \
    X(SX__RULE_COUNTER, "counter", ERROR, "a counter is negative or NaN")                          \
    X(SX__RULE_SAMPLE_NAME, "sample-name", ERROR,                                                  \
      "a sample has a suffix that its type does not have")                                         \
    X(SX__RULE_BOUND, "bound", ERROR,                                                              \
      "`le` or `quantile` is missing, malformed, out of range, or in a wrong place")               \
    X(SX__RULE_BOUND_ORDER, "bound-order", ERROR, "bounds do not increase")                        \
    X(SX__RULE_BOUND_SPELLING, "bound-spelling", ADVICE,                                           \
      "a family has whole bounds both with and without `.0`")                                      \
    X(SX__RULE_NOT_A_COUNT, "not-a-count", ERROR,                                                  \
      "a bucket or `_count` is negative, not finite, or in OpenMetrics not whole")                 \
    X(SX__RULE_FRACTIONAL_COUNT, "fractional-count", ADVICE,                                       \
      "a bucket or `_count` is not a whole number")                                                \
    X(SX__RULE_NOT_CUMULATIVE, "not-cumulative", ERROR,                                            \
      "a bucket has less than the one before it")                                                  \
    X(SX__RULE_NO_INF, "no-inf", ERROR, "a histogram has no bucket `+Inf`")                        \
    X(SX__RULE_NO_COUNT, "no-count", ERROR, "a histogram has no `_count`")                         \
    X(SX__RULE_COUNT_DIFFERS, "count-differs", ERROR, "`_count` is not the bucket `+Inf`")         \
    X(SX__RULE_NO_SUM, "no-sum", ADVICE, "a histogram has no `_sum`")                              \
    X(SX__RULE_QUANTILES_ONLY, "quantiles-only", ADVICE, "a summary has no `_sum` or no `_count`") \
    X(SX__RULE_EOF, "eof", ERROR, "OpenMetrics: no `# EOF` at the end, or text after it")          \
    X(SX__RULE_COMMENT, "comment", ERROR,                                                          \
      "OpenMetrics: a comment, or a malformed line of metadata")                                   \
    X(SX__RULE_RESERVED, "reserved", ADVICE,                                                       \
      "OpenMetrics: a metric or label name begins with `_`")                                       \
    X(SX__RULE_UNIT, "unit", ERROR,                                                                \
      "OpenMetrics: UNIT is not the end of the name, or out of place")                             \
    X(SX__RULE_UNDEFINED_ESCAPE, "undefined-escape", ADVICE,                                       \
      "OpenMetrics: a backslash that begins no escape")                                            \
    X(SX__RULE_EXEMPLAR, "exemplar", ERROR,                                                        \
      "OpenMetrics: an exemplar is malformed, too long, out of its bucket, or out of place")       \
    X(SX__RULE_INTERLEAVED, "interleaved", ERROR,                                                  \
      "OpenMetrics: the samples of a metric are not one group")                                    \
    X(SX__RULE_TIMESTAMP_ORDER, "timestamp-order", ERROR,                                          \
      "OpenMetrics: the timestamps of a metric do not increase")                                   \
    X(SX__RULE_TIMESTAMP_UNIT, "timestamp-unit", ADVICE,                                           \
      "OpenMetrics: a timestamp looks like milliseconds")                                          \
    X(SX__RULE_NO_TOTAL, "no-total", ERROR, "OpenMetrics: a counter has no `_total`")              \
    X(SX__RULE_CREATED, "created", ERROR, "OpenMetrics: `_created` is not a timestamp")            \
    X(SX__RULE_SUM, "sum", ERROR,                                                                  \
      "OpenMetrics: a `_sum` is negative or NaN, or beside negative bounds")                       \
    X(SX__RULE_SUM_AND_COUNT, "sum-and-count", ERROR,                                              \
      "OpenMetrics: a histogram has `_sum` without `_count`, or the reverse")                      \
    X(SX__RULE_QUANTILE_VALUE, "quantile-value", ERROR,                                            \
      "OpenMetrics: the value of a quantile is negative")                                          \
    X(SX__RULE_BOUND_CANONICAL, "bound-canonical", ADVICE,                                         \
      "OpenMetrics: `le` or `quantile` is not the canonical text of its number")                   \
    X(SX__RULE_INFO, "info", ERROR, "OpenMetrics: the value of an info is not 1")                  \
    X(SX__RULE_STATE, "state", ERROR,                                                              \
      "OpenMetrics: a state has no label of the family's name, or is not 0 or 1")                  \
    X(SX__RULE_LINT_HELP, "lint-help", LINT, "a family has no HELP, or an empty one")              \
    X(SX__RULE_LINT_UNIT, "lint-unit", LINT, "a name has a unit that is not a base unit")          \
    X(SX__RULE_LINT_TOTAL, "lint-total", LINT,                                                     \
      "a counter does not end in `_total`, or another metric does")                                \
    X(SX__RULE_LINT_SUFFIX, "lint-suffix", LINT,                                                   \
      "a name ends like a sample of a histogram or summary")                                       \
    X(SX__RULE_LINT_LABEL, "lint-label", LINT,                                                     \
      "`le` outside of histograms, `quantile` outside of summaries")                               \
    X(SX__RULE_LINT_TYPE, "lint-type", LINT, "a name contains the name of a metric type")          \
    X(SX__RULE_LINT_COLON, "lint-colon", LINT, "a name has a colon, which is for recording rules") \
    X(SX__RULE_LINT_CAMEL_CASE, "lint-camel-case", LINT,                                           \
      "a name is in camelCase, not in snake_case")                                                 \
    X(SX__RULE_LINT_ABBREVIATION, "lint-abbreviation", LINT, "a name has an abbreviated unit")     \
    X(SX__RULE_LINT_PERCENT, "lint-percent", LINT, "a name contains percent; use a ratio")         \
    X(SX__RULE_LINT_UNTYPED, "lint-untyped", LINT, "a family has no type")                         \
    X(SX__RULE_LINT_TIMESTAMP, "lint-timestamp", LINT, "a sample has a timestamp")                 \
    X(SX__RULE_LINT_SERIES, "lint-series", LINT, "a family has more than 1,000 series")            \
    X(SX__RULE_LINT_CONSTANT_LABEL, "lint-constant-label", LINT,                                   \
      "all series of the page have a label with the same value")

#endif
