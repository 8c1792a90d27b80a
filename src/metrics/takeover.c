/* takeover.c: see takeover.h. */
#define _GNU_SOURCE /* secure_getenv */
#include "takeover.h"

#include "arena_life.h"
#include "constants.h"
#include "directory.h"
#include "family.h"

#include <stdlib.h>

static bool is_refused; /* a registry was passed on, but not taken over */

static bool fits_options(const struct sx_registry *registry,
                         const struct sx_registry_options *options)
{
    return registry->has_created == options->created_timestamps &&
           sx__constants_equal(registry, options);
}

/* Returns -1 if none is passed on. The variable is for this process only. */
static int take_passed_descriptor(void)
{
    const char *value = secure_getenv(SX_REGISTRY_VARIABLE);
    char *end = NULL;
    const long number = value == NULL ? -1 : strtol(value, &end, 10);
    const bool is_number = value != NULL && end != value && *end == '\0';
    (void)unsetenv(SX_REGISTRY_VARIABLE);
    return is_number && number >= 0 && number <= INT32_MAX ? (int)number : -1;
}

bool sx__takeover(struct sx_registry **registry, const struct sx_registry_options *options,
                  const struct sx__layout *layout)
{
    struct sx_registry *taken = NULL;
    if (!options->shared || secure_getenv(SX_REGISTRY_VARIABLE) == NULL) {
        return false;
    }
    if (options->shared_name != NULL) { /* it is opened by its name */
        (void)unsetenv(SX_REGISTRY_VARIABLE);
        return false;
    }
    is_refused = sx__arena_adopt(&taken, options, take_passed_descriptor(), layout) != SX_OK;
    if (!is_refused && !fits_options(taken, options)) {
        sx__arena_close(&sx__arenas[taken->arena]);
        is_refused = true;
    }
    if (!is_refused) {
        sx__families_want_registration(taken);
        *registry = taken;
    }
    return !is_refused;
}

bool sx_registry_has_refused_takeover(const struct sx_registry *registry)
{
    registry = registry != NULL ? registry : sx_registry_default();
    return is_refused || secure_getenv(SX_REGISTRY_VARIABLE) != NULL ||
           (registry != NULL &&
            __atomic_load_n(&sx__arenas[registry->arena].has_clashed, __ATOMIC_RELAXED));
}

int sx_registry_get_descriptor(const struct sx_registry *registry)
{
    registry = registry != NULL ? registry : sx_registry_default();
    return registry != NULL && registry->shared ? sx__arenas[registry->arena].file : SX_ESTATE;
}
