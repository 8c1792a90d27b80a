#include "listen_options.h"

#include "host_port.h"
#include "service_manager.h"

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int sx__listen_options_init(struct sx__listen_options *options, struct sx_run_options *run,
                            size_t most)
{
    const size_t given = sx__service_manager_count();
    *options = (struct sx__listen_options){.run = run};
    options->addresses = calloc(most + given + 1, sizeof *options->addresses);
    if (options->addresses == NULL) {
        return SX_ENOMEM;
    }
    run->listen_fd = given > 0 ? sx__service_manager_socket(0) : 0;
    for (size_t i = 1; i < given; i++) {
        options->addresses[options->count++].listen_fd = sx__service_manager_socket(i);
    }
    return SX_OK;
}

void sx__listen_options_clean_up(struct sx__listen_options *options)
{
    for (size_t i = 0; i < options->count; i++) {
        free((char *)(uintptr_t)options->addresses[i].host);
    }
    free(options->addresses);
}

static bool take_prefix(const char **text, const char *prefix)
{
    const size_t size = strlen(prefix);
    const bool has = strncmp(*text, prefix, size) == 0;
    *text += has ? size : 0;
    return has;
}

bool sx__listen_options_add(struct sx__listen_options *options, const char *text, bool admin)
{
    const char *rest = text;
    const bool has_tls = take_prefix(&rest, "https://");
    struct sx__host_port parts = {.host = ""};
    if (!has_tls) {
        take_prefix(&rest, "http://");
    }
    const bool is_unix = strncmp(rest, "unix:", 5) == 0;
    const char *wrong = !is_unix          ? sx__host_port_parse(&parts, rest)
                        : rest[5] == '\0' ? "there is no path"
                                          : NULL;
    if (wrong != NULL) {
        fprintf(stderr, "error: --%s cannot be %s: %s\n", admin ? "admin" : "listen", text, wrong);
        return false;
    }
    const char *host = strdup(is_unix ? rest : parts.host);
    if (host == NULL) {
        fprintf(stderr, "error: %s\n", sx_status_text(SX_ENOMEM));
        return false;
    }
    options->has_admin |= admin;
    options->addresses[options->count++] = (struct sx_listen_address){
        .host = host,
        .port = (uint16_t)strtoul(is_unix ? "0" : parts.port, NULL, 10),
        .serves = admin ? SX_SERVES_RESERVED : SX_SERVES_ALL,
        .tls = has_tls ? &options->tls : NULL,
    };
    return true;
}

bool sx__listen_options_set_minimum(struct sx__listen_options *options, const char *text)
{
    const bool is_3 = strcmp(text, "1.3") == 0;
    if (!is_3 && strcmp(text, "1.2") != 0) {
        fprintf(stderr, "error: --tls-minimum takes 1.2 or 1.3, not \"%s\"\n", text);
        return false;
    }
    options->tls.minimum = is_3 ? SX_TLS_1_3 : SX_TLS_1_2;
    return true;
}

bool sx__listen_options_finish(struct sx__listen_options *options)
{
    struct sx_run_options *run = options->run;
    bool has_tls = options->tls.key != NULL || options->tls.client_ca != NULL ||
                   options->tls.minimum != SX_TLS_DEFAULT;
    for (size_t i = 0; i < options->count; i++) {
        struct sx_listen_address *address = &options->addresses[i];
        has_tls |= address->tls != NULL;
        if (address->listen_fd != 0 && options->tls.certificate != NULL) {
            address->tls = &options->tls; /* as the first of them, which is in place of --host */
        }
        if (options->has_admin && address->serves == SX_SERVES_ALL) {
            address->serves = SX_SERVES_ORDINARY;
        }
    }
    if (has_tls && options->tls.certificate == NULL) {
        fputs("error: TLS needs a --certificate\n", stderr);
        return false;
    }
    run->tls = options->tls.certificate == NULL ? NULL : &options->tls;
    run->serves = options->has_admin ? SX_SERVES_ORDINARY : SX_SERVES_ALL;
    run->addresses = (struct sx_listen_address_list){options->addresses, options->count};
    return true;
}

static void print_url(const struct sx_listen_address *address, int port, FILE *to)
{
    const bool is_all = address->host[0] == '\0';
    const bool six = strchr(address->host, ':') != NULL;
    fprintf(to, "%s://%s%s%s:%d%s", address->tls == NULL ? "http" : "https", six ? "[" : "",
            is_all ? "localhost" : address->host, six ? "]" : "", port,
            is_all ? ", and at all other addresses of this machine" : "");
}

static void print_path(const struct sx_listen_address *address, const char *path, FILE *to)
{
    fprintf(to, "unix:%s%s", path, address->tls == NULL ? "" : ", with TLS");
}

/* What somebody else has bound is asked of the kernel. */
static void print_socket(const struct sx_listen_address *address, int port, FILE *to)
{
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_storage storage; /* is longer than a path, so a NUL is behind it */
    } name = {.storage = {0}};
    socklen_t size = sizeof name;
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
    struct sx_listen_address named = *address;
    named.host = host;
    if (getsockname(address->listen_fd, &name.any, &size) == 0 && name.any.sa_family == AF_UNIX) {
        const bool is_abstract = name.un.sun_path[0] == '\0';
        name.un.sun_path[0] = is_abstract ? '@' : name.un.sun_path[0];
        print_path(address, name.un.sun_path, to);
    } else if (getnameinfo(&name.any, size, host, sizeof host, NULL, 0, NI_NUMERICHOST) == 0) {
        print_url(&named, port, to);
    }
    fputs(", a socket of the service manager", to);
}

static void print_address(const struct sx_listen_address *address, int port, FILE *to)
{
    fputs("listening on ", to);
    if (address->listen_fd != 0) {
        print_socket(address, port, to);
    } else if (strncmp(address->host, "unix:", 5) == 0) {
        print_path(address, address->host + 5, to);
    } else {
        print_url(address, port, to);
    }
    fputs(address->serves == SX_SERVES_RESERVED ? ", for the reserved routes only\n" : "\n", to);
}

void sx__listen_options_print(const struct sx__listen_options *options, const struct sx_app *app,
                              FILE *to)
{
    const struct sx_run_options *run = options->run;
    const struct sx_listen_address first = {
        .host = run->host, .listen_fd = run->listen_fd, .serves = run->serves, .tls = run->tls};
    print_address(&first, sx_app_get_port(app, 0), to);
    for (size_t i = 0; i < options->count; i++) {
        print_address(&options->addresses[i], sx_app_get_port(app, i + 1), to);
    }
    fflush(to);
}
