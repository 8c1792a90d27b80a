/* A relay as coturn is one: its counters have one or two labels, chosen when it starts, its threads
 * update them beside scrapes, and libmicrohttpd serves the page.
 *
 * Usage: relay LABELS (1 or 2). Prints the port, then "done" when all threads have ended. Reads
 * commands, a letter each, and prints "done" after each: `d` destroys the default registry, `a`
 * makes another registry the active one. Ends with its input.
 */
#include <arpa/inet.h>
#include <prom.h>
#include <promhttp.h>
#include <pthread.h>
#include <stdio.h>

#define THREADS 6
#define SESSIONS 5000

static size_t label_count;
static prom_counter_t *received_packets;
static prom_counter_t *sent_bytes;
static prom_gauge_t *allocations;

static prom_counter_t *counter(const char *name, const char *help)
{
    const char *labels[] = {"realm", "user"};
    return prom_collector_registry_must_register_metric(
        prom_counter_new(name, help, label_count, labels));
}

static void *relay(void *argument)
{
    const int number = *(int *)argument;
    char user[16];
    snprintf(user, sizeof user, "user%d", number);
    const char *labels[] = {number % 2 == 0 ? "example.org" : NULL, user};
    const char *type[] = {"UDP"};
    for (int i = 0; i < SESSIONS; i++) {
        (void)prom_gauge_inc(allocations, type);
        (void)prom_counter_add(received_packets, 3, labels);
        (void)prom_counter_add(sent_bytes, 100, labels);
        (void)prom_gauge_dec(allocations, type);
    }
    return NULL;
}

/* Only clients of this machine may connect. */
static enum MHD_Result accept_local(void *context, const struct sockaddr *address, socklen_t size)
{
    const struct sockaddr_in *internet = (const struct sockaddr_in *)(const void *)address;
    (void)context;
    (void)size;
    return address->sa_family == AF_INET && internet->sin_addr.s_addr == htonl(INADDR_LOOPBACK)
               ? MHD_YES
               : MHD_NO;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, relay, &numbers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void say_done(void)
{
    printf("done\n");
    fflush(stdout);
}

static prom_collector_registry_t *make_active(void)
{
    prom_collector_registry_t *registry = prom_collector_registry_new("active");
    prom_collector_t *collector = prom_collector_new("active");
    (void)prom_collector_add_metric(collector, prom_gauge_new("active", "Active.", 0, NULL));
    (void)prom_collector_registry_register_collector(registry, collector);
    promhttp_set_active_collector_registry(registry);
    return registry;
}

static prom_collector_registry_t *obey_commands(void)
{
    prom_collector_registry_t *active = NULL;
    for (int command = getchar(); command != EOF; command = getchar()) {
        if (command == 'd') {
            (void)prom_collector_registry_destroy(PROM_COLLECTOR_REGISTRY_DEFAULT);
        } else {
            active = make_active();
        }
        say_done();
    }
    return active;
}

int main(int count, char **arguments)
{
    label_count = count > 1 ? (size_t)atoi(arguments[1]) : 1;
    (void)prom_collector_registry_default_init();
    const char *types[] = {"type"};
    received_packets = counter("turn_traffic_rcvp", "Received packets of finished sessions");
    sent_bytes = counter("turn_traffic_sentb", "Sent bytes of finished sessions");
    allocations = prom_collector_registry_must_register_metric(
        prom_gauge_new("turn_total_allocations", "Current allocations", 1, types));
    promhttp_set_active_collector_registry(NULL);
    struct MHD_Daemon *daemon =
        promhttp_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, accept_local, NULL);
    if (daemon == NULL) {
        return 1;
    }
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    run_threads();
    say_done();
    prom_collector_registry_t *active = obey_commands();
    MHD_stop_daemon(daemon);
    return prom_collector_registry_destroy(PROM_COLLECTOR_REGISTRY_DEFAULT) |
           prom_collector_registry_destroy(active);
}
