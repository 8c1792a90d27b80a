/* Property: whatever bytes a registry with a name consists of, its page is rendered, or there is an
 * error. An input is a list of changes to the bytes of a real registry: 4 bytes of offset among the
 * bytes that are in use, a size, and as many bytes. If the input begins with an odd byte, the
 * rest of it is the registry behind the label. */
#include "shared_page.h"

#include "shared_object.h"

#include <sextant/metrics.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECES_MAX 256

/* Bytes of the file that are in use. What is between the pieces is 0. */
struct piece {
    size_t offset;
    size_t size;
    size_t start; /* in `bytes` */
};

static struct piece pieces[PIECES_MAX];
static size_t piece_count;
static uint8_t *original, *bytes;
static size_t byte_count;
static size_t file_size;

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- the real registry ---- */

static void fill(struct sx_registry *registry)
{
    static const double quantiles[] = {.5};
    struct sx_counter_family *counters = NULL;
    struct sx_counter *counter = NULL;
    struct sx_gauge *gauge = NULL;
    struct sx_histogram *histogram = NULL;
    struct sx_summary *summary = NULL;
    struct sx_state_set *states = NULL;
    struct sx_info *info = NULL;
    const struct sx_metric_options labelled = {
        .name = "jobs_total", .help = "Jobs.", .labels = SX_LABELS("queue", "state")};
    check(sx_counter_family_register(&counters, registry, &labelled) == SX_OK);
    sx_counter_add_with(counters, 2, "mail", "done");
    sx_counter_add_with(counters, 1.5, "a \"quoted\" one\\", "");
    check(sx_counter_register(
              &counter, registry,
              &(struct sx_metric_options){.name = "my.total", .utf8_names = true}) == SX_OK);
    sx_counter_add(counter, 3);
    check(sx_gauge_register(&gauge, registry,
                            &(struct sx_metric_options){.name = "length", .help = "Length."}) ==
          SX_OK);
    sx_gauge_set(gauge, 7);
    check(sx_histogram_register(&histogram, registry,
                                &(struct sx_metric_options){.name = "wait_seconds",
                                                            .unit = "seconds",
                                                            SX_BUCKETS(.1, 1),
                                                            .native = {.growth_factor = 2}}) ==
          SX_OK);
    sx_histogram_observe(histogram, .5);
    check(sx_summary_register(&summary, registry,
                              &(struct sx_metric_options){.name = "size_bytes",
                                                          .quantiles = quantiles,
                                                          .quantile_count = 1}) == SX_OK);
    sx_summary_observe(summary, 100);
    check(sx_state_set_register(&states, registry, &(struct sx_metric_options){.name = "mode"},
                                (const char *const[]){"up", "down", NULL}) == SX_OK);
    sx_state_set_select(states, 1);
    check(sx_info_register(&info, registry,
                           &(struct sx_metric_options){.name = "build_info",
                                                       .labels = SX_LABELS("version")}) == SX_OK);
    check(sx_info_set_strings(info, (const char *const[]){"1.2"}, 1) == SX_OK);
}

static void add_piece(const struct sx__shared_object *object, size_t offset, size_t size)
{
    check(piece_count < PIECES_MAX);
    original = realloc(original, byte_count + size);
    check(original != NULL && sx__file_read(object->file, offset, original + byte_count, size));
    pieces[piece_count++] = (struct piece){offset, size, byte_count};
    byte_count += size;
}

/* The label, the header with the directory, and the cells of all rows. */
static void read_pieces(const struct sx__shared_object *object, const struct sx_registry *registry)
{
    const struct sx__geometry *geometry = &registry->geometry;
    const size_t start = geometry->page_bytes;
    const size_t rows = geometry->process_rows + 1 + geometry->thread_rows;
    add_piece(object, 0, sizeof(struct sx__shared_label));
    add_piece(object, start, registry->directory_used);
    for (size_t i = 0; i < rows; i++) {
        const uint32_t cells =
            i < geometry->process_rows ? registry->process_cells_used : registry->thread_cells_used;
        if (i < 2 || i >= geometry->process_rows) {
            add_piece(object, start + geometry->rows_offset + i * geometry->row_stride,
                      (size_t)cells * SX__CELL_BYTES);
        }
    }
    file_size = object->size;
}

static void make_original(void)
{
    static const struct sx_label site = {"site", {"a\n", 2}};
    char name[64];
    struct sx_registry *registry = NULL;
    struct sx__shared_object object;
    snprintf(name, sizeof name, "fuzz-%ld", (long)getpid());
    check(sx_registry_new(&registry, &(struct sx_registry_options){.shared_name = name,
                                                                   .thread_rows = 2,
                                                                   .row_bytes = 1 << 16,
                                                                   .directory_bytes = 1 << 16,
                                                                   .name_prefix = "app_",
                                                                   .constant_labels = &site,
                                                                   .constant_label_count = 1}) ==
          SX_OK);
    const int opened = sx__shared_object_open_to_read(&object, name);
    check(sx_registry_unlink(name) == 1);
    check(opened == SX_OK);
    fill(registry);
    read_pieces(&object, registry);
    (void)close(object.file);
    sx_registry_destroy(registry);
    bytes = malloc(byte_count);
    check(bytes != NULL);
}

/* ---- the changed one ---- */

static bool read_bytes(void *context, size_t offset, void *to, size_t size)
{
    (void)context;
    memset(to, 0, size);
    for (size_t i = 0; i < piece_count; i++) {
        const struct piece *piece = &pieces[i];
        const size_t from = offset > piece->offset ? offset : piece->offset;
        const size_t end = offset + size < piece->offset + piece->size
                               ? offset + size
                               : piece->offset + piece->size;
        if (from < end) {
            memcpy((char *)to + (from - offset), bytes + piece->start + (from - piece->offset),
                   end - from);
        }
    }
    return true;
}

static size_t allocated(void *context)
{
    (void)context;
    return 1 << 22;
}

static void change(const uint8_t *data, size_t size)
{
    while (size > 5) {
        uint32_t offset;
        memcpy(&offset, data, sizeof offset);
        size_t count = (size_t)data[4] % 32;
        data += 5;
        size -= 5;
        count = count < size ? count : size;
        offset = (uint32_t)(offset % byte_count);
        const size_t room = byte_count - offset;
        memcpy(bytes + offset, data, count < room ? count : room);
        data += count;
        size -= count;
    }
}

static int render(enum sx_format format)
{
    const struct sx__bytes source = {read_bytes, allocated, NULL, file_size};
    struct sx_page page = {0};
    const struct sx_page_options options = {.format = format};
    const int status = sx__page_render_bytes(&page, &source, &options);
    check(status == SX_OK || page.size == 0);
    check(status != SX_OK || page.data[page.size] == '\0');
    sx_page_clean_up(&page);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (original == NULL) {
        make_original();
        memcpy(bytes, original, byte_count);
        check(render(SX_FORMAT_TEXT) == SX_OK);
    }
    memcpy(bytes, original, byte_count);
    if (size > 0 && data[0] % 2 == 1) {
        const size_t room = byte_count - pieces[1].start;
        memset(bytes + pieces[1].start, 0, room);
        memcpy(bytes + pieces[1].start, data + 1, size - 1 < room ? size - 1 : room);
    } else if (size > 0) {
        change(data + 1, size - 1);
    }
    const int status = render(SX_FORMAT_TEXT);
    check(status == render(SX_FORMAT_OPENMETRICS));
    (void)render(SX_FORMAT_PROTOBUF);
    return 0;
}
