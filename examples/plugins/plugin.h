/* plugin.h: what a plugin of ../plugin_host.c is: a shared object that defines `plugin`. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <sextant/metrics.h>

struct plugin {
    /** Registers the plugin's metrics. Returns SX_OK, or a negative SX_E* after it has taken back
     * what it had registered. */
    int (*start)(struct sx_registry *registry);
    /** Works on a line of input. */
    void (*handle)(const char *line);
    /** Takes back what start registered. The plugin is unloaded after that. */
    void (*stop)(struct sx_registry *registry);
};

SX_API extern const struct plugin plugin;

#endif
