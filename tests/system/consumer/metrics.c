/* A program that uses the metrics library alone. */
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    static const char expected[] = "# HELP jobs_total Jobs done.\n"
                                   "# TYPE jobs_total counter\n"
                                   "jobs_total 1\n";
    struct sx_counter *jobs = NULL;
    struct sx_page page = {0};
    int status = sx_counter_register(
        &jobs, NULL, &(struct sx_metric_options){.name = "jobs_total", .help = "Jobs done."});
    sx_counter_inc(jobs);
    if (status == SX_OK) {
        status = sx_page_render(&page, NULL, SX_FORMAT_TEXT);
    }
    int same = page.size == sizeof expected - 1 && memcmp(page.data, expected, page.size) == 0;
    printf("metrics: %s\n%.*s", sx_status_text(status), (int)page.size, page.data);
    sx_page_clean_up(&page);
    return status != SX_OK || !same;
}
