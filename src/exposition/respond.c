/* respond.c: answering a scrape request, for any HTTP server. */
#include "accept.h"
#include "clock.h"
#include "name_filter.h"
#include "scrapes.h"
#include "view.h"

#include <sextant/exposition.h>

#include <stdbool.h>

/* A smaller page fits into one packet as it is. */
#define GZIP_SIZE_MIN 1024

#define TEXT(text_)                \
    {                              \
        (text_), sizeof(text_) - 1 \
    }

static bool is_method(struct sx_str method, const char *name)
{
    return sx__views_equal(method, sx__view(name));
}

static void add_header(struct sx_exposition_response *response, const char *name, const char *value)
{
    response->headers[response->header_count++] = (struct sx_exposition_header){name, value};
}

static struct sx_exposition_response refuse(int status, struct sx_str sentence)
{
    return (struct sx_exposition_response){.status = status,
                                           .content_type = "text/plain; charset=utf-8",
                                           .body = sentence,
                                           .content_length = sentence.size};
}

static int render_page(struct sx_page *page, struct sx_registry *registry,
                       const struct sx_exposition_request *request, struct sx_page_options *options)
{
    struct sx__name_filter filter;
    const bool is_listed = request->registry_count > 0;
    sx_page_negotiate(options, request->accept);
    int status = sx__name_filter_read(&filter, request->query);
    options->names = filter.names;
    options->name_count = filter.count;
    options->timeout_ms = sx__scrapes_timeout_ms(request->scrapes);
    options->started_ns = request->begun_ns;
    if (status == SX_OK) {
        status = sx_page_render_options(page, is_listed ? request->registries : &registry,
                                        is_listed ? request->registry_count : 1, options);
    }
    sx__name_filter_clean_up(&filter);
    return status;
}

/* Returns whether the page is compressed now. */
static bool compress_page(struct sx_page *page, const struct sx_exposition_request *request)
{
    return request->gzip != NULL && page->size >= GZIP_SIZE_MIN &&
           sx__accepts_coding(request->accept_encoding, "gzip") && request->gzip(page) == SX_OK;
}

static struct sx_exposition_response render(struct sx_page *page, struct sx_registry *registry,
                                            const struct sx_exposition_request *request)
{
    static const struct sx_str failed = TEXT("the metrics page cannot be rendered\n");
    static const struct sx_str late = TEXT("the metrics page was not rendered in time\n");
    struct sx_page_options options = {0};
    const uint64_t started_ns = sx__clock_now_ns();
    const int status = render_page(page, registry, request, &options);
    if (status < 0) {
        return status == SX_ETIMEOUT ? refuse(503, late) : refuse(500, failed);
    }
    const size_t page_size = page->size;
    const bool is_compressed = compress_page(page, request);
    struct sx_exposition_response response = {.status = 200,
                                              .content_type = sx_page_content_type(&options),
                                              .body = {page->data, page->size},
                                              .content_length = page->size,
                                              .page_size = page_size};
    add_header(&response, "Vary", "Accept, Accept-Encoding"); /* what chose this page */
    if (is_compressed) {
        add_header(&response, "Content-Encoding", "gzip");
    }
    response.render_seconds = (double)(sx__clock_now_ns() - started_ns) * 1e-9;
    return response;
}

static struct sx_exposition_response scrape(struct sx_page *page, struct sx_registry *registry,
                                            const struct sx_exposition_request *request)
{
    static const struct sx_str too_many = TEXT("too many scrapes at the same time\n");
    if (request->scrape_has_begun) {
        return render(page, registry, request);
    }
    if (sx_scrapes_begin(request->scrapes) != SX_OK) {
        return refuse(503, too_many);
    }
    const struct sx_exposition_response response = render(page, registry, request);
    sx_scrapes_end(request->scrapes, &response);
    return response;
}

int sx_exposition_respond(struct sx_exposition_response *response, struct sx_page *page,
                          struct sx_registry *registry, const struct sx_exposition_request *request)
{
    static const struct sx_str not_allowed = TEXT("only GET and HEAD are allowed here\n");
    if (response == NULL || page == NULL || request == NULL) {
        return SX_EINVAL;
    }
    if (request->registry_count > 0 && (registry != NULL || request->registries == NULL)) {
        return SX_EINVAL;
    }
    bool head = is_method(request->method, "HEAD");
    if (!head && request->method.size > 0 && !is_method(request->method, "GET")) {
        *response = refuse(405, not_allowed);
        if (!request->scrape_has_begun) {
            sx__scrapes_count(request->scrapes, 405);
        }
        add_header(response, "Allow", "GET, HEAD");
        return SX_OK;
    }
    *response = scrape(page, registry, request);
    if (head) {
        response->body = (struct sx_str){NULL, 0}; /* the length is that of the page all the same */
    }
    return SX_OK;
}
