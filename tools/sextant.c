/* sextant.c: the command `sextant`.
 *
 *     sextant check [FILE]    checks a page, of FILE or of standard input
 *     sextant --version
 *
 * Exits with 0 if the page is good, 1 if it has violations, 2 if it could not be checked.
 */
#include <errno.h>
#include <limits.h>
#include <sextant/exposition.h>
#include <sextant/version.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_GOOD 0
#define EXIT_VIOLATIONS 1
#define EXIT_TROUBLE 2

#define SIZE_FIRST ((size_t)64 << 10)
#define SIZE_MOST ((size_t)1 << 30) /* of memory, so a page is smaller */

static const char usage[] =
    "usage: sextant check [FILE]\n"
    "       sextant --version\n"
    "\n"
    "Checks a metrics page (Prometheus text 0.0.4) of FILE, or of standard\n"
    "input without FILE or where it is -, and prints `line N: ...` for each\n"
    "violation. Exits with 0: none, 1: violations, 2: the page could not be read.\n";

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

static int print_violation(void *context, const struct sx_violation *violation)
{
    (void)context;
    return printf("line %zu: %s (%s)\n", violation->line, violation->text, violation->rule) < 0;
}

static int check_stream(FILE *stream, const char *name)
{
    char *data = NULL;
    size_t size = 0;
    int result = EXIT_TROUBLE;
    const char *wrong = read_all(stream, &data, &size);
    if (wrong != NULL) {
        fprintf(stderr, "sextant: %s: %s\n", name, wrong);
        goto finish;
    }
    const struct sx_check_options options = {.violations_max = SIZE_MAX};
    int violations =
        sx_exposition_check((struct sx_str){data, size}, &options, print_violation, NULL);
    if (violations < 0) {
        fprintf(stderr, "sextant: %s: %s\n", name, sx_status_text(violations));
    } else if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "sextant: cannot write the violations: %s\n", strerror(errno));
    } else {
        result = violations == 0 ? EXIT_GOOD : EXIT_VIOLATIONS;
    }
finish:
    free(data);
    return result;
}

static int refuse(const char *what, const char *name)
{
    fprintf(stderr, "sextant: %s%s; see `sextant --help`\n", what, name);
    return EXIT_TROUBLE;
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static int say(const char *text)
{
    fputs(text, stdout);
    return fflush(stdout) == 0 ? EXIT_GOOD : EXIT_TROUBLE;
}

static int check(int argc, char **argv)
{
    if (argc > 1) {
        return refuse("check takes one FILE", "");
    }
    if (argc == 1 && is_help(argv[0])) {
        return say(usage);
    }
    if (argc == 1 && argv[0][0] == '-' && argv[0][1] != '\0') {
        return refuse("unknown option ", argv[0]);
    }
    if (argc == 0 || strcmp(argv[0], "-") == 0) {
        return check_stream(stdin, "standard input");
    }
    FILE *file = fopen(argv[0], "rb");
    if (file == NULL) {
        fprintf(stderr, "sextant: %s: %s\n", argv[0], strerror(errno));
        return EXIT_TROUBLE;
    }
    int result = check_stream(file, argv[0]);
    fclose(file);
    return result;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "check") == 0) {
        return check(argc - 2, argv + 2);
    }
    if (argc >= 2 && is_help(argv[1])) {
        return say(usage);
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        return say("sextant " SX_VERSION "\n");
    }
    if (argc < 2) {
        return refuse("a command is missing", "");
    }
    return refuse(argv[1][0] == '-' ? "unknown option " : "unknown command ", argv[1]);
}
