/* layout.c: see layout.h. */
#include "layout.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void sx__layout_of_build(struct sx__layout *layout, size_t family_bytes, size_t series_bytes)
{
    memset(layout, 0, sizeof *layout); /* compared as bytes */
    layout->format = SX__LAYOUT_FORMAT;
    layout->byte_order = 0x01020304;
    layout->pointer_bytes = sizeof(void *);
    layout->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
    layout->mutex_bytes = sizeof(pthread_mutex_t);
    layout->header_bytes = sizeof(struct sx_registry);
    layout->seat_bytes = sizeof(struct sx__seat);
    layout->family_bytes = (uint32_t)family_bytes;
    layout->series_bytes = (uint32_t)series_bytes;
    layout->process_rows = SX__PROCESSES;
#ifdef _CS_GNU_LIBC_VERSION
    (void)confstr(_CS_GNU_LIBC_VERSION, layout->libc, sizeof layout->libc);
#endif
    if (layout->libc[0] == '\0') {
        (void)snprintf(layout->libc, sizeof layout->libc, "another");
    }
}

bool sx__layouts_equal(const struct sx__layout *a, const struct sx__layout *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}
