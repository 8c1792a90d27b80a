/* A registry and its page; see rendered.h. */
#include "rendered.h"

struct sx_registry *registry;
struct sx_page page;

int set_up(void **state)
{
    (void)state;
    page = (struct sx_page){0};
    return sx_registry_new(&registry, NULL);
}

int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return 0;
}
