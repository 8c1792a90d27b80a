/* metrics_only.c: a program without an HTTP server, and with metrics: a loop that works off jobs.
 *
 *     build/examples/metrics_only 127.0.0.1:9100
 *     curl http://127.0.0.1:9100/metrics
 */
#define _POSIX_C_SOURCE 200809L /* sigaction, nanosleep, open */

#include <sextant/metrics.h>
#include <sextant/metrics_server.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct sx_counter *jobs_done;
static struct sx_gauge *jobs_waiting;
static struct sx_histogram *job_seconds;

static int register_metrics(void)
{
    int status = sx_counter_register(
        &jobs_done, NULL,
        &(struct sx_metric_options){.name = "jobs_done_total", .help = "Jobs worked off."});
    if (status == SX_OK) {
        status = sx_gauge_register(
            &jobs_waiting, NULL,
            &(struct sx_metric_options){.name = "jobs_waiting", .help = "Jobs in the queue."});
    }
    if (status == SX_OK) {
        status = sx_histogram_register(
            &job_seconds, NULL,
            &(struct sx_metric_options){.name = "job_duration_seconds",
                                        .help = "How long a job takes.",
                                        SX_BUCKETS(.001, .005, .01, .05, .1, .5, 1)});
    }
    return status;
}

static double now_in_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void work(unsigned job)
{
    const struct timespec while_working = {.tv_nsec = 1000000 * (long)(1 + job % 10)};
    double start = now_in_seconds();
    sx_gauge_set(jobs_waiting, (double)(9 - job % 10));
    nanosleep(&while_working, NULL); /* here would be work */
    sx_histogram_observe(job_seconds, now_in_seconds() - start);
    sx_counter_inc(jobs_done);
}

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static void print(void *context, const char *message)
{
    (void)context;
    fprintf(stderr, "%s\n", message);
}

/* Where a daemon was started without them, its sockets must not become its standard output. */
static void open_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = stop};
    const struct sx_metrics_server_options options = {.log = print};
    struct sx_metrics_server *server = NULL;

    open_standard_descriptors();
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    int status = register_metrics();
    if (status == SX_OK) {
        status =
            sx_metrics_server_new(&server, NULL, argc > 1 ? argv[1] : "127.0.0.1:9100", &options);
    }
    if (status != SX_OK) {
        fprintf(stderr, "%s\n", sx_status_text(status));
        return 1;
    }
    printf("metrics are at port %u\n", (unsigned)sx_metrics_server_get_port(server));
    fflush(stdout);
    for (unsigned job = 0; !stopped; job++) {
        work(job);
    }
    sx_metrics_server_destroy(server);
    return 0;
}
