/* The names of methods and reasons, from the tables of app.h. */
#include <sextant/app.h>

const char *sx_method_name(enum sx_method method)
{
    static const char *const names[] = {
#define NAME(id, name) [SX_METHOD_##id] = name,
        SX_METHOD_MAP(NAME)
#undef NAME
    };
    return (unsigned)method < SX_METHODS ? names[method] : names[SX_METHOD_OTHER];
}

const char *sx_reason_name(enum sx_reason reason)
{
    static const char *const names[] = {
#define NAME(id, name) [SX_REASON_##id] = name,
        SX_REASON_MAP(NAME)
#undef NAME
    };
    return (unsigned)reason < SX_REASONS ? names[reason] : "unknown";
}
