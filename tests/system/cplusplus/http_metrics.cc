// Request metrics in C++: a server written in it measures a request.
#include <cstdio>
#include <cstring>
#include <sextant/exposition.h>
#include <sextant/http_metrics.h>

// Ends its request when it is left, also by an exception.
class measured_request
{
  public:
    measured_request(sx_http_handler *handler, const char *method)
    {
        sx_http_begin_scheme(&request_, handler, method, "https", 0);
    }
    measured_request(const measured_request &) = delete;
    measured_request &operator=(const measured_request &) = delete;
    ~measured_request()
    {
        sx_http_end(&request_, outcome_, nullptr);
    }
    void respond(int code)
    {
        sx_http_respond(&request_, code);
        outcome_ = SX_HTTP_COMPLETE;
    }

  private:
    sx_http_request request_;
    sx_http_outcome outcome_ = SX_HTTP_REQUEST_ABORTED;
};

static bool has_line(const sx_page &page, const char *line)
{
    const bool has = std::strstr(page.data, line) != nullptr;
    if (!has) {
        std::fprintf(stderr, "no %s in\n%s", line, page.data);
    }
    return has;
}

int main()
{
    sx_http_metrics_options options = {};
    options.duration_has_code = true;
    options.reasons = SX_LABELS("malformed");
    sx_http_metrics *http = nullptr;
    if (sx_http_metrics_new(&http, &options) < 0) {
        return 1;
    }
    sx_http_handler *handler = sx_http_get_handler(http, "users.get");
    {
        measured_request answered(handler, "GET");
        answered.respond(200);
        measured_request left(handler, "GET");
    }
    sx_http_sizes sizes = {};
    sizes.request_body_bytes = 1;
    sx_http_request request = {};
    sx_http_begin(&request, nullptr, nullptr, 0);
    sx_http_end(&request, SX_HTTP_COMPLETE, &sizes);
    sx_http_reject(http, "malformed");
    sx_page page = {};
    const bool good =
        sx_page_render(&page, nullptr, SX_FORMAT_TEXT) == SX_OK &&
        has_line(page,
                 "http_requests_total{method=\"GET\",handler=\"users.get\",code=\"200\"} 1\n") &&
        has_line(page, "http_requests_aborted_total{method=\"GET\",handler=\"users.get\","
                       "phase=\"request\"} 1\n") &&
        has_line(page, "http_requests_inprogress{method=\"GET\",handler=\"users.get\"} 0\n") &&
        has_line(page, "http_requests_rejected_total{reason=\"malformed\"} 1\n");
    sx_page_clean_up(&page);
    sx_http_metrics_destroy(http);
    return good ? 0 : 1;
}
