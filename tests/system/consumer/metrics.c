#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>

int main(void)
{
    struct sx_counter *jobs = NULL;
    struct sx_page page = {0};
    int status = sx_counter_register(
        &jobs, NULL, &(struct sx_metric_options){.name = "jobs_total", .help = "Jobs done."});

    sx_counter_inc(jobs); /* from any thread, without a lock */

    if (status == SX_OK && sx_page_render(&page, NULL, SX_FORMAT_TEXT) == SX_OK) {
        fwrite(page.data, 1, page.size, stdout);
    }
    sx_page_clean_up(&page);
    return status != SX_OK;
}
