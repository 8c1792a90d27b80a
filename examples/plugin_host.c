/* plugin_host.c: a program that loads and unloads plugins, whose metrics are on its page.
 *
 *     printf 'load build/examples/words.so\none two\npage\n' | build/examples/plugin_host
 *
 * Host and plugins link the shared library libsextant-metrics, and the host gives its registry to
 * each plugin. (A plugin that links the static library has registries of its own.) The library
 * itself stays loaded, because threads run its code when they end. A plugin is unloaded when no
 * thread runs its code any more; here the host has one thread.
 */
#define _POSIX_C_SOURCE 200809L /* getline */

#include "plugins/plugin.h"

#include <sextant/exposition.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLUGINS_MAX 8

struct loaded {
    void *handle;
    const struct plugin *plugin;
};

static struct loaded plugins[PLUGINS_MAX];
static size_t plugin_count;
static struct sx_counter *lines;

/* Returns NULL, or what is wrong. */
static const char *load(const char *path)
{
    struct loaded *next = &plugins[plugin_count];
    if (plugin_count == PLUGINS_MAX) {
        return "there are too many plugins";
    }
    next->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (next->handle == NULL) {
        return dlerror();
    }
    next->plugin = dlsym(next->handle, "plugin");
    if (next->plugin == NULL) {
        dlclose(next->handle);
        return "it is no plugin";
    }
    const int status = next->plugin->start(sx_registry_default());
    if (status != SX_OK) {
        dlclose(next->handle);
        return sx_status_text(status);
    }
    plugin_count++;
    return NULL;
}

/* Unloads the plugin that was loaded last. */
static const char *unload(void)
{
    if (plugin_count == 0) {
        return "no plugin is loaded";
    }
    const struct loaded *last = &plugins[--plugin_count];
    last->plugin->stop(sx_registry_default());
    return dlclose(last->handle) == 0 ? NULL : dlerror();
}

static const char *print_page(void)
{
    struct sx_page page = {0};
    const int status = sx_page_render(&page, NULL, SX_FORMAT_TEXT);
    if (status == SX_OK) {
        fwrite(page.data, 1, page.size, stdout);
    }
    sx_page_clean_up(&page);
    return status == SX_OK ? NULL : sx_status_text(status);
}

static const char *obey(const char *line)
{
    sx_counter_inc(lines);
    if (strncmp(line, "load ", 5) == 0) {
        return load(line + 5);
    }
    if (strcmp(line, "unload") == 0) {
        return unload();
    }
    if (strcmp(line, "page") == 0) {
        return print_page();
    }
    for (size_t i = 0; i < plugin_count; i++) {
        plugins[i].plugin->handle(line);
    }
    return NULL;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    const int status = sx_counter_register(
        &lines, NULL, &(struct sx_metric_options){.name = "lines_total", .help = "Lines read."});
    if (status != SX_OK) {
        fprintf(stderr, "%s\n", sx_status_text(status));
        return 1;
    }
    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        const char *error = obey(line);
        if (error != NULL) {
            fprintf(stderr, "%s\n", error);
        }
    }
    while (plugin_count > 0) {
        (void)unload();
    }
    free(line);
    return 0;
}
