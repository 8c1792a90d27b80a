/* microhttpd.c: libmicrohttpd, answering what bench/raw_epoll.c answers.
 *
 *     microhttpd [--threads N]
 *
 * One thread with an epoll set, or a pool of such threads. Prints `listening on
 * http://127.0.0.1:PORT`, and ends with SIGTERM.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECTIONS 16384

/* Called twice: what is answered before the body could come costs the connection. */
static enum MHD_Result answer(void *response, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **seen)
{
    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    (void)upload_size;
    if (*seen == NULL) {
        *seen = response;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static struct MHD_Daemon *start(struct MHD_Response *response, unsigned threads)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO | MHD_USE_ERROR_LOG, 0,
                            NULL, NULL, answer, response, MHD_OPTION_SOCK_ADDR, &address,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
                            threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads,
                            MHD_OPTION_END);
}

int main(int argc, char **argv)
{
    static char body[] = "{\"hello\":\"world\"}";
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof body - 1, body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL ||
        MHD_add_response_header(response, "Content-Type", "application/json") == MHD_NO) {
        return 1;
    }
    const unsigned long threads = argc == 3 ? strtoul(argv[2], NULL, 10) : 1;
    struct MHD_Daemon *daemon = start(response, (unsigned)threads);
    if (daemon == NULL) {
        fprintf(stderr, "microhttpd: cannot start\n");
        return 1;
    }
    printf("listening on http://127.0.0.1:%u\n",
           (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    int signal_number;
    sigwait(&ends, &signal_number);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
