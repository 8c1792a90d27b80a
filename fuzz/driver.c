/* driver.c: runs a fuzz target without libFuzzer, as an ordinary test: with every file of its
 * corpus, then with some thousands of mutations of these files. The seed is printed. SX_FUZZ_SEED
 * sets the seed, SX_FUZZ_RUNS the number of mutations.
 *
 *     fuzz_double fuzz/corpus/double    runs the corpus and mutations
 *     fuzz_double crash-file            runs one file
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX ((size_t)1 << 16)
#define INPUTS_MAX 4096

struct input {
    uint8_t *data;
    size_t size;
};

static struct input inputs[INPUTS_MAX];
static size_t input_count;

/* splitmix64: the same sequence on every machine. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Passes a copy of exactly that size to the target, so that sanitizers notice a read past its end.
 */
static int run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        return 1;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    int failed = LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    return failed;
}

static int read_input(const char *path)
{
    int failed = 1;
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX);
    if (file == NULL || data == NULL || input_count == INPUTS_MAX) {
        goto finish;
    }
    size_t size = fread(data, 1, INPUT_MAX, file);
    inputs[input_count++] = (struct input){data, size};
    data = NULL;
    failed = 0;
finish:
    if (failed) {
        fprintf(stderr, "cannot read %s\n", path);
    }
    free(data);
    if (file != NULL) {
        fclose(file);
    }
    return failed;
}

static int read_folder(const char *path)
{
    struct dirent **entries = NULL;
    int failed = 0;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char name[4096];
        int length = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && length > 0 && (size_t)length < sizeof name) {
            failed |= read_input(name);
        }
        free(entries[i]);
    }
    free(entries);
    return failed;
}

static size_t mutate(uint8_t *out, uint64_t *random)
{
    size_t size = 0;
    if (input_count > 0) {
        const struct input *input = &inputs[next_random(random) % input_count];
        size = input->size;
        memcpy(out, input->data, size);
    } else {
        size = (size_t)(next_random(random) % 64);
        for (size_t i = 0; i < size; i++) {
            out[i] = (uint8_t)next_random(random);
        }
    }
    for (uint64_t rounds = next_random(random) % 4; rounds > 0; rounds--) {
        size_t at = size > 0 ? (size_t)(next_random(random) % size) : 0;
        size_t length = size > at ? (size_t)(next_random(random) % (size - at)) % 16 : 0;
        switch (next_random(random) % 4) {
        case 0: /* changes a byte */
            if (size > 0) {
                out[at] = (uint8_t)next_random(random);
            }
            break;
        case 1: /* removes a piece */
            memmove(out + at, out + at + length, size - at - length);
            size -= length;
            break;
        case 2: /* repeats a piece */
            if (size + length <= INPUT_MAX) {
                memmove(out + at + length, out + at, size - at);
                size += length;
            }
            break;
        default: /* cuts off the end */
            size = at;
            break;
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    static uint8_t mutated[INPUT_MAX];
    const char *seed_text = getenv("SX_FUZZ_SEED");
    const char *runs_text = getenv("SX_FUZZ_RUNS");
    uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 10) : (uint64_t)time(NULL);
    unsigned long runs = runs_text != NULL ? strtoul(runs_text, NULL, 10) : 5000;
    bool folder_given = false;
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        struct stat status;
        bool is_folder = stat(argv[i], &status) != 0 || S_ISDIR(status.st_mode);
        failed |= is_folder ? read_folder(argv[i]) : read_input(argv[i]);
        folder_given |= is_folder;
    }
    for (size_t i = 0; i < input_count; i++) {
        failed |= run(inputs[i].data, inputs[i].size);
    }
    if (folder_given) {
        printf("%zu inputs, %lu mutations, SX_FUZZ_SEED=%llu\n", input_count, runs,
               (unsigned long long)seed);
        fflush(stdout);
        for (unsigned long i = 0; i < runs; i++) {
            failed |= run(mutated, mutate(mutated, &seed));
        }
    }
    for (size_t i = 0; i < input_count; i++) {
        free(inputs[i].data);
    }
    return failed != 0;
}
