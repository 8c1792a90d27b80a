/* exemplars.c: see exemplars.h. */
#include "exemplars.h"

#include "cells.h"
#include "thread_rows.h"
#include "utf8.h"
#include "view.h"

#include <string.h>
#include <time.h>

/* The words of an exemplar before those of its labels. */
#define HEAD_WORDS (offsetof(struct sx__exemplar, words) / sizeof(uint64_t))
/* A reader that fails once has met a newer exemplar of the slot. */
#define TRIES_MAX 1000u
#define RECORD_WORDS (HEAD_WORDS + SX__EXEMPLAR_WORDS_MAX)

_Static_assert(sizeof(struct sx__exemplar) == RECORD_WORDS * sizeof(uint64_t), "no padding");

struct exemplar_record {
    uint64_t version;             /* odd: it is being written */
    uint32_t next;                /* ref of another one that waits in the registry's list */
    uint64_t words[RECORD_WORDS]; /* a struct sx__exemplar */
};

struct exemplar_slots {
    uint32_t count;
    uint32_t records[]; /* refs; 0: no exemplar yet */
};

static size_t slots_bytes(uint32_t count)
{
    return sizeof(struct exemplar_slots) + count * sizeof(uint32_t);
}

uint32_t sx__exemplar_slots(const struct sx__family *family)
{
    if (family->native_max > 0 && family->bound_count == 0) {
        return SX__NATIVE_EXEMPLARS;
    }
    return family->type == SX_HISTOGRAM ? family->bound_count + 1 : 1;
}

/* ---- memory ---- */

/* Makes the slots of a series. Returns NULL if the directory is full. */
static struct exemplar_slots *make_slots(struct sx_registry *registry, struct sx__series *series)
{
    struct exemplar_slots *slots = NULL;
    const uint32_t count = sx__exemplar_slots(sx__series_family(series));
    sx__directory_lock(registry);
    if (series->exemplars != 0) {
        slots = sx__at(registry, series->exemplars);
    } else {
        slots = sx__directory_allocate(registry, slots_bytes(count));
        if (slots != NULL) {
            memset(slots, 0, slots_bytes(count));
            slots->count = count;
            __atomic_store_n(&series->exemplars, sx__ref(registry, slots), __ATOMIC_RELEASE);
        }
    }
    sx__directory_unlock(registry);
    return slots;
}

static uint32_t *slot_of(struct sx_registry *registry, struct sx__series *series, uint32_t slot)
{
    const uint32_t ref = __atomic_load_n(&series->exemplars, __ATOMIC_ACQUIRE);
    struct exemplar_slots *slots = ref != 0 ? sx__at(registry, ref) : make_slots(registry, series);
    return slots == NULL || slot >= slots->count ? NULL : &slots->records[slot];
}

/* Two slots never have the same number at the same time. */
static uint64_t number_of_slot(const struct sx_registry *registry, const uint32_t *slot)
{
    return (uint64_t)((const char *)slot - (const char *)registry);
}

/* Returns the cell in which each thread row has the ref of its spare record, or 0. */
static uint32_t spare_cell(struct sx_registry *registry)
{
    uint32_t cell = __atomic_load_n(&registry->spare_exemplars, __ATOMIC_ACQUIRE);
    if (cell == 0) {
        sx__directory_lock(registry);
        cell = registry->spare_exemplars;
        if (cell == 0) {
            cell = sx__directory_thread_cells(registry, 1);
            __atomic_store_n(&registry->spare_exemplars, cell, __ATOMIC_RELEASE);
        }
        sx__directory_unlock(registry);
    }
    return cell;
}

/* Returns the ref of a record, or 0 if the directory is full. */
static uint32_t take_record(struct sx_registry *registry)
{
    sx__directory_lock(registry);
    uint32_t ref = registry->free_exemplars;
    if (ref != 0) {
        const struct exemplar_record *record = sx__at(registry, ref);
        __atomic_store_n(&registry->free_exemplars, record->next, __ATOMIC_RELEASE);
    } else {
        struct exemplar_record *record = sx__directory_allocate(registry, sizeof *record);
        if (record != NULL) {
            memset(record, 0, sizeof *record);
            ref = sx__ref(registry, record);
        }
    }
    sx__directory_unlock(registry);
    return ref;
}

