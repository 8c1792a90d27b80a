/* encode.c: writes the families of one or several registries in a format.
 *
 * All collectors run before anything is read, because they may update metrics of any registry. A
 * page of one registry is written while its families are found. For several, the families of all
 * are found first, because those of one name are written together. Runs in the thread that scrapes.
 */
#include "encode.h"

#include "clock.h"
#include "joined_families.h"
#include "page_parts.h"
#include "shown.h"

#include <stdlib.h>

/* Text 0.0.4 has no quoted names, so allow-utf-8 falls back to underscores there. */
static enum sx__name_scheme scheme_of(const struct sx_page_options *options)
{
    switch (options->escaping) {
    case SX_ESCAPING_DOTS:
        return SX__NAME_DOTS;
    case SX_ESCAPING_VALUES:
        return SX__NAME_VALUES;
    case SX_ESCAPING_ALLOW_UTF_8:
        return options->format == SX_FORMAT_TEXT ? SX__NAME_UNDERSCORES : SX__NAME_AS_IT_IS;
    default:
        return SX__NAME_UNDERSCORES;
    }
}

static int write_found(void *context, const struct sx__page_family *family)
{
    struct sx__writer *writer = context;
    return sx__clock_has_reached(writer->deadline_ns) ? SX_ETIMEOUT
                                                      : sx__write_family(writer, family);
}

static int encode_part(struct sx__writer *writer, const struct sx__part *part,
                       const struct sx_page_options *options)
{
    struct sx__page_part page_part;
    int status = sx__page_part_collect(&page_part, part, writer->deadline_ns);
    if (status == SX_OK) {
        sx__page_part_read(&page_part);
        status = sx__page_part_each(&page_part, options, write_found, writer);
        sx__page_part_end_reading(&page_part);
    }
    if (status == SX_OK) {
        sx__page_part_report(&page_part);
    }
    sx__page_part_clean_up(&page_part);
    return status;
}

/* ---- several registries ---- */

static int add_found(void *context, const struct sx__page_family *family)
{
    return sx__joined_families_add(context, family);
}

static int collect_parts(struct sx__page_part *page_parts, const struct sx__parts *parts,
                         uint64_t deadline_ns)
{
    int status = SX_OK;
    for (size_t i = 0; i < parts->count && status == SX_OK; i++) {
        status = sx__page_part_collect(&page_parts[i], &parts->parts[i], deadline_ns);
    }
    return status;
}

static int write_parts(struct sx__writer *writer, struct sx__joined_families *joined,
                       struct sx__page_part *page_parts, size_t count,
                       const struct sx_page_options *options)
{
    int status = SX_OK;
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        sx__page_part_read(&page_parts[i]);
        status = sx__page_part_each(&page_parts[i], options, add_found, joined);
    }
    if (status == SX_OK) {
        status = sx__joined_families_write(joined, writer);
    }
    for (size_t i = 0; i < count; i++) {
        sx__page_part_end_reading(&page_parts[i]);
    }
    return status;
}

static int encode_parts(struct sx__writer *writer, const struct sx__parts *parts,
                        const struct sx_page_options *options)
{
    struct sx_registry *first = parts->parts[0].registry;
    struct sx__joined_families joined = {.names.hash_key = first->hash_key};
    struct sx__page_part *page_parts = calloc(parts->count, sizeof *page_parts);
    int status =
        page_parts == NULL ? SX_ENOMEM : collect_parts(page_parts, parts, writer->deadline_ns);
    if (status == SX_OK) {
        status = write_parts(writer, &joined, page_parts, parts->count, options);
    }
    if (status == SX_OK) {
        for (size_t i = 0; i < parts->count; i++) {
            sx__page_part_report(&page_parts[i]);
        }
        sx__joined_families_report(&joined, first);
    }
    for (size_t i = 0; page_parts != NULL && i < parts->count; i++) {
        sx__page_part_clean_up(&page_parts[i]);
    }
    sx__joined_families_clean_up(&joined);
    free(page_parts);
    return status;
}

static int encode_with_shown(struct sx__writer *writer, struct sx_registry *const *registries,
                             size_t count, const struct sx_page_options *options)
{
    struct sx__parts parts;
    int status = sx__parts_open(&parts, registries, count);
    if (status != SX_OK) {
        return status;
    }
    if (parts.count == 1) {
        status = encode_part(writer, &parts.parts[0], options);
    } else if (parts.count > 1) {
        status = encode_parts(writer, &parts, options);
    }
    sx__parts_close(&parts);
    return status;
}

static uint64_t deadline_of(const struct sx_page_options *options)
{
    const uint64_t allowed_ns = (uint64_t)options->timeout_ms * 1000000u;
    if (allowed_ns == 0) {
        return 0;
    }
    return allowed_ns + (options->started_ns == 0 ? sx__clock_now_ns() : options->started_ns);
}

int sx__encode(struct sx_page *page, struct sx_registry *const *registries, size_t count,
               const struct sx_page_options *options)
{
    struct sx__writer writer = {.page = page,
                                .format = sx__format_of(options->format),
                                .scheme = scheme_of(options),
                                .deadline_ns = deadline_of(options)};
    struct sx_registry *only = count == 1 ? registries[0] : NULL;
    if (count == 1 && only == NULL) {
        only = sx_registry_default();
    }
    const struct sx__part whole = {.registry = only, .is_whole = true};
    const bool is_alone = only != NULL && !sx__registry_shows(only);
    int status = is_alone ? encode_part(&writer, &whole, options)
                          : encode_with_shown(&writer, registries, count, options);
    if (status == SX_OK && writer.format->finish != NULL) {
        status = writer.format->finish(&writer);
    }
    return status;
}
