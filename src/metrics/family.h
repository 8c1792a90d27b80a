/* family.h: registering and unregistering families, and finding them by their name. */
#ifndef SX_METRICS_FAMILY_H
#define SX_METRICS_FAMILY_H

#include "records.h"

/* What a caller wants to register, checked; see desc.h. */
struct sx__desc;

/** Registers a family, or finds it if it is registered with an equal desc.
 *
 * A family without labels gets its one series with it. The registration is counted for this
 * process, as a pin; see pins.h.
 *
 * Errors:   SX_EEXIST, SX_ECLASH, SX_EFULL, SX_ENOMEM
 */
int sx__family_register(struct sx__family **family, struct sx_registry *registry,
                        const struct sx__desc *desc);

/** Takes back one registration. Removes the family with its series if it was the last one, in any
 * process that lives.
 *
 * @return   1 if the family was removed, else 0
 * Threads:  [any]; takes the directory's lock
 */
int sx__family_unregister(struct sx__family *family);

/** From now on, each family is removed when no process has it registered any more, unless it is
 * registered after this call. Takes the directory's lock. */
void sx__families_want_registration(struct sx_registry *registry);

/** Removes the families that were unregistered while another process had them registered, which has
 * ended since. Called by each scrape.
 *
 * Threads:  [any]; takes the directory's lock if there may be such families
 */
void sx__families_remove_unwanted(struct sx_registry *registry);

/** The family of this name, or NULL. Takes no lock. The caller is reading, see epochs.h. */
const struct sx__family *sx__family_find(const struct sx_registry *registry, struct sx_str name);

/** The bytes that the record of a family takes. */
size_t sx__family_size(const struct sx__desc *desc);

/** Writes the record of a family that has no series yet. */
void sx__family_write(struct sx__family *family, uint32_t arena, const struct sx__desc *desc);

/** Repairs all families and series after a writer died: derives what can be derived from the
 * chains. The directory's lock is held. */
void sx__families_mend(struct sx_registry *registry);

#endif
