/* A gateway with an HTTP server of its own, a daemon of libmicrohttpd with a thread for each
 * connection. It answers /metrics with the page of the default registry, /orders with 200 and other
 * paths with 404, and counts its responses by path and status.
 *
 * Usage: gateway. Prints the port, and ends with its input.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <prom.h>
#include <stdio.h>
#include <string.h>

static prom_counter_t *responses;
static prom_histogram_t *sizes;

static enum MHD_Result respond(struct MHD_Connection *connection, const char *path, unsigned status,
                               const char *text, enum MHD_ResponseMemoryMode mode)
{
    char code[16];
    snprintf(code, sizeof code, "%u", status);
    const char *labels[] = {status == 404 ? "other" : path, code};
    const size_t size = strlen(text);
    (void)prom_counter_inc(responses, labels);
    (void)prom_histogram_observe(sizes, (double)size, NULL);
    struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *)text, mode);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4");
    const enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *body,
                              size_t *body_size, void **state)
{
    (void)context, (void)method, (void)version, (void)body, (void)body_size, (void)state;
    if (strcmp(path, "/metrics") == 0) {
        const char *page = prom_collector_registry_bridge(PROM_COLLECTOR_REGISTRY_DEFAULT);
        return page == NULL ? MHD_NO : respond(connection, path, 200, page, MHD_RESPMEM_MUST_FREE);
    }
    if (strcmp(path, "/orders") == 0) {
        return respond(connection, path, 200, "no orders\n", MHD_RESPMEM_PERSISTENT);
    }
    return respond(connection, path, 404, "not found\n", MHD_RESPMEM_PERSISTENT);
}

int main(void)
{
    const char *labels[] = {"path", "code"};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)prom_collector_registry_default_init();
    responses = prom_collector_registry_must_register_metric(
        prom_counter_new("gateway_responses_total", "Responses", 2, labels));
    sizes = prom_collector_registry_must_register_metric(
        prom_histogram_new("gateway_response_bytes", "Sizes of responses",
                           prom_histogram_buckets_new(2, 100.0, 10000.0), 0, NULL));
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL,
                         NULL, answer, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    if (daemon == NULL) {
        return 1;
    }
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    MHD_stop_daemon(daemon);
    return prom_collector_registry_destroy(PROM_COLLECTOR_REGISTRY_DEFAULT);
}
