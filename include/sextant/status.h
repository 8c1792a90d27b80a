/* status.h: what every other header of Sextant needs: the table of errors, the string view, and the
 * attributes of public declarations.
 *
 * Most functions that can fail return an int: 0 or a positive number is success, a negative SX_E*
 * is an error of the table below. Others return a pointer, which is NULL on failure. On failure,
 * outputs stay untouched unless a comment says otherwise. errno has no meaning after a call.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler
 */
#ifndef SEXTANT_STATUS_H
#define SEXTANT_STATUS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A program or plugin that contains a copy of the library and exports none of it defines SX_API
 * beforehand, as __attribute__((visibility("hidden"))). */
#ifndef SX_API
#define SX_API __attribute__((visibility("default")))
#endif
#define SX_MUST_CHECK __attribute__((warn_unused_result))
#define SX_PRINTF(format_index, first_argument) \
    __attribute__((format(printf, format_index, first_argument)))

/** The table of errors: code, name, sentence. */
#define SX_STATUS_MAP(X)                                                                    \
    X(-1, SX_EINVAL, "an argument is invalid")                                              \
    X(-2, SX_ENOMEM, "memory or address space is exhausted")                                \
    X(-3, SX_EAGAIN, "nothing is available yet")                                            \
    X(-4, SX_EPROTO, "the input violates its protocol")                                     \
    X(-5, SX_ESYSTEM, "a system call failed")                                               \
    X(-6, SX_ENAME, "the metric name is not of the form [a-zA-Z_:][a-zA-Z0-9_:]*")          \
    X(-7, SX_ELABEL, "a label name is malformed, reserved for this type, or given twice")   \
    X(-8, SX_EHELP, "the help text is not UTF-8")                                           \
    X(-9, SX_EBUCKETS, "the bucket bounds are not finite and strictly increasing")          \
    X(-10, SX_EEXIST, "the name or series exists already")                                  \
    X(-11, SX_ECLASH, "the name clashes with a sample name of another metric")              \
    X(-12, SX_EFULL, "there is no room in the registry or the buffer")                      \
    X(-13, SX_EVALUES, "the number of label values differs from the number of label names") \
    X(-14, SX_EWIRING, "the app's routes, handlers and components do not fit together")     \
    X(-15, SX_EADDRESS, "cannot listen on the address")                                     \
    X(-16, SX_ESTATE, "the call is not allowed in this state")                              \
    X(-17, SX_ECOMPONENT, "a component cannot start")                                       \
    X(-18, SX_ETIMEOUT, "an operation did not end in time")                                 \
    X(-19, SX_ETLS, "a certificate or key cannot be used")                                  \
    X(-20, SX_EROBUST, "the system has no robust mutexes, which a shared registry needs")   \
    X(-21, SX_EREGISTRIES, "the process has 64 registries, or its place is taken")          \
    X(-22, SX_EUNIT, "the metric name does not end in its unit, or the type has no unit")   \
    X(-23, SX_EACCESS, "the shared registry is no file of this user with mode 0600")        \
    X(-24, SX_ELAYOUT, "the shared registry is of another version, libc or machine")        \
    X(-25, SX_ENOENT, "there is no shared registry of this name")

/** The errors, and SX_OK. */
enum sx_status {
    SX_OK = 0,
#define SX__STATUS_ENUM(code, name, sentence) name = code,
    SX_STATUS_MAP(SX__STATUS_ENUM)
#undef SX__STATUS_ENUM
};

/** Returns the name of a status: "SX_EINVAL", "SX_OK", or "SX_EUNKNOWN" for an unknown code.
 *
 * Threads:  [any]
 * Memory:   a static string
 */
SX_API const char *sx_status_name(int status);

/** Returns the sentence that explains a status, without its full stop.
 *
 * Threads:  [any]
 * Memory:   a static string
 */
SX_API const char *sx_status_text(int status);

/** A view of bytes, which it does not own; not NUL-terminated. `data` may be NULL if size is 0.
 * This struct stays as it is, because it is passed by value. */
struct sx_str {
    const char *data;
    size_t size;
};

#ifdef __cplusplus
}
#endif
#endif
