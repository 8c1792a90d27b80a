/* scrape.c: the registry is kept in order by scrapes, as no thread runs in the background. */
#include "scrape.h"

#include "expiry.h"
#include "family.h"
#include "process_rows.h"
#include "row_folding.h"

void sx__scrape_prepare(struct sx_registry *registry)
{
    sx__process_rows_keep(registry);
    sx__families_remove_unwanted(registry);
    (void)sx__registry_expire(registry, false);
    sx__rows_fold(registry);
}
