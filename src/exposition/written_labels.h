/* written_labels.h: labels as they are on a page, `a="x",b="y"`, compared as Prometheus compares
 * them: the order of labels does not matter, and a label with an empty value is as none. */
#ifndef SX_EXPOSITION_WRITTEN_LABELS_H
#define SX_EXPOSITION_WRITTEN_LABELS_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stdint.h>

/** A hash that is the same for all texts of the same labels.
 *
 * @param key     two random words
 * @param labels  without braces; may be empty
 */
uint32_t sx__written_labels_hash(const uint64_t *key, struct sx_str labels);

/** Whether two texts are of the same labels. */
bool sx__written_labels_equal(struct sx_str a, struct sx_str b);

#endif
