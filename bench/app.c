/* What the app layer costs, through the in-process engine: tracking a request, injecting an
 * argument, routing among many routes. `app` prints lines of `WHAT VALUE`, nanoseconds per request;
 * differences are between apps that take turns, and medians of many short windows. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <sextant/access_log.h>
#include <sextant/app.h>
#include <sextant/client.h>
#include <sextant/prometheus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define WINDOWS 201
#define REQUESTS 500 /* of a window */
#define ROUTES_MAX 1000

struct thing {
    int value;
};
SX_COMPONENT_DECLARE(thing, struct thing);
SX_COMPONENT_DECLARE(part, struct thing);
static struct sx_result thing_init(struct thing *self)
{
    self->value = 1;
    return sx_continue();
}
SX_COMPONENT(thing, app, thing_init, NULL);
SX_COMPONENT(part, request, thing_init, NULL);

static struct sx_result plain(void)
{
    return sx_empty();
}
SX_BIND(plain);
static struct sx_result eight(struct thing *a, struct thing *b, struct thing *c, struct thing *d,
                              struct thing *e, struct thing *f, struct thing *g, struct thing *h)
{
    int sum = a->value + b->value + c->value + d->value + e->value + f->value + g->value + h->value;
    return sum == 8 ? sx_empty() : sx_fail(500, "not injected");
}
SX_BIND(eight, (inject, thing, a), (inject, thing, b), (inject, thing, c), (inject, thing, d),
        (inject, thing, e), (inject, thing, f), (inject, thing, g), (inject, thing, h));
static struct sx_result with_part(struct thing *part)
{
    return part->value == 1 ? sx_empty() : sx_fail(500, "not injected");
}
SX_BIND(with_part, (inject, part, part));
static struct sx_result by_id(int64_t id)
{
    return id == 7 ? sx_empty() : sx_fail(500, "not bound");
}
SX_BIND(by_id, (path, i64, id));

static const struct sx_route small_routes[] = {
    SX_GET("/", plain),
    SX_GET("/eight", eight),
    SX_GET("/part", with_part),
};

struct side {
    struct sx_app *app;
    struct sx_client *client;
    const char *target;
    struct sx_reply reply;
    double windows[WINDOWS];
};

static void die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void side_init(struct side *side, const struct sx_app_options *options, const char *target)
{
    *side = (struct side){.target = target};
    if (sx_app_new(&side->app, options) < 0 || sx_client_new(&side->client, side->app) < 0) {
        die("the app does not start");
    }
}

static void side_clean_up(struct side *side)
{
    sx_reply_clean_up(&side->reply);
    sx_client_destroy(side->client);
    sx_app_destroy(side->app);
}

static double window(struct side *side)
{
    double start = now_ns();
    for (int i = 0; i < REQUESTS; i++) {
        if (sx_client_get(side->client, &side->reply, side->target) < 0 ||
            side->reply.status != 204) {
            die("a request failed");
        }
    }
    return (now_ns() - start) / REQUESTS;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, WINDOWS, sizeof *values, compare);
    return values[WINDOWS / 2];
}

/* The median of the windows' differences: a window and its partner share the state of the machine.
 */
static double difference(struct side *with, struct side *without)
{
    double differences[WINDOWS];
    (void)window(with);
    (void)window(without);
    for (int i = 0; i < WINDOWS; i++) {
        double one = window(i % 2 == 0 ? with : without);
        double other = window(i % 2 == 0 ? without : with);
        differences[i] = i % 2 == 0 ? one - other : other - one;
    }
    return median(differences);
}

static double two_clock_reads(void)
{
    double windows[WINDOWS];
    volatile double keep = 0;
    for (int i = 0; i < WINDOWS; i++) {
        double start = now_ns();
        for (int k = 0; k < REQUESTS; k++) {
            keep = keep + now_ns() + now_ns();
        }
        windows[i] = (now_ns() - start) / REQUESTS;
    }
    return median(windows);
}

