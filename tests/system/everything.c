/* An app with each kind of response, for test_tls.py. */
#include <sextant/app.h>
#include <sextant/prometheus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sx_result echo(struct sx_str body)
{
    return sx_bytes(NULL, body.data, body.size);
}
SX_BIND(echo, (body, bytes, body));

static struct sx_result large(int64_t size)
{
    char *bytes = malloc((size_t)size);
    if (bytes == NULL) {
        return sx_fail(503, "out of memory");
    }
    memset(bytes, 'x', (size_t)size);
    return sx_bytes_take(NULL, bytes, (size_t)size);
}
SX_BIND(large, (query, i64, size, SX_MIN(1), SX_MAX(1 << 30)));

static int count_down(void *context, char *space, size_t size, unsigned *wait_ms)
{
    int *left = context;
    *wait_ms = 1;
    if (*left % 2 == 0) {
        --*left;
        return SX_EAGAIN;
    }
    return *left < 0 ? 0 : snprintf(space, size, "%d\n", (*left)--);
}

static struct sx_result stream(int64_t count)
{
    int *left = malloc(sizeof *left);
    if (left == NULL) {
        return sx_fail(503, "out of memory");
    }
    *left = (int)count;
    return sx_stream("text/plain", count_down, left, free);
}
SX_BIND(stream, (query, i64, count, SX_MIN(1), SX_MAX(1 << 20)));

static int fail_at_once(void *context, char *space, size_t size, unsigned *wait_ms)
{
    (void)wait_ms;
    bool *begun = context;
    if (*begun) {
        return SX_ESYSTEM;
    }
    *begun = true;
    return snprintf(space, size, "the first half");
}

static struct sx_result broken(void)
{
    bool *begun = calloc(1, sizeof *begun);
    if (begun == NULL) {
        return sx_fail(503, "out of memory");
    }
    return sx_stream("text/plain", fail_at_once, begun, free);
}
SX_BIND(broken);

static struct sx_result file(const char *path)
{
    return sx_file(path);
}
SX_BIND(file, (query, str, path));

static struct sx_result who(const struct sx_request *request)
{
    return sx_json("{s:s,s:s}", "client", sx_request_get_client(request), "scheme",
                   sx_request_get_scheme(request));
}
SX_BIND(who, (inject, sx_request, request));

static const struct sx_route routes[] = {
    SX_POST("/echo", echo),
    SX_GET("/large", large),
    SX_GET("/stream", stream),
    SX_GET("/file", file),
    SX_GET("/who", who),
    SX_GET("/broken", broken),
    SX_GET("/metrics", sx_expose_metrics),
};

int main(int argc, char **argv)
{
    const bool is_opentelemetry = getenv("OPENTELEMETRY") != NULL;
    const struct sx_prometheus_options options = {.names = is_opentelemetry ? SX_NAMES_OPENTELEMETRY
                                                                            : SX_NAMES_DEFAULT};
    return sx_app_main(
        argc, argv,
        &(struct sx_app_options){.routes = SX_LIST(routes),
                                 .components = SX_COMPONENTS((sx_prometheus, &options))});
}
