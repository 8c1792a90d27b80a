/* json_format.h: checks the arguments of sx_json against its format. */
#ifndef SX_JSON_FORMAT_H
#define SX_JSON_FORMAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define SX__JSON_MESSAGE_BYTES 160

/* What is wrong with a call of sx_json. */
struct sx__json_mismatch {
    char message[SX__JSON_MESSAGE_BYTES]; /* "argument 2 after the format is an int, ..." */
    uint64_t stolen; /* bit i: the call takes over the reference of argument i */
};

/* Compares a format of jansson with the kinds of the arguments after it, a letter for each
 * (SX__JSON_KIND in json_kinds.h). jansson trusts the format; if this check passes, jansson reads
 * every argument as the type that it has. */
bool sx__json_format_fits(struct sx__json_mismatch *mismatch, const char *format,
                          const char *kinds);

/* Releases the references among the arguments that the call takes over (`stolen`). */
void sx__json_arguments_release(const struct sx__json_mismatch *mismatch, const char *kinds,
                                va_list arguments);

#endif