static void tracking(void)
{
    struct side with;
    struct side without;
    side_init(&with,
              &(struct sx_app_options){.routes = SX_LIST(small_routes),
                                       .components = SX_COMPONENTS(sx_prometheus, thing, part)},
              "/");
    side_init(&without,
              &(struct sx_app_options){.routes = SX_LIST(small_routes),
                                       .components = SX_COMPONENTS(thing, part)},
              "/");
    double cost = difference(&with, &without);
    double clocks = two_clock_reads();
    printf("tracking_ns %.1f\ntwo_clock_reads_ns %.1f\ntracking_vs_two_clock_reads %.2f\n", cost,
           clocks, cost / clocks);
    side_clean_up(&with);
    side_clean_up(&without);
}

static void injection(void)
{
    const struct sx_app_options options = {.routes = SX_LIST(small_routes),
                                           .components = SX_COMPONENTS(thing, part)};
    struct side none;
    struct side other;
    side_init(&none, &options, "/");
    side_init(&other, &options, "/eight");
    printf("injection_per_argument_ns %.1f\n", difference(&other, &none) / 8);
    side_clean_up(&other);
    side_init(&other, &options, "/part");
    printf("injection_request_component_ns %.1f\n", difference(&other, &none));
    side_clean_up(&other);
    side_clean_up(&none);
}

static const size_t counts[] = {10, 100, ROUTES_MAX};
#define COUNTS (sizeof counts / sizeof *counts)

static void routing(void)
{
    static char paths[ROUTES_MAX][48];
    static struct sx_route routes[ROUTES_MAX];
    static char targets[COUNTS][48];
    static struct side sides[COUNTS];
    for (size_t i = 0; i < ROUTES_MAX; i++) {
        snprintf(paths[i], sizeof paths[i], "/api/resource%zu/{id}/part%zu", i / 10, i % 10);
        routes[i] =
            (struct sx_route){.method = "GET", .path = paths[i], .handler = &sx_handler_by_id};
    }
    for (size_t i = 0; i < COUNTS; i++) {
        snprintf(targets[i], sizeof targets[i], "/api/resource%zu/7/part5", counts[i] / 20);
        side_init(&sides[i], &(struct sx_app_options){.routes = {routes, counts[i]}}, targets[i]);
        (void)window(&sides[i]);
    }
    for (int i = 0; i < WINDOWS; i++) {
        for (size_t k = 0; k < COUNTS; k++) {
            sides[k].windows[i] = window(&sides[k]);
        }
    }
    for (size_t i = 0; i < COUNTS; i++) {
        printf("request_with_%zu_routes_ns %.1f\n", counts[i], median(sides[i].windows));
        side_clean_up(&sides[i]);
    }
}

/* What the system call of a line takes, by itself. */
static double one_write(const char *path)
{
    static const char line[] = "- - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\" 204 -\n";
    double windows[WINDOWS];
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    for (int i = 0; i < WINDOWS; i++) {
        double start = now_ns();
        for (int k = 0; k < REQUESTS; k++) {
            if (write(fd, line, sizeof line - 1) < 0) {
                die("cannot write");
            }
        }
        windows[i] = (now_ns() - start) / REQUESTS;
    }
    close(fd);
    return median(windows);
}

static void access_log(void)
{
    static const char *const formats[] = {"common", "json"};
    char path[] = "/tmp/sx_bench_XXXXXX";
    const int fd = mkstemp(path);
    struct side without;
    side_init(&without,
              &(struct sx_app_options){.routes = SX_LIST(small_routes),
                                       .components = SX_COMPONENTS(thing, part)},
              "/");
    for (size_t i = 0; i < 2; i++) {
        const struct sx_setting settings[] = {{"access_log", path},
                                              {"access_log_format", formats[i]}};
        struct side with;
        side_init(&with,
                  &(struct sx_app_options){.routes = SX_LIST(small_routes),
                                           .components = SX_COMPONENTS(sx_access_log, thing, part),
                                           .settings = SX_LIST(settings)},
                  "/");
        printf("access_log_%s_ns %.1f\n", formats[i], difference(&with, &without));
        side_clean_up(&with);
    }
    printf("one_write_ns %.1f\n", one_write(path));
    side_clean_up(&without);
    close(fd);
    unlink(path);
}

int main(void)
{
    tracking();
    injection();
    routing();
    access_log();
    return 0;
}
