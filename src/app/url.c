/* Reverse URLs: from a handler and its parameters, or from what was parsed, back to a path. */
#include "application.h"

#include <stdlib.h>
#include <string.h>

/* Where the URL is written; what does not fit is only counted. */
struct writer {
    char *text;
    size_t size;
    size_t used;
};

static void put(struct writer *writer, char c)
{
    if (writer->used < writer->size) {
        writer->text[writer->used] = c;
    }
    writer->used++;
}

/* RFC 3986 2.3: unreserved characters stand for themselves; in {*rest} slashes stay slashes. */
static void put_bytes(struct writer *writer, struct sx_str text, bool keep_slashes)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (alnum || strchr("-._~", c) != NULL || (c == '/' && keep_slashes)) {
            put(writer, (char)c);
        } else {
            put(writer, '%');
            put(writer, digits[c >> 4]);
            put(writer, digits[c & 15]);
        }
    }
}

static void put_encoded(struct writer *writer, const char *text, bool keep_slashes)
{
    put_bytes(writer, (struct sx_str){text, strlen(text)}, keep_slashes);
}

/* RFC 3986 5.2.4: `.` and `..` are taken out of a path, encoded or not. */
static bool has_dot_segment(const char *value, bool rest)
{
    for (;;) {
        const size_t size = rest ? strcspn(value, "/") : strlen(value);
        if ((size == 1 || size == 2) && memcmp(value, "..", size) == 0) {
            return true;
        }
        if (value[size] == '\0') {
            return false;
        }
        value += size + 1;
    }
}

static const char *param_value(const char *const *params, struct sx_str name)
{
    for (; params != NULL && params[0] != NULL && params[1] != NULL; params += 2) {
        if (strlen(params[0]) == name.size && memcmp(params[0], name.data, name.size) == 0) {
            return params[1];
        }
    }
    return NULL;
}

static bool put_path(struct writer *writer, const char *path, const char *const *params)
{
    size_t k = 0;
    for (const char *at = path; *at != '\0';) {
        if (*at != '{') {
            char literal[2] = {*at++, '\0'};
            put_encoded(writer, literal, true);
            continue;
        }
        const char *value = param_value(params, sx__template_param(path, k++));
        bool rest = at[1] == '*';
        /* An empty segment matches no parameter, so such a URL would lead nowhere, and one of dots
         * elsewhere. */
        if (value == NULL || (*value == '\0' && !rest) || has_dot_segment(value, rest)) {
            return false;
        }
        /* "//host/path" would be another host's. */
        if (rest && *value == '/' && writer->used == 1) {
            put_encoded(writer, "/", false);
            value++;
        }
        put_encoded(writer, value, rest);
        at = strchr(at, '}') + 1;
    }
    return true;
}

static void put_query(struct writer *writer, const char *path, const char *const *params)
{
    char separator = '?';
    for (; params != NULL && params[0] != NULL && params[1] != NULL; params += 2) {
        if (sx__template_find(path, params[0]) < 0) {
            put(writer, separator);
            put_encoded(writer, params[0], false);
            put(writer, '=');
            put_encoded(writer, params[1], false);
            separator = '&';
        }
    }
}

static int write_url(char *url, size_t size, const struct sx_route *route,
                     const char *const *params)
{
    struct writer writer = {.text = url, .size = size};
    if (!put_path(&writer, route->path, params)) {
        return SX_EINVAL;
    }
    put_query(&writer, route->path, params);
    if (writer.used >= size) {
        return SX_EFULL;
    }
    url[writer.used] = '\0';
    return (int)writer.used;
}

int sx_app_url(const struct sx_app *app, char *url, size_t size, const struct sx_handler *handler,
               const char *const *params)
{
    if (app == NULL || handler == NULL || (url == NULL && size > 0)) {
        return SX_EINVAL;
    }
    for (size_t i = 0; i < app->route_count; i++) {
        if (app->routes[i].route.handler == handler) {
            return write_url(url, size, &app->routes[i].route, params);
        }
    }
    return SX_EINVAL;
}

int sx_app_url_by_name(const struct sx_app *app, char *url, size_t size, const char *name,
                       const char *const *params)
{
    const struct sx_route *found = NULL;
    if (app == NULL || name == NULL || (url == NULL && size > 0)) {
        return SX_EINVAL;
    }
    for (size_t i = 0; i < app->route_count; i++) {
        const struct sx__route_entry *entry = &app->routes[i];
        if (strcmp(entry->handler_label, name) != 0) {
            continue;
        }
        if (found != NULL && found->handler != entry->route.handler) {
            return SX_EINVAL;
        }
        found = found == NULL ? &entry->route : found;
    }
    return found == NULL ? SX_EINVAL : write_url(url, size, found, params);
}

char *sx__url_from_path(const struct sx__path *path, bool slash)
{
    const size_t size = 3 * path->size + 3;
    struct writer writer = {.text = malloc(size), .size = size};
    if (writer.text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < path->segment_count; i++) {
        const struct sx__segment segment = path->segments[i];
        if (segment.size > 0 || i + 1 < path->segment_count) {
            put(&writer, '/');
            put_bytes(&writer, (struct sx_str){path->text + segment.offset, segment.size}, false);
        }
    }
    if (slash) {
        put(&writer, '/');
    }
    writer.text[writer.used] = '\0';
    return writer.text;
}