void sx__exemplars_clear(struct sx_registry *registry, struct sx__series *series, bool are_reached)
{
    if (series->exemplars == 0) {
        return;
    }
    struct exemplar_slots *slots = sx__at(registry, series->exemplars);
    for (uint32_t i = 0; i < slots->count; i++) {
        const uint32_t ref = __atomic_exchange_n(&slots->records[i], 0, __ATOMIC_ACQ_REL);
        if (ref != 0) {
            struct exemplar_record *record = sx__at(registry, ref);
            record->next = registry->free_exemplars;
            __atomic_store_n(&registry->free_exemplars, ref, __ATOMIC_RELEASE);
        }
    }
    if (!are_reached) {
        sx__directory_free(registry, slots, slots_bytes(slots->count));
    }
}

/* ---- labels ---- */

static bool is_ascii_text(struct sx_str text)
{
    uint64_t any = 0;
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, sizeof word);
        any |= word;
    }
    for (; i < text.size; i++) {
        any |= (unsigned char)text.data[i];
    }
    return (any & UINT64_C(0x8080808080808080)) == 0;
}

static size_t code_points_of(struct sx_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    return count;
}

/* Adds the code points of a value to *count. Returns false if it is too long or not UTF-8. */
static bool count_value(size_t *count, struct sx_str value)
{
    if (value.size > SX__EXEMPLAR_CODE_POINTS_MAX * 4 || (value.size > 0 && value.data == NULL)) {
        return false;
    }
    if (is_ascii_text(value)) {
        *count += value.size;
        return true;
    }
    *count += code_points_of(value);
    return sx__utf8_is_valid(value);
}

