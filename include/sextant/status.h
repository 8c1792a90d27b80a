/* status.h: what every other header of Sextant needs: the table of errors, the string view, and
 * the attributes of public declarations.
 *
 * Library functions that can fail return an int: zero or positive is good, a negative SX_E* is an
 * error from the one table below. Nothing sets errno, and outputs are untouched on failure.
 */
#ifndef SEXTANT_STATUS_H
#define SEXTANT_STATUS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SX_API __attribute__((visibility("default")))
#define SX_MUST_CHECK __attribute__((warn_unused_result))
#define SX_PRINTF(format_index, first_argument) \
    __attribute__((format(printf, format_index, first_argument)))

/* code, name, sentence */
#define SX_STATUS_MAP(X)                                                                    \
    X(-1, SX_EINVAL, "an argument is invalid")                                              \
    X(-2, SX_ENOMEM, "memory or address space is exhausted")                                \
    X(-3, SX_EAGAIN, "more input is needed")                                                \
    X(-4, SX_EPROTO, "the input does not follow its protocol")                              \
    X(-5, SX_ESYSTEM, "the operating system refused")                                       \
    X(-6, SX_ENAME, "the metric name is not of the form [a-zA-Z_:][a-zA-Z0-9_:]*")          \
    X(-7, SX_ELABEL, "a label name is malformed, reserved for this type, or given twice")   \
    X(-8, SX_EHELP, "the help text is missing or is not UTF-8")                             \
    X(-9, SX_EBUCKETS, "the bucket bounds are not finite and strictly increasing")          \
    X(-10, SX_EEXIST, "the name is registered already, with another definition")            \
    X(-11, SX_ECLASH, "the name clashes with a sample name of another metric")              \
    X(-12, SX_EFULL, "the registry has no room for another series")                         \
    X(-13, SX_EVALUES, "the number of label values differs from the number of label names") \
    X(-14, SX_EWIRING, "the app's routes, handlers and components do not fit together")     \
    X(-15, SX_EADDRESS, "the address cannot be listened on")                                \
    X(-16, SX_ESTATE, "the call is not allowed in this state")                              \
    X(-17, SX_ECOMPONENT, "a component cannot start")                                       \
    X(-18, SX_ETIMEOUT, "something in progress did not end in time")                        \
    X(-19, SX_ETLS, "a certificate or key cannot be used")

enum sx_status {
    SX_OK = 0,
#define SX__STATUS_ENUM(code, name, sentence) name = code,
    SX_STATUS_MAP(SX__STATUS_ENUM)
#undef SX__STATUS_ENUM
};

/** The name of a status: "SX_EINVAL", "SX_OK", or "SX_EUNKNOWN" for a code not in the table.
 *
 * Threads:  [any]
 * Memory:   a static string
 */
SX_API const char *sx_status_name(int status);

/** The sentence that explains a status, without a full stop.
 *
 * Threads:  [any]
 * Memory:   a static string
 */
SX_API const char *sx_status_text(int status);

/** A view of bytes that somebody else owns; not NUL-terminated. `data` may be NULL if size is 0. */
struct sx_str {
    const char *data;
    size_t size;
};

#ifdef __cplusplus
}
#endif
#endif
