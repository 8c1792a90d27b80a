/* input.c: reads a page. See input.h. */
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST ((size_t)64 << 10)
#define SIZE_MOST ((size_t)1 << 30) /* of memory, so a page is smaller */

/* Reads the stream to its end. Returns NULL or the error. The caller frees *data in both cases. */
static const char *read_all(FILE *stream, char **data, size_t *size)
{
    size_t capacity = 0;
    do {
        if (*size == capacity) {
            capacity = capacity == 0 ? SIZE_FIRST : capacity * 2;
            if (capacity > SIZE_MOST) {
                return "not smaller than 1 GiB";
            }
            char *grown = realloc(*data, capacity);
            if (grown == NULL) {
                return strerror(ENOMEM);
            }
            *data = grown;
        }
        *size += fread(*data + *size, 1, capacity - *size, stream);
    } while (!feof(stream) && !ferror(stream));
    return ferror(stream) ? strerror(errno) : NULL;
}

static int read_stream(FILE *stream, const char *name, char **data, size_t *size)
{
    const char *wrong = read_all(stream, data, size);
    if (wrong != NULL) {
        fprintf(stderr, "sextant: %s: %s\n", name, wrong);
    }
    return wrong == NULL ? 0 : 2;
}

int read_input(const char *name, char **data, size_t *size)
{
    if (name == NULL || strcmp(name, "-") == 0) {
        return read_stream(stdin, "standard input", data, size);
    }
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        fprintf(stderr, "sextant: %s: %s\n", name, strerror(errno));
        return 2;
    }
    int result = read_stream(file, name, data, size);
    fclose(file);
    return result;
}

int flush_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return 0;
    }
    fprintf(stderr, "sextant: cannot write to standard output: %s\n", strerror(errno));
    return 2;
}
