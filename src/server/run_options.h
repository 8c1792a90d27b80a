/* run_options.h: the defaults and limits of struct sx_run_options.
 *
 * Threads: any.
 */
#ifndef SX_RUN_OPTIONS_H
#define SX_RUN_OPTIONS_H

#include <sextant/app.h>

#define SX__THREADS_MAX 4096
#define SX__ADDRESS_DEFAULT "127.0.0.1:0"

/* Copies the options and replaces each zero by its default. Errors: SX_EINVAL for values that
 * cannot work. */
int sx__run_options_resolve(struct sx_run_options *out, const struct sx_run_options *options);
/* Returns which option cannot work and why, for the end of a sentence. NULL: all options can work.
 */
const char *sx__run_options_error(const struct sx_run_options *options);

#endif
