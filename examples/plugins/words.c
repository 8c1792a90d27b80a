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

static int start(struct sx_registry *registry)
{
    const int status = sx_counter_register(
        &words, registry,
        &(struct sx_metric_options){.name = "words_total", .help = "Words read."});
    if (status != SX_OK) {
        return status;
    }
    longest = 0;
    return sx_gauge_register_callback(
        registry,
        &(struct sx_metric_options){.name = "longest_word_bytes", .help = "The longest word."},
        get_longest, NULL);
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

static void stop(struct sx_registry *registry)
{
    (void)sx_callback_unregister(registry, "longest_word_bytes");
    words = NULL; /* updating NULL does nothing */
}

const struct plugin plugin = {start, handle, stop};
