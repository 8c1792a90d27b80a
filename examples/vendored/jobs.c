/* jobs.c: a program that carries the metrics library as two files; it works jobs off and prints
 * the page.
 *
 *     make amalgamation && make -C examples/vendored && examples/vendored/jobs
 */
#include "sextant_metrics.h"

#include <stdio.h>

static struct sx_counter_family *jobs;
static struct sx_histogram *sizes;

static int register_metrics(void)
{
    int status = sx_counter_family_register(
        &jobs, NULL,
        &(struct sx_metric_options){
            .name = "jobs_total", .help = "Jobs done.", .labels = SX_LABELS("result")});
    if (status == SX_OK) {
        status = sx_histogram_register(&sizes, NULL,
                                       &(struct sx_metric_options){.name = "job_size_bytes",
                                                                   .help = "How large jobs are.",
                                                                   SX_BUCKETS(10, 100, 1000)});
    }
    return status;
}

int main(void)
{
    struct sx_page page = {0};
    int status = register_metrics();
    for (int job = 1; status == SX_OK && job <= 20; job++) {
        sx_histogram_observe(sizes, job * 10);
        sx_counter_inc(sx_counter_with(jobs, job % 10 == 0 ? "failed" : "done"));
    }
    if (status == SX_OK) {
        status = sx_page_render(&page, NULL, SX_FORMAT_TEXT);
    }
    if (status == SX_OK) {
        fwrite(page.data, 1, page.size, stdout);
    } else {
        fprintf(stderr, "%s\n", sx_status_text(status));
    }
    sx_page_clean_up(&page);
    return status != SX_OK;
}
