/* bind.h: from a request to the arguments of a function. */
#ifndef SX_BIND_H
#define SX_BIND_H

#include "request.h"

#include <sextant/app.h>

/* What did not bind, collected for one answer that names it all. Initialise with {0}. */
struct sx__misfits {
    struct json_t *errors;
    int status; /* 0: everything bound */
};

/* Fills the values of a call in the request's frame and gives them; what does not fit is added to
 * the misfits, and then the values must not be used. */
const union sx_value *sx__bind_call(struct sx_request *request, const struct sx__call *call,
                                    struct sx__misfits *misfits);

/* The answer to a client whose request did not bind; takes what the misfits hold. */
struct sx_result sx__misfits_result(struct sx__misfits *misfits);

#endif
