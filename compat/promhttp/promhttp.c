/* promhttp.c: answers the requests of a daemon of libmicrohttpd. */
#include "promhttp.h"

#include <sextant/exposition.h>

#include <stdlib.h>

/* libmicrohttpd has the type since 0.9.71. */
#if MHD_VERSION >= 0x00097002
typedef enum MHD_Result result;
#else
typedef int result;
#endif

/* The name by which libpromhttp exported it. */
prom_collector_registry_t *PROM_ACTIVE_REGISTRY;

void promhttp_set_active_collector_registry(prom_collector_registry_t *active_registry)
{
    __atomic_store_n(&PROM_ACTIVE_REGISTRY, active_registry, __ATOMIC_RELEASE);
}

/* Sends the text as the body; libmicrohttpd leaves it out for HEAD. */
static result respond(struct MHD_Connection *connection, unsigned status, char *text,
                      enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), text, mode);
    if (response == NULL) {
        if (mode == MHD_RESPMEM_MUST_FREE) {
            free(text);
        }
        return MHD_NO;
    }
    const char *type = mode == MHD_RESPMEM_MUST_FREE ? sx_format_content_type(SX_FORMAT_TEXT)
                                                     : "text/plain; charset=utf-8";
    result queued = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (queued == MHD_YES) {
        queued = MHD_queue_response(connection, status, response);
    }
    MHD_destroy_response(response);
    return queued;
}

static result respond_constant(struct MHD_Connection *connection, unsigned status, char *text)
{
    return respond(connection, status, text, MHD_RESPMEM_PERSISTENT);
}

static result respond_page(struct MHD_Connection *connection)
{
    prom_collector_registry_t *registry = __atomic_load_n(&PROM_ACTIVE_REGISTRY, __ATOMIC_ACQUIRE);
    if (registry == NULL) {
        registry = __atomic_load_n(&PROM_COLLECTOR_REGISTRY_DEFAULT, __ATOMIC_ACQUIRE);
    }
    char *page = (char *)prom_collector_registry_bridge(registry);
    if (page == NULL) {
        return respond_constant(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "There is no page\n");
    }
    return respond(connection, MHD_HTTP_OK, page, MHD_RESPMEM_MUST_FREE);
}

static result answer(void *context, struct MHD_Connection *connection, const char *url,
                     const char *method, const char *version, const char *upload_data,
                     size_t *upload_data_size, void **connection_context)
{
    (void)context;
    (void)version;
    (void)upload_data;
    (void)upload_data_size;
    (void)connection_context;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return respond_constant(connection, MHD_HTTP_BAD_REQUEST, "Invalid HTTP Method\n");
    }
    if (strcmp(url, "/metrics") == 0) {
        return respond_page(connection);
    }
    if (strcmp(url, "/") == 0) {
        return respond_constant(connection, MHD_HTTP_OK, "OK\n");
    }
    return respond_constant(connection, MHD_HTTP_BAD_REQUEST, "Bad Request\n");
}

struct MHD_Daemon *promhttp_start_daemon(unsigned int flags, unsigned short port,
                                         MHD_AcceptPolicyCallback apc, void *apc_cls)
{
    return MHD_start_daemon(flags, port, apc, apc_cls, answer, NULL, MHD_OPTION_END);
}
