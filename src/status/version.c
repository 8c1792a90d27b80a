/* version.c: the version that a program runs with. */
#include <sextant/version.h>

const char *sx_version(void)
{
    return SX_VERSION;
}
