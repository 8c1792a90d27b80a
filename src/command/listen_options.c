#include "listen_options.h"

#include "host_port.h"
#include "sd_daemon.h"
#include "unix_address.h"

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
    const size_t given = sx__sd_socket_count();
    *options = (struct sx__listen_options){.run = run};
    options->addresses = calloc(most + given + 1, sizeof *options->addresses);
    options->unix_options = calloc(most + given + 1, sizeof *options->unix_options);
    if (options->addresses == NULL || options->unix_options == NULL) {
        return SX_ENOMEM;
    }
    run->listen_fd = given > 0 ? sx__sd_socket(0) : 0;
    for (size_t i = 1; i < given; i++) {
        options->addresses[options->count++].listen_fd = sx__sd_socket(i);
    }
    return SX_OK;
}

void sx__listen_options_clean_up(struct sx__listen_options *options)
{
    for (size_t i = 0; i < options->count; i++) {
        free((char *)(uintptr_t)options->addresses[i].host);
    }
    free(options->addresses);
    free(options->unix_options);
    free(options->host);
}

static bool take_prefix(const char **text, const char *prefix)
{
    const size_t size = strlen(prefix);
    const bool has = strncmp(*text, prefix, size) == 0;
    *text += has ? size : 0;
    return has;
}

static bool is_unix(const char *text)
{
    return strncmp(text, "unix:", 5) == 0;
}

static bool refuse(const char *option, const char *text, const char *wrong)
{
    fprintf(stderr, "error: --%s cannot be %s: %s\n", option, text, wrong);
    return false;
}

/* Returns a copy, or NULL after printing that there is no memory. */
static char *copy(const char *text)
{
    char *made = strdup(text);
    if (made == NULL) {
        fprintf(stderr, "error: %s\n", sx_status_text(SX_ENOMEM));
    }
    return made;
}

bool sx__listen_options_set_host(struct sx__listen_options *options, const char *text)
{
    char message[SX__UNIX_ADDRESS_MESSAGE_BYTES];
    free(options->host);
    options->host = copy(text);
    options->run->host = options->host;
    options->run->unix_options = NULL;
    /* The engine reports an empty path, as for every program. */
    if (options->host == NULL || !is_unix(text) || strchr(text, ',') == NULL) {
        return options->host != NULL;
    }
    options->run->unix_options = &options->host_options;
    const char *wrong = sx__unix_address_parse(options->host, &options->host_options, message);
    return wrong == NULL || refuse("host", text, wrong);
}

static bool add_unix(struct sx__listen_options *options, struct sx_listen_address *address,
                     const char *option, const char *text, const char *rest)
{
    char message[SX__UNIX_ADDRESS_MESSAGE_BYTES];
    struct sx_unix_options *unix_options = &options->unix_options[options->count];
    char *host = copy(rest);
    const char *wrong = host == NULL ? NULL : sx__unix_address_parse(host, unix_options, message);
    if (wrong != NULL) {
        refuse(option, text, wrong);
    }
    if (host == NULL || wrong != NULL) {
        free(host);
        return false;
    }
    address->host = host;
    address->unix_options = unix_options;
    return true;
}

static bool add_host_port(struct sx_listen_address *address, const char *option, const char *text,
                          const char *rest)
{
    struct sx__host_port parts = {.host = ""};
    const char *wrong = sx__host_port_parse(&parts, rest);
    if (wrong != NULL) {
        return refuse(option, text, wrong);
    }
    address->host = copy(parts.host);
    address->port = (uint16_t)strtoul(parts.port, NULL, 10);
    return address->host != NULL;
}

bool sx__listen_options_add(struct sx__listen_options *options, const char *text, bool admin)
{
    const char *option = admin ? "admin" : "listen";
    const char *rest = text;
    const bool has_tls = take_prefix(&rest, "https://");
    if (!has_tls) {
        take_prefix(&rest, "http://");
    }
    struct sx_listen_address address = {
        .serves = admin ? SX_SERVES_RESERVED : SX_SERVES_ALL,
        .tls = has_tls ? &options->tls : NULL,
    };
    if (!(is_unix(rest) ? add_unix(options, &address, option, text, rest)
                        : add_host_port(&address, option, text, rest))) {
        return false;
    }
    options->has_admin |= admin;
    options->addresses[options->count++] = address;
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
