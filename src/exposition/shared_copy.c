/* shared_copy.c: copying a registry with a name, and walking the copy. Runs in one thread. */
#include "shared_copy.h"

#include "constants.h"
#include "layout.h"
#include "lock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX ((size_t)1 << 30)
#define ATTEMPTS 100

/* ---- copying ---- */

/* What is being copied. */
struct copying {
    const struct sx__bytes *bytes;
    const struct sx__geometry *geometry;
    struct sx__shared_copy *copy;
    size_t used; /* by the copy so far */
};

static bool read_arena(const struct copying *copying, size_t offset, void *to, size_t size)
{
    const struct sx__bytes *bytes = copying->bytes;
    const size_t start = copying->geometry->page_bytes;
    return offset <= bytes->size - start && size <= bytes->size - start - offset &&
           bytes->read(bytes->context, start + offset, to, size);
}

/* Memory for a part of the copy. A copy needs no more than the file has, however large the sizes
 * that it claims are. */
static int reserve_bytes(struct copying *copying, size_t size)
{
    if (size > BYTES_MAX - copying->used) {
        return SX_ENOMEM;
    }
    copying->used += size;
    const struct sx__bytes *bytes = copying->bytes;
    return copying->used <= bytes->allocated(bytes->context) ? SX_OK : SX_EPROTO;
}

static int copy_directory(struct copying *copying)
{
    const struct sx__geometry *geometry = copying->geometry;
    struct sx__shared_copy *copy = copying->copy;
    struct sx_registry header;
    if (!read_arena(copying, 0, &header, sizeof header)) {
        return SX_ESYSTEM;
    }
    copy->directory_bytes = header.directory_used;
    if (copy->directory_bytes < geometry->header_bytes ||
        copy->directory_bytes > geometry->directory_bytes) {
        return SX_EPROTO;
    }
    const int status = reserve_bytes(copying, copy->directory_bytes);
    if (status != SX_OK) {
        return status;
    }
    const size_t alignment = _Alignof(struct sx_registry);
    copy->directory =
        aligned_alloc(alignment, (copy->directory_bytes + alignment - 1) / alignment * alignment);
    if (copy->directory == NULL) {
        return SX_ENOMEM;
    }
    return read_arena(copying, 0, copy->directory, copy->directory_bytes) ? SX_OK : SX_ESYSTEM;
}

/* As sx__process_row_counts, without taking the seat. */
static bool row_counts(const struct sx__seat *seat)
{
    if (seat->state != SX__SEAT_LIVE) {
        return false;
    }
    const bool has_orphan =
        seat->orphan_of > 0 && (kill(seat->orphan_of, 0) == 0 || errno == EPERM);
    return sx__lock_copy_is_owned(&seat->mutex) || has_orphan;
}

static int copy_row(const struct copying *copying, size_t row, uint32_t cells, uint64_t **at)
{
    const struct sx__geometry *geometry = copying->geometry;
    const size_t offset = geometry->rows_offset + row * geometry->row_stride;
    if (!read_arena(copying, offset, *at, (size_t)cells * SX__CELL_BYTES)) {
        return SX_ESYSTEM;
    }
    *at += cells;
    return SX_OK;
}

/* Finds the rows of processes that live, then those with values that are to be kept, then that of
 * values that have been kept. */
static void find_process_rows(const struct copying *copying, size_t rows[SX__PROCESSES + 1])
{
    const struct sx__seat *seats =
        sx__shared_copy_header(copying->copy)->seats + copying->geometry->thread_rows;
    struct sx__shared_copy *copy = copying->copy;
    bool lives[SX__PROCESSES];
    copy->process_rows = 0;
    copy->left_rows = 0;
    for (uint32_t i = 0; i < SX__PROCESSES; i++) {
        lives[i] = row_counts(&seats[i]);
        if (lives[i]) {
            copy->process_numbers[copy->process_rows] = i;
            rows[copy->process_rows++] = i;
        }
    }
    for (size_t i = 0; i < SX__PROCESSES; i++) {
        if (!lives[i] && seats[i].state != SX__SEAT_NEW && seats[i].state != SX__SEAT_KEPT) {
            rows[copy->process_rows + copy->left_rows++] = i;
        }
    }
    rows[copy->process_rows + copy->left_rows++] = SX__KEPT_ROW;
}

