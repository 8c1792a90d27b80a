/* json_format.h: whether the arguments of sx_json are what its format takes. */
#ifndef SX_JSON_FORMAT_H
#define SX_JSON_FORMAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define SX__JSON_MESSAGE_BYTES 160

/* What is wrong with a call of sx_json. */
struct sx__json_misfit {
    char message[SX__JSON_MESSAGE_BYTES]; /* "argument 2 behind the format is an int, 's' takes a
                                             ..." */
    uint64_t stolen; /* bit i: argument i is one whose reference the call takes over */
};

/* Compares a format of jansson with the kinds of the arguments behind it, a letter for each
 * (SX__JSON_KIND in json_kinds.h). jansson reads what the format says, so nothing that passes makes
 * it read an argument as what it is not. */
bool sx__json_format_fits(struct sx__json_misfit *misfit, const char *format, const char *kinds);

/* Gives back the references that the arguments hold and that the call takes over. */
void sx__json_arguments_release(const struct sx__json_misfit *misfit, const char *kinds,
                                va_list arguments);

#endif
