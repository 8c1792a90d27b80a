/* words.c: a plugin of ../plugin_host.c that counts words, with metrics in the host's registry.
 *
 * The registry copies names and help texts, so they may be unloaded with the plugin. A callback is
 * code of the plugin: it must be unregistered before that.
 */
#include "plugin.h"

#include <sextant/collector.h>

#include <string.h>

static struct sx_counter *words;
static size_t longest; /* the host handles lines and renders pages in one thread */

static double get_longest(void *unused)
{
    (void)unused;
    return (double)longest;
}

static void stop(struct sx_registry *registry)
{
    (void)sx_callback_unregister(registry, "longest_word_bytes");
    (void)sx_counter_unregister(words);
    words = NULL; /* updating NULL does nothing */
}

static int start(struct sx_registry *registry)
{
    int status = sx_counter_register(
        &words, registry,
        &(struct sx_metric_options){.name = "words_total", .help = "Words read."});
    if (status != SX_OK) {
        return status;
    }
    longest = 0;
    status = sx_gauge_register_callback(
        registry,
        &(struct sx_metric_options){.name = "longest_word_bytes", .help = "The longest word."},
        get_longest, NULL);
    if (status != SX_OK) {
        stop(registry);
    }
    return status;
}

static void handle(const char *line)
{
    for (line += strspn(line, " "); *line != '\0'; line += strspn(line, " ")) {
        const size_t size = strcspn(line, " ");
        longest = size > longest ? size : longest;
        line += size;
        sx_counter_inc(words);
    }
}

const struct plugin plugin = {start, handle, stop};
