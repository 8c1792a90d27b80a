/* How fast the parser and the checker read a page: parse FILE text|openmetrics
 *
 * Prints `parse MB_PER_SECOND` and `check MB_PER_SECOND`, of processor time. bench/parse.py makes
 * the page, and runs the same with Go's and Python's parsers. */
#include <sextant/exposition.h>
#include <sextant/parse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS 0.5

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct sx_str read_page(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t capacity = (size_t)64 << 20;
    char *data = malloc(capacity);
    if (file == NULL || data == NULL) {
        perror(path);
        exit(1);
    }
    struct sx_str page = {data, fread(data, 1, capacity, file)};
    fclose(file);
    return page;
}

/* Returns the number of samples, so that the work cannot be left out. */
static size_t parse_once(struct sx_parser *parser, struct sx_str page)
{
    struct sx_parsed_line line;
    size_t samples = 0;
    int status;
    sx_parser_reset(parser);
    while ((status = sx_parser_next(parser, &line, &page, true)) == 1) {
        samples += line.kind == SX_PARSED_SAMPLE;
    }
    return status == 0 ? samples : 0;
}

static size_t check_once(struct sx_str page, enum sx_format format)
{
    const struct sx_check_options options = {.format = format};
    return sx_exposition_check(page, &options, NULL, NULL) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    const struct sx_parser_options options = {
        .format = strcmp(argv[2], "text") == 0 ? SX_FORMAT_TEXT : SX_FORMAT_OPENMETRICS};
    struct sx_str page = read_page(argv[1]);
    struct sx_parser *parser = sx_parser_new(&options);
    if (parser == NULL) {
        return 1;
    }
    for (int checks = 0; checks < 2; checks++) {
        double start = cpu_seconds(), spent;
        size_t pages = 0;
        do {
            if ((checks ? check_once(page, options.format) : parse_once(parser, page)) == 0) {
                fputs("the page is not good\n", stderr);
                return 1;
            }
            pages++;
            spent = cpu_seconds() - start;
        } while (spent < SECONDS);
        printf("%s %.3f\n", checks ? "check" : "parse", (double)(pages * page.size) / spent / 1e6);
    }
    sx_parser_destroy(parser);
    free((char *)page.data);
    return 0;
}
