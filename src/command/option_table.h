/* option_table.h: the options of `run`, besides the settings of the app. One table drives parsing
 * and
 * --help; a test compares it with the documentation. */
#ifndef SX_OPTION_TABLE_H
#define SX_OPTION_TABLE_H

#include "listen_options.h"

/* Takes the value of an option, which outlives `options`. Returns false after printing the error.
 */
typedef bool sx__take_fn(struct sx__listen_options *options, const char *name, const char *value);

struct sx__option {
    const char *name;  /* without the dashes */
    const char *value; /* what stands for its value in --help; NULL: it has none */
    const char *help;  /* lines of at most 70 characters */
    sx__take_fn *take; /* NULL: --help */
};

#define SX__OPTIONS 10

extern const struct sx__option sx__option_table[SX__OPTIONS];

#endif
