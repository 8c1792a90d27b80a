/* family.h: registering families, and finding them by their name. */
#ifndef SX_METRICS_FAMILY_H
#define SX_METRICS_FAMILY_H

#include "records.h"

/* What a caller wants to register, checked; see desc.h. */
struct sx__desc;

/** Registers a family, or finds it if it is registered with an equal desc.
 *
 * A family without labels gets its one series with it.
 *
 * Errors:   SX_EEXIST, SX_ECLASH, SX_EFULL
 */
int sx__family_register(struct sx__family **family, struct sx_registry *registry,
                        const struct sx__desc *desc);

/** The family of this name, or NULL. Takes no lock. */
const struct sx__family *sx__family_find(const struct sx_registry *registry, struct sx_str name);

/** The bytes that the record of a family takes. */
size_t sx__family_size(const struct sx__desc *desc);

/** Writes the record of a family that has no series yet. */
void sx__family_write(struct sx__family *family, uint32_t arena, const struct sx__desc *desc);

/** Repairs all families and series after a writer died: derives what can be derived from the
 * chains. The directory's lock is held. */
void sx__families_mend(struct sx_registry *registry);

#endif
