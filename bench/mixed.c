/* mixed.c: an app with a route for each kind of client that others may suffer from. */
#define _POSIX_C_SOURCE 200809L
#include "waiting.h"
#include <sextant/app.h>
#include <sextant/prometheus.h>
#include <stdlib.h>
#include <string.h>

static struct sx_result fast(void)
{
    return sx_json("{s:s}", "hello", "world");
}
SX_BIND(fast);

static struct sx_result sleeping(int64_t us)
{
    wait_asleep_us(us);
    return sx_json("{s:s}", "hello", "world");
}
SX_BIND(sleeping, (query, i64, us, SX_MIN(0), SX_MAX(10000000)));

static struct sx_result spinning(int64_t us)
{
    wait_busy_us(us);
    return sx_json("{s:s}", "hello", "world");
}
SX_BIND(spinning, (query, i64, us, SX_MIN(0), SX_MAX(1000000)));

static struct sx_result varied(void)
{
    wait_asleep_us(varied_us());
    return sx_json("{s:s}", "hello", "world");
}
SX_BIND(varied);

/* Larger than what the kernel takes in advance, however slowly it is read. */
static int produce(void *context, char *space, size_t size, unsigned *wait_ms)
{
    (void)context;
    (void)wait_ms;
    memset(space, 'x', size);
    return (int)size;
}

static struct sx_result large(void)
{
    return sx_stream(NULL, produce, NULL, NULL);
}
SX_BIND(large);

static struct sx_result upload(struct sx_str body)
{
    return sx_json("{s:i}", "size", (int)body.size);
}
SX_BIND(upload, (body, bytes, body));

/* Run in the folder of the file. */
static struct sx_result file(void)
{
    return sx_file("file");
}
SX_BIND(file);

static const struct sx_route routes[] = {
    SX_GET("/", fast),          SX_GET("/sleep", sleeping),
    SX_GET("/spin", spinning),  SX_GET("/varied", varied),
    SX_GET("/large", large),    SX_GET("/file", file),
    SX_POST("/upload", upload), SX_GET("/metrics", sx_expose_metrics),
};

int main(int argc, char **argv)
{
    const struct sx_registry_options shared = {.shared = true};
    if (getenv("SHARED_REGISTRY") != NULL && sx_registry_default_init(&shared) < 0) {
        return 1;
    }
    return sx_app_main(argc, argv,
                       &(struct sx_app_options){
                           .routes = SX_LIST(routes),
                           .components = SX_COMPONENTS(sx_prometheus),
                       });
}
