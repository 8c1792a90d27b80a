/* Property: in every format, the parser reads no byte outside of a page of any bytes, and the sizes
 * of the pieces change nothing. The lines that it reads, written as lines of a page, are read as
 * the same lines again (round trip). Each error has a line of the page and a printable sentence. */
#include "parsed_text.h"

#include <sextant/parse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROOM ((size_t)1 << 19)

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_error(const struct sx_parsed_line *line, size_t number)
{
    check(line->fault != SX_FAULT_NONE && line->wrong[0] != '\0' && line->number >= number);
    for (const char *c = line->wrong; *c != '\0'; c++) {
        check(*c >= ' ' && *c <= '~');
    }
}

static void put_line(struct parsed_text *out, const struct sx_parsed_line *line, bool faults)
{
    if (line->fault == SX_FAULT_NONE) {
        put_parsed_line(out, line);
        put_text(out, "\n");
    } else if (faults) {
        put_text(out, line->wrong);
        put_text(out, "\n");
    }
}

/* Writes what was read from the page in such pieces. Returns how many lines were wrong. */
static size_t read_page(struct parsed_text *out, struct sx_parser *parser, struct sx_str page,
                        size_t piece_size, bool faults)
{
    size_t wrong = 0, number = 0;
    out->size = 0;
    out->text[0] = '\0';
    sx_parser_reset(parser);
    for (bool last = false; !last;) {
        struct sx_str piece = {page.data, page.size < piece_size ? page.size : piece_size};
        page.data += piece.size;
        page.size -= piece.size;
        last = page.size == 0;
        struct sx_parsed_line line;
        int status;
        while ((status = sx_parser_next(parser, &line, &piece, last)) != 0) {
            check(status == 1 || status == SX_EPROTO);
            if (status == SX_EPROTO) {
                check_error(&line, number);
                wrong++;
            }
            check(line.number >= number);
            number = line.number;
            put_line(out, &line, faults);
        }
        check(piece.size == 0);
    }
    return wrong;
}

static void check_format(const struct sx_parser_options *options, struct sx_str page)
{
    static char texts[2][ROOM];
    struct parsed_text first = {texts[0], 0, ROOM}, second = {texts[1], 0, ROOM};
    struct sx_parser *parser = sx_parser_new(options);
    check(parser != NULL);
    read_page(&first, parser, page, page.size + 1, true);
    read_page(&second, parser, page, 1 + page.size % 7, true);
    check(first.size == second.size && memcmp(texts[0], texts[1], first.size) == 0);
    read_page(&first, parser, page, page.size + 1, false);
    const struct sx_str written = {texts[0], first.size};
    size_t wrong = read_page(&second, parser, written, written.size + 1, false);
    if (options->line_max == 0) { /* `#HELP` becomes longer when it is written */
        check(first.size == second.size && memcmp(texts[0], texts[1], first.size) == 0);
        /* Without `# EOF` the page that was written is cut off. */
        check(wrong == 0 || (wrong == 1 && options->format == SX_FORMAT_OPENMETRICS));
    }
    sx_parser_destroy(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sx_parser_options options[] = {
        {.format = SX_FORMAT_TEXT},
        {.format = SX_FORMAT_TEXT_1_0_0},
        {.format = SX_FORMAT_OPENMETRICS},
        {.format = SX_FORMAT_OPENMETRICS, .utf8_names = true},
        {.format = SX_FORMAT_TEXT, .line_max = 20, .labels_max = 1},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0] && size < ROOM / 8; i++) {
        check_format(&options[i], (struct sx_str){(const char *)data, size});
    }
    return 0;
}
