/* by_labels.c: metrics whose label values are known only when something happens. It counts the
 * bytes of each user on standard input, and prints the page at the end.
 *
 *     printf 'anna 512\nbert 10\nanna 88\n' | build/examples/by_labels
 */
#include <sextant/exposition.h>
#include <sextant/metrics.h>

#include <stdio.h>

static struct sx_counter_family *user_bytes;
static struct sx_histogram_family *message_bytes;

static int register_metrics(void)
{
    int status = sx_counter_family_register(
        &user_bytes, NULL,
        &(struct sx_metric_options){
            .name = "user_bytes_total", .help = "Bytes by user.", .labels = SX_LABELS("user")});
    if (status == SX_OK) {
        status = sx_histogram_family_register(&message_bytes, NULL,
                                              &(struct sx_metric_options){
                                                  .name = "message_bytes",
                                                  .help = "Sizes of messages by user.",
                                                  .labels = SX_LABELS("user"),
                                                  SX_BUCKETS(16, 64, 256, 1024),
                                              });
    }
    return status;
}

static int print_page(void)
{
    struct sx_page page = {0};
    int status = sx_page_render(&page, NULL, SX_FORMAT_TEXT);
    if (status == SX_OK) {
        fwrite(page.data, 1, page.size, stdout);
    }
    sx_page_clean_up(&page);
    return status;
}

int main(void)
{
    char user[65];
    double bytes;
    int status = register_metrics();
    if (status == SX_OK) {
        while (scanf("%64s %lf", user, &bytes) == 2) {
            sx_counter_add_with(user_bytes, bytes, user);
            sx_histogram_observe_with(message_bytes, bytes, user);
        }
        status = print_page();
    }
    if (status != SX_OK) {
        fprintf(stderr, "error: %s\n", sx_status_text(status));
    }
    return status == SX_OK ? 0 : 1;
}
