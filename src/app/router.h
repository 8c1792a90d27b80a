/* router.h: from a path and a method to a route.
 *
 * A tree of segments: at each node the literal children, sorted, and at most one child for a
 * parameter. Literals win over the parameter, and this over the rest of a path. A leaf has one
 * entry a method. Look-up allocates nothing.
 */
#ifndef SX_ROUTER_H
#define SX_ROUTER_H

#include "target.h"

#include <sextant/app.h>

struct sx__router;

#define SX__NO_ROUTE ((size_t)-1)

/* Where a path's parameters are: parameter k of the route is segment `segment[k]` of the path. */
struct sx__match {
    size_t route;     /* index, or SX__NO_ROUTE */
    bool path_exists; /* some route has this path, perhaps with another method */
    bool has_rest;    /* the last parameter is {*rest}: it goes to the end of the path */
    size_t param_count;
    uint8_t segment[SX_PARAMS_MAX];
};

int sx__router_new(struct sx__router **router);
void sx__router_destroy(struct sx__router *router);

/* Adds route `index`. Errors: SX_ENOMEM; SX_EEXIST: `*other` is a route of the same method and the
 * same shape; SX_EINVAL: the template is malformed (see sx__template_error). */
int sx__router_add(struct sx__router *router, const struct sx_route *route, size_t index,
                   size_t *other);

/* HEAD is answered by the route of GET where it has none of its own. */
struct sx__match sx__router_find(const struct sx__router *router, const struct sx__path *path,
                                 struct sx_str method);

/* Whether a route has this path with a slash more, or one less, at its end. */
bool sx__router_has_other_slash(const struct sx__router *router, const struct sx__path *path);

/* Writes the methods that routes of this path answer, "GET, HEAD, POST", cut to fit. */
void sx__router_allow(const struct sx__router *router, const struct sx__path *path, char *text,
                      size_t size);

/* ---- templates: "/users/{id}", "/files/{*rest}" ---- */

/* What is wrong with a template, NULL: nothing. */
const char *sx__template_error(const char *path);

/* The k-th parameter's name, without the star; size 0: there are fewer. */
struct sx_str sx__template_param(const char *path, size_t k);

/* The position of the parameter `name`, or -1. */
int sx__template_find(const char *path, const char *name);

#endif
