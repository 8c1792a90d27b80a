/* soak.c: the app of soak.py, with a route for each way that a request can end, and short
 * time-outs.
 *
 *     soak WORKERS [CERTIFICATE KEY]
 *
 * prints the port for HTTP and, with a certificate, the one for HTTPS. */
#include <sextant/app.h>
#include <sextant/prometheus.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PIECE_BYTES 1000
#define PIECES_OF_BROKEN 3

/* ---- handlers ---- */

static struct sx_result ok(void)
{
    return sx_json("{s:i}", "pid", (int)getpid());
}
SX_BIND(ok);

static struct sx_result wait_for(int64_t ms)
{
    (void)poll(NULL, 0, (int)ms);
    return sx_text("waited\n");
}
SX_BIND(wait_for, (path, i64, ms, SX_MIN(0), SX_MAX(1000)));

static struct sx_result fail(void)
{
    return sx_fail(500, "this handler always fails");
}
SX_BIND(fail);

static struct sx_result echo(struct sx_str body)
{
    return sx_bytes(NULL, body.data, body.size);
}
SX_BIND(echo, (body, bytes, body));

static struct sx_result crash(void)
{
    abort();
}
SX_BIND(crash);

/* ---- streams ---- */

struct stream {
    int64_t left; /* pieces; below 0: no end */
    bool is_broken;
    bool has_paused;
};

static int produce(void *context, char *space, size_t size, unsigned *wait_ms)
{
    struct stream *stream = context;
    if (stream->left == 0) {
        return stream->is_broken ? SX_ESYSTEM : 0;
    }
    stream->has_paused = !stream->has_paused && stream->left > 0;
    if (stream->has_paused) {
        *wait_ms = 1;
        return SX_EAGAIN;
    }
    const size_t bytes = stream->left < 0 || size < PIECE_BYTES ? size : PIECE_BYTES;
    stream->left -= stream->left > 0;
    memset(space, 'x', bytes);
    return (int)bytes;
}

static struct sx_result stream_pieces(int64_t pieces, bool is_broken)
{
    struct stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        return sx_fail(503, "out of memory");
    }
    *stream = (struct stream){.left = pieces, .is_broken = is_broken};
    return sx_stream(NULL, produce, stream, free);
}

static struct sx_result stream(int64_t pieces)
{
    return stream_pieces(pieces, false);
}
SX_BIND(stream, (path, i64, pieces, SX_MIN(0), SX_MAX(100000)));

static struct sx_result endless(void)
{
    return stream_pieces(-1, false);
}
SX_BIND(endless);

static struct sx_result broken(void)
{
    return stream_pieces(PIECES_OF_BROKEN, true);
}
SX_BIND(broken);

/* ---- the app ---- */

static const struct sx_route routes[] = {
    SX_GET("/ok", ok),
    SX_GET("/wait/{ms}", wait_for),
    SX_GET("/fail", fail),
    SX_POST("/echo", echo),
    SX_GET("/crash", crash),
    SX_GET("/stream/{pieces}", stream),
    SX_GET("/endless", endless),
    SX_GET("/broken", broken),
    SX_GET("/metrics", sx_expose_metrics),
};

static struct sx_app *app;

static void on_stop(int number)
{
    (void)number;
    sx_app_stop(app);
}

static void on_hangup(int number)
{
    (void)number;
    sx_app_reload(app);
}

static void handle(int number, void (*handler)(int))
{
    const struct sigaction action = {.sa_handler = handler};
    sigaction(number, &action, NULL);
}

static int listen_at(const char *certificate, const char *key)
{
    const struct sx_tls_options tls = {.certificate = certificate, .key = key};
    const struct sx_listen_address https = {.address = "https://127.0.0.1:0", .tls = &tls};
    const struct sx_run_options options = {
        .idle_timeout_ms = 2000,
        .header_timeout_ms = 1000,
        .body_timeout_ms = 1000,
        .write_timeout_ms = 1000,
        .stop_timeout_ms = 5000,
        .body_bytes = 65536,
        .addresses = {.items = &https, .count = certificate != NULL},
    };
    return sx_app_listen(app, &options);
}

static int run(char **arguments, int count)
{
    const struct sx_prometheus_options measured = {.measure_body_sizes = true,
                                                   .measure_first_byte = true,
                                                   .measure_scrapes = true,
                                                   .process = SX_PROCESS_SUMMED};
    const struct sx_app_options options = {
        .routes = SX_LIST(routes),
        .components = SX_COMPONENTS((sx_prometheus, &measured)),
        .workers = (unsigned)strtoul(arguments[0], NULL, 10),
    };
    int status = sx_app_new(&app, &options);
    if (status == SX_OK) {
        status = listen_at(count > 1 ? arguments[1] : NULL, count > 2 ? arguments[2] : NULL);
    }
    if (status == SX_OK) {
        handle(SIGTERM, on_stop);
        handle(SIGHUP, on_hangup);
        printf("%u %u\n", (unsigned)sx_app_get_port(app, 0), (unsigned)sx_app_get_port(app, 1));
        (void)fflush(stdout);
        status = sx_app_run(app);
    }
    sx_app_destroy(app);
    return status < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* of /crash */
    return argc < 2 ? 2 : run(argv + 1, argc - 1);
}
