/* bodies.c: an app that receives large bodies, streams events and has a large page of metrics, to
 * measure its memory and CPU time.
 *
 *     bodies serve SERIES HELD_MIB [CERTIFICATE KEY]    HELD_MIB 0: the default
 *     bodies render SERIES    prints the CPU milliseconds of rendering such a page into a kept one
 */
#define _POSIX_C_SOURCE 200809L
#include <sextant/app.h>
#include <sextant/exposition.h>
#include <sextant/prometheus.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BODY_BYTES ((size_t)100 << 20)
#define RENDERINGS 7

static struct sx_app *app;

static struct sx_result upload(struct sx_str body)
{
    return sx_json("{s:i}", "size", (int)body.size);
}
SX_BIND(upload, (body, bytes, body));

/* One event, and then none for as long as the client stays. */
static int produce_event(void *context, char *space, size_t size, unsigned *wait_ms)
{
    bool *has_sent = context;
    if (*has_sent) {
        *wait_ms = 60000;
        return SX_EAGAIN;
    }
    *has_sent = true;
    return snprintf(space, size, "data: tick\n\n");
}

static struct sx_result events(void)
{
    bool *has_sent = calloc(1, sizeof *has_sent);
    if (has_sent == NULL) {
        return sx_fail(503, "out of memory");
    }
    return sx_stream("text/event-stream", produce_event, has_sent, free);
}
SX_BIND(events);

static const struct sx_route routes[] = {
    SX_POST("/upload", upload),
    SX_GET("/events", events),
    SX_GET("/metrics", sx_expose_metrics),
};

static void die(const char *what, int status)
{
    fprintf(stderr, "bodies: %s: %s\n", what, sx_status_text(status));
    exit(1);
}

static void stop(int signal)
{
    (void)signal;
    sx_app_stop(app);
}

static struct sx_registry *make_series(unsigned count)
{
    struct sx_registry *registry = NULL;
    struct sx_counter_family *family = NULL;
    int status = sx_registry_new(&registry, NULL);
    if (status == SX_OK) {
        status = sx_counter_family_register(
            &family, registry,
            &(struct sx_metric_options){.name = "jobs_total",
                                        .help = "Jobs done.",
                                        .labels = SX_LABELS("customer", "region"),
                                        .max_series = count + 1});
    }
    for (unsigned i = 0; i < count && status == SX_OK; i++) {
        char customer[32];
        snprintf(customer, sizeof customer, "customer-%07u", i);
        struct sx_counter *counter = NULL;
        const struct sx_str values[] = {{customer, strlen(customer)}, {"eu-west-1", 9}};
        status = sx_counter_family_get(&counter, family, values, 2);
        sx_counter_add(counter, i);
    }
    if (status < 0) {
        die("the series", status);
    }
    return registry;
}

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void render(struct sx_registry *registry)
{
    struct sx_page page = {0};
    for (int i = 0; i < RENDERINGS; i++) {
        const double began_ms = cpu_ms();
        const int status = sx_page_render(&page, registry, SX_FORMAT_TEXT);
        if (status < 0) {
            die("the page", status);
        }
        if (i > 0) {
            printf("%.3f\n", cpu_ms() - began_ms);
        }
    }
    sx_page_clean_up(&page);
}

static void serve(struct sx_registry *registry, size_t buffered_bytes, char **tls)
{
    const struct sx_prometheus_options options = {.registry = registry};
    int status = sx_app_new(
        &app, &(struct sx_app_options){.routes = SX_LIST(routes),
                                       .components = SX_COMPONENTS((sx_prometheus, &options))});
    if (status < 0) {
        die("the app", status);
    }
    const struct sx_tls_options files = {.certificate = tls[0],
                                         .key = tls[0] == NULL ? NULL : tls[1]};
    const struct sx_run_options run = {.body_bytes = buffered_bytes == 0 ? BODY_BYTES : 0,
                                       .buffered_bytes = buffered_bytes,
                                       .tls = tls[0] == NULL ? NULL : &files};
    status = sx_app_listen(app, &run);
    if (status < 0) {
        die("listening", status);
    }
    printf("listening on http%s://127.0.0.1:%d\n", tls[0] == NULL ? "" : "s",
           sx_app_get_port(app, 0));
    fflush(stdout);
    status = sx_app_run(app);
    sx_app_destroy(app);
}

int main(int argc, char **argv)
{
    const bool serves = argc >= 4 && strcmp(argv[1], "serve") == 0;
    if (!serves && (argc < 3 || strcmp(argv[1], "render") != 0)) {
        fprintf(stderr, "usage: bodies serve SERIES HELD_MIB [CERTIFICATE KEY] | render SERIES\n");
        return 2;
    }
    signal(SIGTERM, stop);
    struct sx_registry *registry = make_series((unsigned)strtoul(argv[2], NULL, 10));
    if (serves) {
        serve(registry, strtoul(argv[3], NULL, 10) << 20, argv + 4);
    } else {
        render(registry);
    }
    sx_registry_destroy(registry);
    return 0;
}
