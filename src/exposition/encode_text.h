/* encode_text.h: Prometheus text 0.0.4. */
#ifndef SX_EXPOSITION_ENCODE_TEXT_H
#define SX_EXPOSITION_ENCODE_TEXT_H

#include "collection.h"
#include "series_values.h"

#include <sextant/exposition.h>

/** Appends all families of the registry to the page. Errors: SX_ENOMEM, SX_ESTATE. */
int sx__encode_text(struct sx_page *page, struct sx_registry *registry);

/* The parts of a page, for pages of several registries. All append, and fail with SX_ENOMEM. */

/** HELP, if there is any, and TYPE. */
int sx__text_head(struct sx_page *page, const struct sx__family *family);

/** The samples of a family of the directory. */
int sx__text_series(struct sx_page *page, const struct sx_registry *registry,
                    const struct sx__reading *reading, const struct sx__family *family);

/** The samples of a family of a callback or collector. */
int sx__text_samples(struct sx_page *page, const struct sx__collected_family *collected);

#endif
