/* shared_names.c: a program of test_shared_names.py that counts in a registry with a name.
 *
 *     shared_names NAME    opens the registry, prints `ready`, and does what each line of its input
 *                          says: `count N`, `churn N`, `observe N`, `set N`, `page`, `end`
 */
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(int status)
{
    printf("%s\n", sx_status_name(status));
    return 1;
}

/* Makes and removes series, which grow the registry at first. */
static void churn(struct sx_counter_family *family, double number)
{
    for (int i = 0; i < number; i++) {
        char text[20];
        snprintf(text, sizeof text, "job %d", i % 3000);
        sx_counter_inc_with(family, text);
        if (i % 3 == 0) {
            sx_counter_family_remove(family, &(struct sx_str){text, strlen(text)}, 1);
        }
    }
}

static int print_page(struct sx_registry *registry)
{
    struct sx_page page = {0};
    const int status = sx_page_render(&page, registry, SX_FORMAT_TEXT);
    if (status == SX_OK) {
        printf("%s# end\n", page.data);
    }
    sx_page_clean_up(&page);
    return status;
}

int main(int argc, char **argv)
{
    struct sx_registry *registry = NULL;
    struct sx_counter_family *done = NULL, *jobs = NULL;
    struct sx_histogram *wait = NULL;
    struct sx_gauge *working = NULL;
    char line[100];
    const struct sx_registry_options options = {.shared_name = argc > 1 ? argv[1] : ""};
    int status = sx_registry_new(&registry, &options);
    if (status != SX_OK) {
        return fail(status);
    }
    if (sx_counter_family_register(&done, registry,
                                   &(struct sx_metric_options){.name = "done_total",
                                                               .help = "Done.",
                                                               .labels = SX_LABELS("kind")}) < 0 ||
        sx_counter_family_register(
            &jobs, registry,
            &(struct sx_metric_options){.name = "jobs_total", .labels = SX_LABELS("job")}) < 0 ||
        sx_histogram_register(&wait, registry,
                              &(struct sx_metric_options){.name = "wait_seconds",
                                                          .help = "Waits.",
                                                          SX_BUCKETS(1, 2)}) < 0 ||
        sx_gauge_register(&working, registry,
                          &(struct sx_metric_options){.name = "working", .help = "Working."}) < 0) {
        return fail(SX_EFULL);
    }
    printf("ready\n");
    fflush(stdout);
    while (status == SX_OK && fgets(line, sizeof line, stdin) != NULL) {
        const double number = atof(line + strcspn(line, " \n"));
        if (strncmp(line, "count", 5) == 0) {
            for (double i = 0; i < number; i++) {
                sx_counter_inc_with(done, "mail");
            }
        } else if (strncmp(line, "churn", 5) == 0) {
            churn(jobs, number);
        } else if (strncmp(line, "observe", 7) == 0) {
            sx_histogram_observe(wait, number);
        } else if (strncmp(line, "set", 3) == 0) {
            sx_gauge_set(working, number);
        } else if (strncmp(line, "page", 4) == 0) {
            status = print_page(registry);
        } else if (strncmp(line, "end", 3) == 0) {
            break;
        }
        printf("done\n");
        fflush(stdout);
    }
    sx_registry_destroy(registry);
    return status == SX_OK ? 0 : fail(status);
}
