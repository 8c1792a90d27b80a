/* Loads plugins until the memory is used up that the C library has for thread-local data with fixed
 * addresses, and then the plugin that counts. Arguments: the plugin that counts, the others. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    int loaded = 0;
    for (int i = 2; i < argc; i++) {
        loaded += dlopen(argv[i], RTLD_NOW | RTLD_LOCAL) != NULL;
    }
    printf("%d of %d plugins were loaded\n", loaded, argc - 2);
    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    int (*count)(void);
    void *symbol = dlsym(plugin, "plugin_count");
    memcpy(&count, &symbol, sizeof count);
    return loaded < argc - 2 && count() == 1 && count() == 2 ? 0 : 1;
}
