/* shown_exemplars.c: reads the exemplars of a series. See shown_exemplars.h. */
#include "shown_exemplars.h"

#include <stdlib.h>

static int reserve_slots(struct sx__shown_exemplars *shown, uint32_t count)
{
    if (count <= shown->capacity) {
        return SX_OK;
    }
    sx__shown_exemplars_clean_up(shown);
    shown->memory = calloc(count, sizeof *shown->memory);
    shown->slots = calloc(count, sizeof(const struct sx__exemplar *));
    if (shown->memory == NULL || shown->slots == NULL) {
        return SX_ENOMEM;
    }
    shown->capacity = count;
    return SX_OK;
}

int sx__shown_exemplars_read(struct sx__shown_exemplars *shown, const struct sx__series *series)
{
    shown->count = 0;
    if (!sx__series_has_exemplars(series)) {
        return SX_OK;
    }
    const uint32_t count = sx__exemplar_slots(sx__series_family(series));
    int status = reserve_slots(shown, count);
    if (status != SX_OK) {
        return status;
    }
    for (uint32_t slot = 0; slot < count; slot++) {
        const bool has_one = sx__exemplar_read(&shown->memory[slot], series, slot);
        shown->slots[slot] = has_one ? &shown->memory[slot] : NULL;
        shown->count = has_one ? count : shown->count;
    }
    return SX_OK;
}

void sx__shown_exemplars_clean_up(struct sx__shown_exemplars *shown)
{
    free(shown->memory);
    free((void *)shown->slots);
    *shown = (struct sx__shown_exemplars){.count = 0};
}
