/* directory_lock.c: taking the lock of the directory, and repairing after a killed writer. */
#include "directory_lock.h"

#include "family.h"
#include "lock.h"

void sx__directory_lock(struct sx_registry *registry)
{
    if (sx__lock_take(&registry->lock) == SX__LOCK_INHERITED) {
        sx__families_mend(registry);
        sx__lock_mend(&registry->lock);
    }
}

void sx__directory_unlock(struct sx_registry *registry)
{
    sx__lock_release(&registry->lock);
}
