/* file.h: what a request makes of the result of sx_file. */
#ifndef SX_FILE_H
#define SX_FILE_H

#include "request.h"

/* The answer to this very request: the file, a part of it, or that the client has it. Other results
 * stay as they are. */
struct sx_result sx__file_answer(const struct sx_request *request, struct sx_result result);

#endif
