/* exemplars.c: see exemplars.h. */
#include "exemplars.h"

#include "label_hash.h"
#include "thread_rows.h"
#include "utf8.h"
#include "view.h"

#include <string.h>
#include <time.h>

/* The words of an exemplar before those of its labels. */
#define HEAD_WORDS (offsetof(struct sx__exemplar, words) / sizeof(uint64_t))
/* A try fails only if another thread replaced the exemplar meanwhile, so this limit is rarely met.
 */
#define TRIES_MAX 1000u
#define RECORD_WORDS (HEAD_WORDS + SX__EXEMPLAR_WORDS_MAX)

_Static_assert(offsetof(struct sx__exemplar, slot) == 0 &&
                   offsetof(struct sx__exemplar, value) == 8 &&
                   offsetof(struct sx__exemplar, timestamp_ms) == 16 &&
                   offsetof(struct sx__exemplar, size) == 24,
               "fill_record writes them in this order");
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
    return family->type == SX_HISTOGRAM || family->type == SX_GAUGE_HISTOGRAM
               ? family->bound_count + 1
               : 1;
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
    if (sx__series_has_window(series) || series->exemplars == 0) {
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

static size_t code_points_of(struct sx_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    return count;
}

/* Where the words of an exemplar are written. */
struct exemplar_writing {
    uint64_t *at;       /* in the record */
    size_t code_points; /* so far */
    uint64_t bits;      /* of the text that was written last */
};

/* With release semantics, so a reader that sees the word also sees the odd version. */
static inline void put_exemplar_word(struct exemplar_writing *writing, uint64_t word)
{
    __atomic_store_n(writing->at++, word, __ATOMIC_RELEASE);
}

/* Writes whole words, because a processor that loads a word waits if its bytes were just stored one
 * by one. */
static inline void put_exemplar_text(struct exemplar_writing *writing, struct sx_str text)
{
    const char *data = text.data;
    writing->bits = 0;
    for (size_t left = text.size; left > 8; left -= 8, data += 8) {
        const uint64_t word = sx__word_at(data);
        writing->bits |= word;
        put_exemplar_word(writing, word);
    }
    if (text.size > 0) {
        const uint64_t word = text.size < 8 ? sx__short_word(text.data, text.size)
                                            : sx__last_word(text.data, text.size);
        writing->bits |= word;
        put_exemplar_word(writing, word);
    }
}

/* Returns false if the value is not UTF-8, or too long for what is left of the code points, so that
 * it might not fit. */
static inline bool put_value(struct exemplar_writing *writing, struct sx_str value)
{
    if (value.size > (SX__EXEMPLAR_CODE_POINTS_MAX - writing->code_points) * 4 ||
        (value.size > 0 && value.data == NULL)) {
        return false;
    }
    put_exemplar_text(writing, value);
    if ((writing->bits & SX__NOT_ASCII) == 0) {
        writing->code_points += value.size;
        return true;
    }
    writing->code_points += code_points_of(value);
    return sx__utf8_is_valid(value);
}

/* Words that are valid names, each in the place of its hash. There are few names, and checking one
 * takes longer than writing it. */
#define KNOWN_NAMES 16u
static uint64_t known_names[KNOWN_NAMES];

static inline uint64_t *known_name_of(uint64_t word)
{
    return &known_names[word * UINT64_C(0x9E3779B97F4A7C15) >> 60];
}

/* Returns false if the name is not valid. */
__attribute__((noinline, cold)) static bool check_name(const char *name, size_t size, uint64_t word)
{
    if (!sx_label_name_is_valid(name)) {
        return false;
    }
    if (size <= sizeof word) { /* it is not empty, as it is valid */
        __atomic_store_n(known_name_of(word), word, __ATOMIC_RELAXED);
    }
    return true;
}

/* Returns false if the name is not valid. Names such as `trace_id` are one word. */
static inline bool put_name(struct exemplar_writing *writing, struct sx_str name)
{
    put_exemplar_text(writing, name);
    const uint64_t word = writing->bits;
    return (name.size - 1 < sizeof word &&
            __atomic_load_n(known_name_of(word), __ATOMIC_RELAXED) == word) ||
           check_name(name.data, name.size, word);
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

/* Writes the labels: for each a word with the two sizes, then the words of the name, then those of
 * the value. Returns false if they are not valid. Inlined, so that `writing` lies in registers: an
 * exemplar costs a tenth less. */
__attribute__((always_inline)) static inline bool
put_labels(struct exemplar_writing *writing, const struct sx_label *labels, size_t count)
{
    if (count > SX_LABELS_MAX || (count > 0 && labels == NULL)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (labels[i].name == NULL) {
            return false;
        }
        const struct sx_str name = sx__view(labels[i].name);
        const struct sx_str value = labels[i].value;
        if (name.size > SX__EXEMPLAR_CODE_POINTS_MAX - writing->code_points ||
            is_given_before(labels, i, name.data)) {
            return false;
        }
        writing->code_points += name.size;
        put_exemplar_word(writing, name.size | (uint64_t)value.size << 32);
        if (!put_name(writing, name) || !put_value(writing, value) ||
            writing->code_points > SX__EXEMPLAR_CODE_POINTS_MAX) {
            return false;
        }
    }
    return true;
}

bool sx__exemplar_next_label(const struct sx__exemplar *exemplar, size_t *at, struct sx_str *name,
                             struct sx_str *value)
{
    const uint64_t *words = exemplar->words + *at;
    if (*at >= exemplar->size) {
        return false;
    }
    const uint64_t sizes = sx__word_at((const char *)words);
    *name = (struct sx_str){(const char *)(words + 1), (uint32_t)sizes};
    words += 1 + (name->size + 7) / 8;
    *value = (struct sx_str){(const char *)words, sizes >> 32};
    words += (value->size + 7) / 8;
    *at = (size_t)(words - exemplar->words);
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

/* Writes the words of an exemplar into a spare record, which nobody else writes. If the labels are
 * not valid, the version stays odd, and the record a spare one. */
static bool fill_record(struct exemplar_record *record, uint64_t slot,
                        const struct sx__exemplar_source *source)
{
    const uint64_t odd = __atomic_load_n(&record->version, __ATOMIC_RELAXED) | 1;
    __atomic_store_n(&record->version, odd, __ATOMIC_RELAXED);
    struct exemplar_writing writing = {.at = record->words + HEAD_WORDS};
    if (!put_labels(&writing, source->labels, source->count)) {
        return false;
    }
    const uint64_t size = (uint64_t)(writing.at - record->words) - HEAD_WORDS;
    writing.at = record->words;
    put_exemplar_word(&writing, slot);
    put_exemplar_word(&writing, sx__bits_of(source->value));
    put_exemplar_word(&writing, (uint64_t)source->timestamp_ms);
    put_exemplar_word(&writing, size);
    __atomic_store_n(&record->version, odd + 1, __ATOMIC_RELEASE);
    return true;
}

bool sx__exemplar_set(struct sx__exemplar *exemplar, const struct sx__exemplar_source *source)
{
    struct exemplar_writing writing = {.at = exemplar->words};
    if (!put_labels(&writing, source->labels, source->count)) {
        return false;
    }
    exemplar->slot = 0;
    exemplar->value = source->value;
    exemplar->timestamp_ms = source->timestamp_ms;
    exemplar->size = (uint64_t)(writing.at - exemplar->words);
    for (size_t i = 0; i < exemplar->size; i++) {
        exemplar->words[i] = sx__word_at((const char *)&exemplar->words[i]); /* little-endian */
    }
    return true;
}

/* The cell of the spare is 0 during the exchange, so that no two threads have the same record if
 * this one is killed. */
static bool exchange_record(struct sx_registry *registry, const char *row, uint32_t *slot,
                            const struct sx__exemplar_source *source)
{
    const uint32_t index = spare_cell(registry);
    if (index == 0) {
        return false;
    }
    uint64_t *spare = sx__cell(row, index);
    uint32_t ref = (uint32_t)__atomic_load_n(spare, __ATOMIC_RELAXED);
    if (ref == 0) {
        ref = take_record(registry);
        __atomic_store_n(spare, ref, __ATOMIC_RELAXED);
    }
    if (ref == 0 || !fill_record(sx__at(registry, ref), number_of_slot(registry, slot), source)) {
        return false;
    }
    __atomic_store_n(spare, 0, __ATOMIC_RELAXED);
    const uint32_t before = __atomic_exchange_n(slot, ref, __ATOMIC_ACQ_REL);
    __atomic_store_n(spare, before, __ATOMIC_RELAXED);
    return true;
}

bool sx__exemplar_write(struct sx__series *series, uint32_t slot, double value,
                        const struct sx_label *labels, size_t count, char *const *rows)
{
    const struct sx__exemplar_source source = {value, now_since_1970_ms(), labels, count};
    struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    const char *row = sx__thread_row(rows, series->handle.arena);
    uint32_t *place = row == NULL ? NULL : slot_of(registry, series, slot);
    return place != NULL && exchange_record(registry, row, place, &source);
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
    if (exemplar->slot != slot || exemplar->size > SX__EXEMPLAR_WORDS_MAX) {
        return false;
    }
    for (size_t i = 0; i < exemplar->size; i++) {
        const uint64_t word = __atomic_load_n(&record->words[HEAD_WORDS + i], __ATOMIC_ACQUIRE);
        exemplar->words[i] = sx__word_at((const char *)&word); /* little-endian */
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
