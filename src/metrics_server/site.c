/* site.c: the registries, the path of the metrics, the front page that links to it, and the log. */
#include "site.h"

#include <stdlib.h>
#include <string.h>

static const char front_start[] = "<!DOCTYPE html>\n"
                                  "<html lang=\"en\">\n"
                                  "<head><meta charset=\"utf-8\"><title>Metrics</title></head>\n"
                                  "<body>\n"
                                  "<h1>Metrics</h1>\n"
                                  "<ul>\n"
                                  "<li><a href=\"";
static const char front_end[] = "</a></li>\n"
                                "<li><a href=\"/-/healthy\">/-/healthy</a></li>\n"
                                "</ul>\n"
                                "</body>\n"
                                "</html>\n";

#define ESCAPED_SIZE_MAX 6 /* of a byte: `&quot;` */

static const char *escape_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

static char *write_text(char *at, const char *text)
{
    size_t size = strlen(text);
    memcpy(at, text, size);
    return at + size;
}

static char *write_escaped(char *at, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *escape = escape_of(*text);
        if (escape != NULL) {
            at = write_text(at, escape);
        } else {
            *at++ = *text;
        }
    }
    return at;
}

static char *make_front_page(const char *path)
{
    const size_t size_max =
        sizeof front_start + sizeof front_end + 2 * strlen(path) * ESCAPED_SIZE_MAX + 2;
    char *page = malloc(size_max);
    if (page != NULL) {
        char *at = write_text(page, front_start);
        at = write_escaped(at, path);
        at = write_text(at, "\">");
        at = write_escaped(at, path);
        at = write_text(at, front_end);
        *at = '\0';
    }
    return page;
}

int sx__site_set_path(struct sx__site *site, const char *path)
{
    site->path = strdup(path);
    site->front_page = make_front_page(path);
    return site->path == NULL || site->front_page == NULL ? SX_ENOMEM : SX_OK;
}

int sx__site_set_registries(struct sx__site *site, struct sx_registry *const *registries,
                            size_t count)
{
    if (count == 0) {
        return SX_OK;
    }
    site->registries = calloc(count, sizeof(struct sx_registry *));
    if (site->registries == NULL) {
        return SX_ENOMEM;
    }
    memcpy(site->registries, registries, count * sizeof(struct sx_registry *));
    site->registry_count = count;
    return SX_OK;
}

void sx__site_clean_up(struct sx__site *site)
{
    sx_scrapes_destroy(site->scrapes);
    free(site->registries);
    free(site->path);
    free(site->front_page);
    site->scrapes = NULL;
    site->registries = NULL;
    site->path = NULL;
    site->front_page = NULL;
}

void sx__site_log(const struct sx__site *site, const char *message)
{
    if (site->log != NULL) {
        site->log(site->log_context, message);
    }
}
