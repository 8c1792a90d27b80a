/* shared_copy.h: a copy of a registry with a name, in which nothing is trusted.
 *
 * The bytes may be of a program that went wrong or wants to do harm. They are read from the file,
 * not mapped, so that a file that is cut off meanwhile is an error and no signal. Everything that
 * is used of the copy is checked first: that it lies in the copy, and that walking it comes to an
 * end. The copy has no locks, and its rows belong to nobody.
 */
#ifndef SX_EXPOSITION_SHARED_COPY_H
#define SX_EXPOSITION_SHARED_COPY_H

#include "named_arena.h"
#include "records.h"

/* What a copy is made of: a file, or what a test has in its place. */
struct sx__bytes {
    bool (*read)(void *context, size_t offset, void *to, size_t size);
    size_t (*allocated)(
        void *context); /* how many of the bytes may be other than 0 at the moment */
    void *context;
    size_t size;
};

struct sx__shared_copy {
    char *directory; /* with the header */
    size_t directory_bytes;
    uint64_t *cells; /* of all rows that count */
    uint32_t thread_cells;
    uint32_t process_cells;
    size_t thread_rows;  /* and the overflow row; the first ones in `cells` */
    size_t process_rows; /* of processes that live */
    size_t left_rows;    /* of others, behind those, with values that are kept; the last one is that
                            of all kept values; see left_values.h */
    uint32_t process_numbers[SX__PROCESSES]; /* of the rows of processes that live */
    /* Records and cells do not overlap, so those that are found together are no more. */
    size_t record_bytes_left;
    uint32_t thread_cells_left;
};

/** Copies a registry. The copy is of one moment as far as its families and series are concerned.
 *
 * Errors:   SX_ELAYOUT, SX_EPROTO (it is damaged), SX_EAGAIN (series come and go all the time),
 *           SX_ENOMEM (also if it has more than 1 GiB), SX_ESYSTEM
 */
int sx__shared_copy_make(struct sx__shared_copy *copy, const struct sx__bytes *bytes);

void sx__shared_copy_clean_up(struct sx__shared_copy *copy);

/** The header; its members may have any value. */
static inline const struct sx_registry *sx__shared_copy_header(const struct sx__shared_copy *copy)
{
    return (const struct sx_registry *)(const void *)copy->directory;
}

/** Begins to walk once more. */
static inline void sx__shared_copy_rewind(struct sx__shared_copy *copy)
{
    copy->record_bytes_left = copy->directory_bytes;
    copy->thread_cells_left = copy->thread_cells;
}

/** Finds the family that a link refers to; NULL: the end. Its members, spans and bounds are good:
 * the functions of records.h that do not use the family's arena may read them.
 *
 * @param previous  NULL: the first family
 * Errors:   SX_EPROTO
 */
int sx__shared_copy_next_family(struct sx__shared_copy *copy, const struct sx__family *previous,
                                const struct sx__family **family);

/** The same for a series of the family. Its text lies in the copy. */
int sx__shared_copy_next_series(struct sx__shared_copy *copy, const struct sx__family *family,
                                const struct sx__series *previous,
                                const struct sx__series **series);

/** The cells of a series. Errors: SX_EPROTO. */
int sx__shared_copy_cells(const struct sx__shared_copy *copy, const struct sx__series *series,
                          const struct sx__cells **cells);

/** Checks that a series may have so many neighbouring cells of thread rows. */
bool sx__shared_copy_take_cells(struct sx__shared_copy *copy, uint32_t first, uint32_t count);

/** The constant labels as they are written, such as `a="x",b="y"`; empty: none. Errors: SX_EPROTO.
 */
int sx__shared_copy_constant_labels(const struct sx__shared_copy *copy, struct sx_str *labels);

/** The cell of a thread row, the first of which is the overflow row; or of one of the process rows
 * and left rows. It must be less than thread_cells or process_cells. */
static inline uint64_t sx__shared_copy_thread_cell(const struct sx__shared_copy *copy, size_t row,
                                                   uint32_t cell)
{
    return copy->cells[row * copy->thread_cells + cell];
}

static inline uint64_t sx__shared_copy_process_cell(const struct sx__shared_copy *copy, size_t row,
                                                    uint32_t cell)
{
    return copy->cells[copy->thread_rows * copy->thread_cells + row * copy->process_cells + cell];
}

#endif
