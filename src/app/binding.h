/* binding.h: from a request to the arguments of a function. */
#ifndef SX_BIND_H
#define SX_BIND_H

#include "request.h"

#include <sextant/app.h>

/* What did not bind, collected for one answer that names it all. Initialise with {0}. */
struct sx__validation_errors {
    struct json_t *by_name; /* messages */
    int status;             /* 0: everything bound */
};

/* Fills the values of a call in the request's frame and gives them; what does not fit is added to
 * the errors; then the values must not be used. */
const union sx_value *sx__bind_call(struct sx_request *request, const struct sx__call *call,
                                    struct sx__validation_errors *errors);

/* The answer to a client whose request did not bind; takes over the messages. */
struct sx_result sx__validation_errors_result(struct sx__validation_errors *errors);

#endif
