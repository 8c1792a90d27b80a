/* Collects the addresses and the certificate of a command line; see listen_options.h. */
#include "listen_options.h"

#include "listen_address.h"
#include "sd_daemon.h"

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int sx__listen_options_init(struct sx__listen_options *options, size_t most)
{
    const size_t given = sx__sd_socket_count();
    *options = (struct sx__listen_options){.count = 0};
    options->addresses = calloc(most + given + 1, sizeof *options->addresses);
    if (options->addresses == NULL) {
        return SX_ENOMEM;
    }
    for (size_t i = 0; i < given; i++) {
        options->addresses[options->count++].listen_fd = sx__sd_socket(i);
    }
    return SX_OK;
}

void sx__listen_options_clean_up(struct sx__listen_options *options)
{
    free(options->addresses);
}

bool sx__listen_options_add(struct sx__listen_options *options, const char *text, bool admin)
{
    struct sx__listen_address parsed;
    const char *wrong = sx__listen_address_parse(&parsed, text);
    if (wrong != NULL) {
        fprintf(stderr, "error: --%s cannot be %s: %s\n", admin ? "admin" : "listen", text, wrong);
        return false;
    }
    options->has_admin |= admin;
    options->has_listen |= !admin;
    options->addresses[options->count++] = (struct sx_listen_address){
        .address = text,
        .admin = admin ? SX_ADMIN_ONLY : SX_ADMIN_INCLUDED,
        .tls = parsed.says_https ? &options->tls : NULL,
    };
    return true;
}

/* TLS needs a certificate, and a certificate that no address uses is a mistake. */
static bool check_tls(const struct sx__listen_options *options)
{
    const bool has_certificate = options->tls.certificate != NULL;
    bool is_used = false;
    for (size_t i = 0; i < options->count; i++) {
        is_used |= options->addresses[i].tls != NULL;
    }
    const bool has_other = options->tls.key != NULL || options->tls.client_ca != NULL ||
                           options->tls.minimum != SX_TLS_DEFAULT;
    if (!has_certificate && (is_used || has_other)) {
        fputs("error: TLS needs a --certificate\n", stderr);
        return false;
    }
    if (has_certificate && !is_used) {
        fputs("error: no address uses the --certificate: begin one with https://\n", stderr);
        return false;
    }
    return true;
}

bool sx__listen_options_finish(struct sx__listen_options *options)
{
    struct sx_listen_address *addresses = options->addresses;
    const struct sx_tls_options *tls = options->tls.certificate == NULL ? NULL : &options->tls;
    if (!options->has_listen && (options->count == 0 || addresses[0].listen_fd == 0)) {
        memmove(addresses + 1, addresses, options->count * sizeof *addresses);
        addresses[0] = (struct sx_listen_address){.address = SX__COMMAND_ADDRESS, .tls = tls};
        options->count++;
    }
    for (size_t i = 0; i < options->count; i++) {
        addresses[i].tls = addresses[i].listen_fd != 0 ? tls : addresses[i].tls;
        if (options->has_admin && addresses[i].admin == SX_ADMIN_INCLUDED) {
            addresses[i].admin = SX_ADMIN_EXCLUDED;
        }
    }
    options->run.address = addresses[0].address;
    options->run.listen_fd = addresses[0].listen_fd;
    options->run.admin = addresses[0].admin;
    options->run.tls = addresses[0].tls;
    options->run.addresses = (struct sx_listen_address_list){addresses + 1, options->count - 1};
    return check_tls(options);
}

static void print_url(const struct sx_listen_address *address, const char *host, int port, FILE *to)
{
    const bool is_all = host[0] == '\0';
    const bool six = strchr(host, ':') != NULL;
    fprintf(to, "%s://%s%s%s:%d%s", address->tls == NULL ? "http" : "https", six ? "[" : "",
            is_all ? "localhost" : host, six ? "]" : "", port,
            is_all ? ", and at all other addresses of this machine" : "");
}

static void print_path(const struct sx_listen_address *address, const char *path, FILE *to)
{
    fprintf(to, "unix:%s%s", path, address->tls == NULL ? "" : ", with TLS");
}

/* The kernel knows where a socket of systemd is bound. */
static void print_socket(const struct sx_listen_address *address, int port, FILE *to)
{
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_storage storage; /* is longer than a path, so a NUL is behind it */
    } name = {.storage = {0}};
    socklen_t size = sizeof name;
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
    if (getsockname(address->listen_fd, &name.any, &size) == 0 && name.any.sa_family == AF_UNIX) {
        const bool is_abstract = name.un.sun_path[0] == '\0';
        name.un.sun_path[0] = is_abstract ? '@' : name.un.sun_path[0];
        print_path(address, name.un.sun_path, to);
    } else if (getnameinfo(&name.any, size, host, sizeof host, NULL, 0, NI_NUMERICHOST) == 0) {
        print_url(address, host, port, to);
    }
    fputs(", a socket of the service manager", to);
}

static void print_address(const struct sx_listen_address *address, int port, FILE *to)
{
    struct sx__listen_address parsed;
    fputs("listening on ", to);
    if (address->listen_fd != 0) {
        print_socket(address, port, to);
    } else if (sx__listen_address_parse(&parsed, address->address) == NULL) {
        if (parsed.path != NULL) {
            print_path(address, parsed.path, to);
        } else {
            print_url(address, parsed.tcp.host, port, to);
        }
    }
    fputs(address->admin == SX_ADMIN_ONLY ? ", for the admin routes only\n" : "\n", to);
}

void sx__listen_options_print(const struct sx__listen_options *options, const struct sx_app *app,
                              FILE *to)
{
    for (size_t i = 0; i < options->count; i++) {
        print_address(&options->addresses[i], sx_app_get_port(app, i), to);
    }
    fflush(to);
}
