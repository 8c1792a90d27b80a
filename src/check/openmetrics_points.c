/* openmetrics_points.c: the samples of a metric at one time.
 *
 * Source: OpenMetrics 1.0, Metric, MetricPoint, Metric types
 */
#include "check_openmetrics.h"

bool sx__om_note(struct sx__om *om, uint64_t hash)
{
    size_t cursor = 0;
    uint32_t number;
    while ((number = sx__index_next(&om->seen_index, (uint32_t)hash, &cursor)) != 0) {
        if (om->seen[number - 1] == hash) {
            return false;
        }
    }
    uint64_t *seen = sx__array_reserve(om->seen, &om->seen_capacity, om->seen_count, sizeof *seen);
    if (seen != NULL) {
        om->seen = seen;
    }
    if (seen == NULL ||
        sx__index_add(&om->seen_index, (uint32_t)hash, (uint32_t)om->seen_count + 1) != SX_OK) {
        sx__check_out_of_memory(om->check);
        return false;
    }
    seen[om->seen_count++] = hash;
    return true;
}

static bool is_known_number(const struct sx__number *number)
{
    return number->kind == SX__NUMBER_FINITE || number->kind == SX__NUMBER_INFINITE;
}

static void check_sum(const struct sx__om *om, const struct sx__om_point *point,
                      const struct sx__om_family *family, const char *sum)
{
    const char *name = sum; /* `_sum` or `_gsum` */
    if (!point->has_sum) {
        return;
    }
    if (point->has_negative_bound && family->type == SX_PARSED_HISTOGRAM) {
        sx__violation_at(om->check, point->sum_line, SX__RULE_SUM,
                         "a histogram with negative bounds must have no `%s`", name);
    } else if (point->sum < 0 && !point->has_negative_bound) {
        sx__violation_at(om->check, point->sum_line, SX__RULE_SUM,
                         "the `%s` is negative, but no bound is", name);
    }
}

static void check_om_histogram(const struct sx__om *om, const struct sx__om_point *point,
                               const struct sx__om_family *family)
{
    const bool gauge = family->type == SX_PARSED_GAUGEHISTOGRAM;
    const char *sum = gauge ? "_gsum" : "_sum", *count = gauge ? "_gcount" : "_count";
    const struct sx__quote name = sx__quote(family->name);
    if (!point->has_infinite) {
        sx__violation_at(om->check, point->line, SX__RULE_NO_INF,
                         "the %s `%s` has no bucket le=\"+Inf\"", sx_parsed_type_name(family->type),
                         name.text);
    } else if (point->has_count && is_known_number(&point->count) &&
               is_known_number(&point->infinite) &&
               sx__number_compare(&point->count, &point->infinite) != 0) {
        sx__violation_at(om->check, point->count_line, SX__RULE_COUNT_DIFFERS,
                         "`%s%s` differs from the bucket le=\"+Inf\"", name.text, count);
    }
    if (point->has_sum != point->has_count) {
        sx__violation_at(om->check, point->line, SX__RULE_SUM_AND_COUNT,
                         "`%s` has `%s`, but no `%s`", name.text, point->has_sum ? sum : count,
                         point->has_sum ? count : sum);
    } else if (!point->has_sum && !point->has_negative_bound) {
        sx__violation_at(om->check, point->line, SX__RULE_NO_SUM, "the %s `%s` has no `%s`",
                         sx_parsed_type_name(family->type), name.text, sum);
    }
    check_sum(om, point, family, sum);
}

static void check_total(const struct sx__om *om, const struct sx__om_point *point,
                        const struct sx__om_family *family)
{
    if (!point->has_total) {
        sx__violation_at(om->check, point->line, SX__RULE_NO_TOTAL,
                         "the counter `%s` has `_created`, but no `_total`",
                         sx__quote(family->name).text);
    } else if (point->had_total && point->total < point->total_before && point->had_created &&
               point->has_created && point->created <= point->created_before) {
        sx__violation_at(om->check, point->total_line, SX__RULE_COUNTER,
                         "the counter `%s` falls, but `_created` is not later",
                         sx__quote(family->name).text);
    }
}

void sx__om_end_point(struct sx__om *om)
{
    const struct sx__om_point *point = &om->point;
    if (point->family == 0) {
        return;
    }
    const struct sx__om_family *family = &om->families[point->family - 1];
    if (family->type == SX_PARSED_HISTOGRAM || family->type == SX_PARSED_GAUGEHISTOGRAM) {
        check_om_histogram(om, point, family);
    } else if (family->type == SX_PARSED_COUNTER) {
        check_total(om, point, family);
    }
    om->point.family = 0;
}

static void begin_point(struct sx__om *om, const struct sx_parsed_line *line, uint32_t family,
                        uint64_t metric)
{
    struct sx__om_point before = om->point;
    bool same_metric = before.family == family && before.metric == metric;
    sx__om_end_point(om);
    om->point = (struct sx__om_point){.family = family,
                                      .metric = metric,
                                      .has_timestamp = line->timestamp.text.size > 0,
                                      .timestamp = line->timestamp.value,
                                      .line = om->check->line};
    if (!same_metric) {
        if (!sx__om_note(om, sx__hash_mix(metric + family))) {
            sx__violation(om->check, SX__RULE_INTERLEAVED,
                          "more samples of a metric of `%s` after those of another metric",
                          sx__quote(om->families[family - 1].name).text);
        }
        return;
    }
    om->point.had_total = before.has_total;
    om->point.total_before = before.total;
    om->point.had_created = before.has_created;
    om->point.created_before = before.created;
    if (!before.has_timestamp || !om->point.has_timestamp) {
        sx__violation(om->check, SX__RULE_TIMESTAMP_ORDER,
                      "some samples of a metric of `%s` have a timestamp and some have none",
                      sx__quote(om->families[family - 1].name).text);
    } else if (before.timestamp > om->point.timestamp) {
        sx__violation(om->check, SX__RULE_TIMESTAMP_ORDER,
                      "the timestamp of `%s` is before that of the line before it",
                      sx__quote(om->families[family - 1].name).text);
    }
}

void sx__om_enter_point(struct sx__om *om, const struct sx_parsed_line *line, uint32_t family,
                        uint64_t metric)
{
    const struct sx__om_point *point = &om->point;
    if (point->family != family || point->metric != metric ||
        point->has_timestamp != (line->timestamp.text.size > 0) ||
        point->timestamp != line->timestamp.value) {
        begin_point(om, line, family, metric);
    }
}