static int copy_rows(struct copying *copying)
{
    const struct sx__geometry *geometry = copying->geometry;
    struct sx__shared_copy *copy = copying->copy;
    const struct sx_registry *header = sx__shared_copy_header(copy);
    size_t process_rows[SX__PROCESSES + 1];
    copy->thread_cells = header->thread_cells_used;
    copy->process_cells = header->process_cells_used;
    copy->thread_rows = 1 + (size_t)header->thread_rows_claimed;
    if (header->thread_rows_claimed > geometry->thread_rows ||
        copy->thread_cells > geometry->row_bytes / SX__CELL_BYTES ||
        copy->process_cells > geometry->row_bytes / SX__CELL_BYTES) {
        return SX_EPROTO;
    }
    sx__shared_copy_rewind(copy);
    find_process_rows(copying, process_rows);
    const size_t row_count = copy->process_rows + copy->left_rows;
    const size_t bytes =
        (copy->thread_rows * copy->thread_cells + row_count * copy->process_cells) * SX__CELL_BYTES;
    int status = reserve_bytes(copying, bytes);
    if (status != SX_OK) {
        return status;
    }
    copy->cells = malloc(bytes > 0 ? bytes : 1);
    uint64_t *at = copy->cells;
    status = at == NULL ? SX_ENOMEM : SX_OK;
    for (size_t i = 0; i < copy->thread_rows && status == SX_OK; i++) {
        status = copy_row(copying, geometry->process_rows + i, copy->thread_cells, &at);
    }
    for (size_t i = 0; i < row_count && status == SX_OK; i++) {
        status = copy_row(copying, process_rows[i], copy->process_cells, &at);
    }
    return status;
}

/* Whether the copy is of one moment, as far as its records are concerned. The header was copied
 * first. A record is used again only after it was removed, which ends an epoch; for new ones see
 * sx__will_link. The cells of a series may be more than before. */
static int check_moment(const struct copying *copying)
{
    struct sx_registry now;
    const struct sx_registry *before = sx__shared_copy_header(copying->copy);
    if (!read_arena(copying, 0, &now, sizeof now)) {
        return SX_ESYSTEM;
    }
    return now.epoch == before->epoch && now.links == before->links &&
                   now.thread_cells_used == before->thread_cells_used &&
                   now.process_cells_used == before->process_cells_used
               ? SX_OK
               : SX_EAGAIN;
}

static int try_to_copy(struct sx__shared_copy *copy, const struct sx__bytes *bytes,
                       const struct sx__geometry *geometry)
{
    memset(copy, 0, sizeof *copy);
    struct copying copying = {.bytes = bytes, .geometry = geometry, .copy = copy};
    int status = copy_directory(&copying);
    if (status == SX_OK) {
        status = copy_rows(&copying);
    }
    if (status == SX_OK) {
        status = check_moment(&copying);
    }
    if (status != SX_OK) {
        sx__shared_copy_clean_up(copy);
    }
    return status;
}

int sx__shared_copy_make(struct sx__shared_copy *copy, const struct sx__bytes *bytes)
{
    struct sx__layout layout;
    struct sx__shared_label label;
    int status = SX_EAGAIN;
    memset(copy, 0, sizeof *copy);
    sx__layout_of_build(&layout, sizeof(struct sx__family), sizeof(struct sx__series));
    if (bytes->size < sizeof label || !bytes->read(bytes->context, 0, &label, sizeof label) ||
        !sx__shared_label_is_valid(&label, &layout, bytes->size)) {
        return SX_ELAYOUT;
    }
    for (int i = 0; i < ATTEMPTS && status == SX_EAGAIN; i++) {
        status = try_to_copy(copy, bytes, &label.geometry);
    }
    return status;
}

void sx__shared_copy_clean_up(struct sx__shared_copy *copy)
{
    free(copy->directory);
    free(copy->cells);
    copy->directory = NULL;
    copy->cells = NULL;
}

/* ---- walking ---- */

/* Returns the record, or NULL if it is not in the copy. */
static const void *record_at(const struct sx__shared_copy *copy, uint32_t ref, size_t size)
{
    const size_t offset = (size_t)ref * SX__REF_BYTES;
    return offset >= sizeof(struct sx_registry) && offset <= copy->directory_bytes &&
                   size <= copy->directory_bytes - offset
               ? copy->directory + offset
               : NULL;
}

