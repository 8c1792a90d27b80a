/* events: a stream that a browser follows with `new EventSource("/events?every=1000")`. The clock
 * stands for whatever happens in a program; each client has a place of its own in it. */
#include <sextant/app.h>
#include <sextant/prometheus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct follower {
    unsigned every_ms;
    int64_t left; /* events; below 0: no end */
    int64_t number;
    int64_t due_ns;
};

#define NS_PER_MS 1000000

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 * NS_PER_MS + now.tv_nsec;
}

/* Never waits: between two events it holds no thread, so thousands may follow. */
static int next_event(void *context, char *space, size_t size, unsigned *wait_ms)
{
    struct follower *follower = context;
    if (follower->left == 0) {
        return 0;
    }
    const int64_t early_ns = follower->due_ns - now_ns();
    if (early_ns > 0) {
        *wait_ms = (unsigned)((early_ns + NS_PER_MS - 1) / NS_PER_MS); /* never before it is due */
        return SX_EAGAIN;
    }
    follower->due_ns += (int64_t)follower->every_ms * NS_PER_MS;
    follower->left--;
    return snprintf(space, size, "id: %lld\ndata: tick\n\n", (long long)++follower->number);
}

static struct sx_result events(int64_t every, int64_t count)
{
    struct follower *follower = malloc(sizeof *follower);
    if (follower == NULL) {
        return sx_fail(503, "out of memory");
    }
    *follower = (struct follower){
        .every_ms = (unsigned)every, .left = count == 0 ? -1 : count, .due_ns = now_ns()};
    return sx_with_header(sx_stream("text/event-stream", next_event, follower, free),
                          "Cache-Control", "no-store");
}
SX_BIND(events, (query, i64, every, SX_DEFAULT("1000"), SX_MIN(1), SX_MAX(3600000)),
        (query, i64, count, SX_DEFAULT("0"), SX_MIN(0)));

static const struct sx_route routes[] = {
    SX_GET("/events", events),
    SX_GET("/metrics", sx_expose_metrics),
};

int main(int argc, char **argv)
{
    return sx_app_main(argc, argv,
                       &(struct sx_app_options){
                           .routes = SX_LIST(routes),
                           .components = SX_COMPONENTS(sx_prometheus),
                       });
}