/* Bytes of names: 1 where the name may begin, too. */
static const unsigned char name_bytes[256] = {
    ['0'] = 2, ['1'] = 2, ['2'] = 2, ['3'] = 2, ['4'] = 2, ['5'] = 2, ['6'] = 2, ['7'] = 2,
    ['8'] = 2, ['9'] = 2, ['_'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,
    ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,
    ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,
    ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,
    ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,
    ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,
    ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

/* Copies a name and returns its size, or 0 if it is not valid (see sx_label_name_is_valid) or too
 * long. In one pass, because names are short. */
static size_t put_name(char *at, const char *name, size_t size_max)
{
    if (name == NULL || name_bytes[(unsigned char)name[0]] != 1 ||
        (name[0] == '_' && name[1] == '_')) {
        return 0;
    }
    size_t size = 0;
    while (name_bytes[(unsigned char)name[size]] != 0) {
        if (size == size_max) {
            return 0;
        }
        at[size] = name[size];
        size++;
    }
    return name[size] == '\0' ? size : 0;
}

static bool is_given_before(const struct sx_label *labels, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (labels[i].name[0] == name[0] && strcmp(labels[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Writes the labels. Returns false if they are not valid. */
static bool put_labels(struct sx__exemplar *exemplar, const struct sx_label *labels, size_t count)
{
    char *at = (char *)exemplar->words;
    size_t code_points = 0;
    if (count > SX_LABELS_MAX || (count > 0 && labels == NULL)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct sx_str value = labels[i].value;
        const size_t name_size = put_name(at + 2 * sizeof(uint16_t), labels[i].name,
                                          SX__EXEMPLAR_CODE_POINTS_MAX - code_points);
        code_points += name_size;
        if (name_size == 0 || is_given_before(labels, i, labels[i].name) ||
            !count_value(&code_points, value) || code_points > SX__EXEMPLAR_CODE_POINTS_MAX) {
            return false;
        }
        const uint16_t sizes[2] = {(uint16_t)name_size, (uint16_t)value.size};
        memcpy(at, sizes, sizeof sizes);
        at += sizeof sizes + name_size;
        if (value.size > 0) {
            memcpy(at, value.data, value.size);
        }
        at += value.size;
    }
    exemplar->size = (uint64_t)(at - (const char *)exemplar->words);
    memset(at, 0, -exemplar->size % sizeof(uint64_t)); /* the rest of the last word */
    return true;
}

bool sx__exemplar_next_label(const struct sx__exemplar *exemplar, size_t *at, struct sx_str *name,
                             struct sx_str *value)
{
    const char *bytes = (const char *)exemplar->words + *at;
    uint16_t sizes[2];
    if (*at >= exemplar->size) {
        return false;
    }
    memcpy(sizes, bytes, sizeof sizes);
    *name = (struct sx_str){bytes + sizeof sizes, sizes[0]};
    *value = (struct sx_str){name->data + name->size, sizes[1]};
    *at += sizeof sizes + name->size + value->size;
    return true;
}

/* ---- writing ---- */

static int64_t now_since_1970_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0) {
        return 0;
    }
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The words are stored with release semantics, so a reader that sees one of them also sees the odd
 * version. Nobody else writes the record. */
static void fill_record(struct exemplar_record *record, const struct sx__exemplar *exemplar)
{
    const size_t count = HEAD_WORDS + (size_t)(exemplar->size + 7) / 8;
    const uint64_t odd = __atomic_load_n(&record->version, __ATOMIC_RELAXED) | 1;
    __atomic_store_n(&record->version, odd, __ATOMIC_RELAXED);
    for (size_t i = 0; i < count; i++) {
        uint64_t word;
        memcpy(&word, (const char *)exemplar + i * sizeof word, sizeof word);
        __atomic_store_n(&record->words[i], word, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&record->version, odd + 1, __ATOMIC_RELEASE);
}

/* The cell of the spare is 0 during the exchange, so that no two threads have the same record if
 * this one is killed. */
static bool exchange_record(struct sx_registry *registry, const char *row, uint32_t *slot,
                            const struct sx__exemplar *exemplar)
{
    const uint32_t index = spare_cell(registry);
    if (index == 0) {
        return false;
    }
    uint64_t *spare = sx__cell(row, index);
    uint32_t ref = (uint32_t)__atomic_load_n(spare, __ATOMIC_RELAXED);
    if (ref == 0) {
        ref = take_record(registry);
        if (ref == 0) {
            return false;
        }
    }
    fill_record(sx__at(registry, ref), exemplar);
    __atomic_store_n(spare, 0, __ATOMIC_RELAXED);
    const uint32_t before = __atomic_exchange_n(slot, ref, __ATOMIC_ACQ_REL);
    __atomic_store_n(spare, before, __ATOMIC_RELAXED);
    return true;
}

bool sx__exemplar_write(struct sx__series *series, uint32_t slot, double value,
                        const struct sx_label *labels, size_t count, char *const *rows)
{
    struct sx__exemplar exemplar;
    if (!put_labels(&exemplar, labels, count)) {
        return false;
    }
    struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    const char *row = sx__thread_row(rows, series->handle.arena);
    uint32_t *place = row == NULL ? NULL : slot_of(registry, series, slot);
    if (place == NULL) {
        return false;
    }
    exemplar.slot = number_of_slot(registry, place);
    exemplar.value = value;
    exemplar.timestamp_ms = now_since_1970_ms();
    return exchange_record(registry, row, place, &exemplar);
}

/* ---- reading ---- */

/* Returns false if the record was written meanwhile, or is not that of the slot any more. */
static bool copy_record(struct sx__exemplar *exemplar, const struct exemplar_record *record,
                        uint64_t slot)
{
    const uint64_t version = __atomic_load_n(&record->version, __ATOMIC_ACQUIRE);
    if (version % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < HEAD_WORDS; i++) {
        const uint64_t word = __atomic_load_n(&record->words[i], __ATOMIC_ACQUIRE);
        memcpy((char *)exemplar + i * sizeof word, &word, sizeof word);
    }
    if (exemplar->slot != slot || exemplar->size > SX__EXEMPLAR_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < (exemplar->size + 7) / 8; i++) {
        exemplar->words[i] = __atomic_load_n(&record->words[HEAD_WORDS + i], __ATOMIC_ACQUIRE);
    }
    return __atomic_load_n(&record->version, __ATOMIC_RELAXED) == version;
}

bool sx__exemplar_read(struct sx__exemplar *exemplar, const struct sx__series *series,
                       uint32_t slot)
{
    const struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    const uint32_t slots_ref = __atomic_load_n(&series->exemplars, __ATOMIC_ACQUIRE);
    if (slots_ref == 0) {
        return false;
    }
    const struct exemplar_slots *slots = sx__at(registry, slots_ref);
    const uint32_t *place = &slots->records[slot];
    const uint64_t number = number_of_slot(registry, place);
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        const uint32_t ref = __atomic_load_n(place, __ATOMIC_ACQUIRE);
        if (ref == 0 || copy_record(exemplar, sx__at(registry, ref), number)) {
            return ref != 0;
        }
    }
    return false;
}
