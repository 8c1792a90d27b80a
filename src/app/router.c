#include "router.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    const char *method;
    size_t route;
};

struct node {
    struct sx_str literal; /* borrowed from the route's path */
    struct node **literals;
    size_t literal_count;
    struct node *param;
    struct node *rest; /* a leaf for all that is left */
    struct entry *entries;
    size_t entry_count;
};

struct sx__router {
    struct node root;
};

/* ---- templates ---- */

/* Steps through the segments of a template; false at its end. `*at` begins at the path. */
static bool next_segment(const char **at, struct sx_str *segment)
{
    if (**at != '/') {
        return false;
    }
    const char *start = *at + 1;
    const char *end = strchr(start, '/');
    size_t size = end == NULL ? strlen(start) : (size_t)(end - start);
    *segment = (struct sx_str){start, size};
    *at = start + size;
    return true;
}

static bool is_param(struct sx_str segment)
{
    return segment.size > 2 && segment.data[0] == '{' && segment.data[segment.size - 1] == '}';
}

static bool is_rest(struct sx_str segment)
{
    return is_param(segment) && segment.data[1] == '*' && segment.size > 3;
}

const char *sx__template_error(const char *path)
{
    if (path == NULL || path[0] != '/') {
        return "a path begins with '/'";
    }
    size_t params = 0;
    size_t segments = 0;
    struct sx_str segment;
    for (const char *at = path; next_segment(&at, &segment); segments++) {
        bool last = *at == '\0';
        if (segment.size == 0 && !last) {
            return "a path has no empty segment but the last";
        }
        if (is_rest(segment) && !last) {
            return "{*rest} can only be the last segment";
        }
        if (segment.size > 0 && segment.size < 3 && memcmp(segment.data, "..", segment.size) == 0) {
            return "a path has no '.' and no '..', which no request has, either";
        }
        if (is_param(segment)) {
            params++;
            segment.data++;
            segment.size -= 2;
        }
        if (memchr(segment.data, '{', segment.size) != NULL ||
            memchr(segment.data, '}', segment.size) != NULL) {
            return "a parameter is a whole segment: /{name}/";
        }
        if (strcspn(segment.data, "?#%") < segment.size) {
            return "a path is written decoded, without '?', '#' and '%'";
        }
    }
    if (params > SX_PARAMS_MAX || segments >= SX__SEGMENTS_MAX) {
        return "a path has at most 12 parameters and 47 segments";
    }
    for (size_t k = 0; k < params; k++) {
        struct sx_str name = sx__template_param(path, k);
        for (size_t other = 0; other < k; other++) {
            struct sx_str before = sx__template_param(path, other);
            if (before.size == name.size && memcmp(before.data, name.data, name.size) == 0) {
                return "a parameter is there twice";
            }
        }
    }
    return NULL;
}

struct sx_str sx__template_param(const char *path, size_t k)
{
    struct sx_str segment;
    for (const char *at = path; next_segment(&at, &segment);) {
        if (is_param(segment) && k-- == 0) {
            size_t star = is_rest(segment) ? 1 : 0;
            return (struct sx_str){segment.data + 1 + star, segment.size - 2 - star};
        }
    }
    return (struct sx_str){NULL, 0};
}

int sx__template_find(const char *path, const char *name)
{
    size_t size = strlen(name);
    for (size_t k = 0;; k++) {
        struct sx_str param = sx__template_param(path, k);
        if (param.size == 0) {
            return -1;
        }
        if (param.size == size && memcmp(param.data, name, size) == 0) {
            return (int)k;
        }
    }
}

/* ---- the tree ---- */

static int compare(struct sx_str a, struct sx_str b)
{
    if (a.size != b.size) {
        return a.size < b.size ? -1 : 1;
    }
    return memcmp(a.data, b.data, a.size);
}

/* Where the literal is among the children, or where it belongs. */
static size_t position(const struct node *node, struct sx_str literal, bool *found)
{
    size_t low = 0;
    size_t high = node->literal_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(node->literals[middle]->literal, literal);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = false;
    return low;
}