static uint32_t ref_of(const struct sx__shared_copy *copy, const void *record)
{
    return (uint32_t)((size_t)((const char *)record - copy->directory) / SX__REF_BYTES);
}

/* Counts the bytes of a record that was found. Returns false if there are too many. */
static bool count_record(struct sx__shared_copy *copy, size_t size)
{
    if (size > copy->record_bytes_left) {
        return false;
    }
    copy->record_bytes_left -= size;
    return true;
}

static bool is_in(const struct sx__family *family, struct sx__span span)
{
    return span.offset <= family->size && span.size <= family->size - span.offset;
}

static bool are_labels_good(const struct sx__family *family)
{
    if (family->multiprocess_mode > SX_MODE_SHARED ||
        (family->multiprocess_mode == SX_MODE_LIVE_ALL && family->label_count >= SX_LABELS_MAX) ||
        family->label_count > SX_LABELS_MAX || !is_in(family, family->labels) ||
        family->labels.offset % _Alignof(struct sx__span) != 0 ||
        family->labels.size != family->label_count * sizeof(struct sx__span)) {
        return false;
    }
    const struct sx_str spans = sx__family_bytes(family, family->labels);
    for (uint32_t i = 0; i < family->label_count; i++) {
        if (!is_in(family, ((const struct sx__span *)(const void *)spans.data)[i])) {
            return false;
        }
    }
    return true;
}

static bool is_family_good(const struct sx__family *family)
{
    const uint32_t bounds = sx__has_buckets(family) ? family->bound_count : 0;
    return family->type <= SX_GAUGE_HISTOGRAM && bounds <= SX_BUCKETS_MAX &&
           bounds * sizeof(double) <= family->size - sizeof *family &&
           is_in(family, family->name) && is_in(family, family->help) &&
           is_in(family, family->unit) && are_labels_good(family);
}

int sx__shared_copy_next_family(struct sx__shared_copy *copy, const struct sx__family *previous,
                                const struct sx__family **family)
{
    const uint32_t ref =
        previous == NULL ? sx__shared_copy_header(copy)->first_family : previous->next;
    *family = NULL;
    if (ref == 0) {
        return SX_OK;
    }
    const struct sx__family *found = record_at(copy, ref, sizeof *found);
    if (found == NULL || found->size < sizeof *found || record_at(copy, ref, found->size) == NULL ||
        !count_record(copy, found->size) || !is_family_good(found)) {
        return SX_EPROTO;
    }
    *family = found;
    return SX_OK;
}

int sx__shared_copy_next_series(struct sx__shared_copy *copy, const struct sx__family *family,
                                const struct sx__series *previous, const struct sx__series **series)
{
    const uint32_t ref = previous == NULL ? family->first_series : previous->next;
    *series = NULL;
    if (ref == 0) {
        return SX_OK;
    }
    const struct sx__series *found = record_at(copy, ref, sizeof *found);
    if (found == NULL || ref - found->family != ref_of(copy, family) ||
        record_at(copy, ref, sx__series_size(found)) == NULL ||
        !count_record(copy, sx__series_size(found))) {
        return SX_EPROTO;
    }
    *series = found;
    return SX_OK;
}

int sx__shared_copy_cells(const struct sx__shared_copy *copy, const struct sx__series *series,
                          const struct sx__cells **cells)
{
    *cells = record_at(copy, series->cells, sizeof **cells);
    return *cells == NULL ? SX_EPROTO : SX_OK;
}

bool sx__shared_copy_take_cells(struct sx__shared_copy *copy, uint32_t first, uint32_t count)
{
    if (first > copy->thread_cells || count > copy->thread_cells - first ||
        count > copy->thread_cells_left) {
        return false;
    }
    copy->thread_cells_left -= count;
    return true;
}

int sx__shared_copy_constant_labels(const struct sx__shared_copy *copy, struct sx_str *labels)
{
    const uint32_t ref = sx__shared_copy_header(copy)->constants;
    const char *record = record_at(copy, ref, 0);
    *labels = (struct sx_str){"", 0};
    if (ref == 0) {
        return SX_OK;
    }
    return record != NULL &&
                   sx__constants_read(
                       record, (size_t)(copy->directory + copy->directory_bytes - record), labels)
               ? SX_OK
               : SX_EPROTO;
}