static struct node *child_for(struct node *node, struct sx_str segment)
{
    if (is_param(segment)) {
        struct node **child = is_rest(segment) ? &node->rest : &node->param;
        if (*child == NULL) {
            *child = calloc(1, sizeof **child);
        }
        return *child;
    }
    bool found;
    size_t at = position(node, segment, &found);
    if (found) {
        return node->literals[at];
    }
    struct node *child = calloc(1, sizeof *child);
    struct node **grown =
        child == NULL ? NULL
                      : realloc(node->literals, (node->literal_count + 1) * sizeof(struct node *));
    if (grown == NULL) {
        free(child);
        return NULL;
    }
    child->literal = segment;
    memmove(grown + at + 1, grown + at, (node->literal_count - at) * sizeof *grown);
    grown[at] = child;
    node->literals = grown;
    node->literal_count++;
    return child;
}

int sx__router_new(struct sx__router **router)
{
    struct sx__router *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    *router = made;
    return SX_OK;
}

static void clean_up(struct node *node)
{
    for (size_t i = 0; i < node->literal_count; i++) {
        clean_up(node->literals[i]);
        free(node->literals[i]);
    }
    struct node *const others[] = {node->param, node->rest};
    for (size_t i = 0; i < 2; i++) {
        if (others[i] != NULL) {
            clean_up(others[i]);
            free(others[i]);
        }
    }
    free(node->literals);
    free(node->entries);
}

void sx__router_destroy(struct sx__router *router)
{
    if (router != NULL) {
        clean_up(&router->root);
        free(router);
    }
}

static size_t find_method(const struct node *node, const char *method, size_t size)
{
    for (size_t i = 0; i < node->entry_count; i++) {
        const char *own = node->entries[i].method;
        if (strncmp(own, method, size) == 0 && own[size] == '\0') {
            return node->entries[i].route;
        }
    }
    return SX__NO_ROUTE;
}

int sx__router_add(struct sx__router *router, const struct sx_route *route, size_t index,
                   size_t *other)
{
    if (sx__template_error(route->path) != NULL) {
        return SX_EINVAL;
    }
    struct node *node = &router->root;
    struct sx_str segment;
    for (const char *at = route->path; next_segment(&at, &segment);) {
        node = child_for(node, segment);
        if (node == NULL) {
            return SX_ENOMEM;
        }
    }
    size_t same = find_method(node, route->method, strlen(route->method));
    if (same != SX__NO_ROUTE) {
        *other = same;
        return SX_EEXIST;
    }
    struct entry *grown = realloc(node->entries, (node->entry_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return SX_ENOMEM;
    }
    grown[node->entry_count++] = (struct entry){route->method, index};
    node->entries = grown;
    return SX_OK;
}

/* ---- look-up ---- */

/* What is known of a leaf that fits the path. */
struct found {
    const struct node *leaf;
    const uint8_t *segments;
    size_t count;
    bool has_rest;
};

/* Gives whether the search is over. */
typedef bool visit_fn(void *context, const struct found *found);

struct walk {
    const struct sx__path *path;
    size_t segment_count;
    visit_fn *visit;
    void *context;
    uint8_t segments[SX_PARAMS_MAX];
};

static bool visit(struct walk *walk, const struct node *leaf, size_t params, bool has_rest)
{
    const struct found found = {leaf, walk->segments, params, has_rest};
    return leaf->entry_count > 0 && walk->visit(walk->context, &found);
}

/* Depth first, literals before parameters. Each node of the tree is visited at most once. */
static bool walk_from(struct walk *walk, const struct node *node, size_t depth, size_t params)
{
    if (depth == walk->segment_count) {
        return visit(walk, node, params, false);
    }
    struct sx__segment at = walk->path->segments[depth];
    struct sx_str text = {walk->path->text + at.offset, at.size};
    bool found;
    size_t child = position(node, text, &found);
    if (found && walk_from(walk, node->literals[child], depth + 1, params)) {
        return true;
    }
    if (params < SX_PARAMS_MAX) {
        walk->segments[params] = (uint8_t)depth;
    }
    if (node->param != NULL && text.size > 0 &&
        walk_from(walk, node->param, depth + 1, params + 1)) {
        return true;
    }
    if (node->rest == NULL) {
        return false;
    }
    walk->segments[params] = (uint8_t)depth; /* the parameter below may have gone deeper */
    return visit(walk, node->rest, params + 1, true);
}

struct search {
    struct sx_str method;
    struct sx__match match;
};

static bool visit_search(void *context, const struct found *found)
{
    struct search *search = context;
    search->match.path_exists = true;
    size_t route = find_method(found->leaf, search->method.data, search->method.size);
    if (route == SX__NO_ROUTE && search->method.size == 4 &&
        memcmp(search->method.data, "HEAD", 4) == 0) {
        route = find_method(found->leaf, "GET", 3);
    }
    if (route == SX__NO_ROUTE) {
        return false;
    }
    search->match.route = route;
    search->match.param_count = found->count;
    search->match.has_rest = found->has_rest;
    memcpy(search->match.segment, found->segments, found->count);
    return true;
}

struct sx__match sx__router_find(const struct sx__router *router, const struct sx__path *path,
                                 struct sx_str method)
{
    struct search search = {.method = method, .match = {.route = SX__NO_ROUTE}};
    struct walk walk = {.path = path,
                        .segment_count = path->segment_count,
                        .visit = visit_search,
                        .context = &search};
    walk_from(&walk, &router->root, 0, 0);
    return search.match;
}

static bool visit_any(void *context, const struct found *found)
{
    (void)context;
    (void)found;
    return true;
}

bool sx__router_has_other_slash(const struct sx__router *router, const struct sx__path *path)
{
    struct sx__path other = *path;
    if (path->segment_count < 1) {
        return false;
    }
    bool has_slash = path->segments[path->segment_count - 1].size == 0;
    if (path->segment_count == (has_slash ? 1 : SX__SEGMENTS_MAX)) {
        return false; /* the root, or no room */
    }
    if (!has_slash) {
        other.segments[path->segment_count] = (struct sx__segment){(uint32_t)path->size, 0};
    }
    struct walk walk = {.path = &other,
                        .segment_count = path->segment_count + (has_slash ? (size_t)-1 : 1),
                        .visit = visit_any};
    return walk_from(&walk, &router->root, 0, 0);
}

struct allow {
    char *text;
    size_t size;
};

static bool has_method(const char *list, const char *method)
{
    size_t size = strlen(method);
    for (const char *at = list; (at = strstr(at, method)) != NULL; at += size) {
        bool starts = at == list || at[-1] == ' ';
        if (starts && (at[size] == ',' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static void allow_method(struct allow *allow, const char *method)
{
    size_t used = strlen(allow->text);
    size_t need = strlen(method) + (used > 0 ? 2 : 0);
    if (has_method(allow->text, method) || used + need + 1 > allow->size) {
        return;
    }
    if (used > 0) {
        memcpy(allow->text + used, ", ", 2);
        used += 2;
    }
    memcpy(allow->text + used, method, strlen(method) + 1);
}

static bool visit_allow(void *context, const struct found *found)
{
    struct allow *allow = context;
    for (size_t i = 0; i < found->leaf->entry_count; i++) {
        allow_method(allow, found->leaf->entries[i].method);
        if (strcmp(found->leaf->entries[i].method, "GET") == 0) {
            allow_method(allow, "HEAD");
        }
    }
    return false;
}

void sx__router_allow(const struct sx__router *router, const struct sx__path *path, char *text,
                      size_t size)
{
    struct allow allow = {text, size};
    text[0] = '\0';
    struct walk walk = {.path = path,
                        .segment_count = path->segment_count,
                        .visit = visit_allow,
                        .context = &allow};
    walk_from(&walk, &router->root, 0, 0);
    allow_method(&allow, "OPTIONS"); /* the framework answers it for every path */
}
