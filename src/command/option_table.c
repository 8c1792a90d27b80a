/* The options of `run`; see option_table.h. */
#include "option_table.h"

#include "processors.h"
#include "run_options.h"

#include <stdlib.h>
#include <string.h>

static bool take_listen(struct sx__listen_options *options, const char *name, const char *value)
{
    (void)name;
    return sx__listen_options_add(options, value, false);
}

static bool take_admin(struct sx__listen_options *options, const char *name, const char *value)
{
    (void)name;
    return sx__listen_options_add(options, value, true);
}

static bool take_number(unsigned *number, unsigned most, const char *name, const char *value)
{
    char *end;
    const unsigned long taken = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || taken > most) {
        fprintf(stderr, "error: --%s takes a number from 0 to %u, not \"%s\"\n", name, most, value);
        return false;
    }
    *number = (unsigned)taken;
    return true;
}

static bool take_threads(struct sx__listen_options *options, const char *name, const char *value)
{
    return take_number(&options->run.threads, SX__THREADS_MAX, name, value);
}

static bool take_workers(struct sx__listen_options *options, const char *name, const char *value)
{
    if (!take_number(&options->workers, SX_WORKERS_MAX, name, value)) {
        return false;
    }
    if (options->workers == 0) {
        const unsigned processors = sx__processor_count();
        options->workers = processors < SX_WORKERS_MAX ? processors : SX_WORKERS_MAX;
    }
    return true;
}

static bool take_user(struct sx__listen_options *options, const char *name, const char *value)
{
    (void)name;
    options->user = value;
    return true;
}

static bool take_certificate(struct sx__listen_options *options, const char *name,
                             const char *value)
{
    (void)name;
    options->tls.certificate = value;
    return true;
}

static bool take_key(struct sx__listen_options *options, const char *name, const char *value)
{
    (void)name;
    options->tls.key = value;
    return true;
}

static bool take_client_ca(struct sx__listen_options *options, const char *name, const char *value)
{
    (void)name;
    options->tls.client_ca = value;
    return true;
}

static bool take_tls_minimum(struct sx__listen_options *options, const char *name,
                             const char *value)
{
    const bool is_3 = strcmp(value, "1.3") == 0;
    if (!is_3 && strcmp(value, "1.2") != 0) {
        fprintf(stderr, "error: --%s takes 1.2 or 1.3, not \"%s\"\n", name, value);
        return false;
    }
    options->tls.minimum = is_3 ? SX_TLS_1_3 : SX_TLS_1_2;
    return true;
}

const struct sx__option sx__option_table[SX__OPTIONS] = {
    {"listen", "ADDRESS",
     "[https://]HOST:PORT, or :PORT for all addresses of the machine, or\n"
     "unix:PATH[,mode=660][,owner=USER][,group=GROUP]; may be repeated\n"
     "(" SX__COMMAND_ADDRESS "); port 0: a free one",
     take_listen},
    {"admin", "ADDRESS",
     "serve the admin routes, such as /metrics, at this address only;\n"
     "written as for --listen, may be repeated",
     take_admin},
    {"threads", "N", "handlers that may run at the same time (64), at most 4096", take_threads},
    {"workers", "N",
     "processes that serve, each with its threads; one that dies is replaced;\n"
     "SIGHUP replaces them all; 0: one for each processor (none: this process\n"
     "serves)",
     take_workers},
    {"user", "NAME[:GROUP]",
     "become this user when the addresses are bound; needs root. What a\n"
     "reload reads must be readable for it",
     take_user},
    {"certificate", "FILE",
     "PEM, for the addresses that begin with https:// and for sockets of\n"
     "systemd; SIGHUP reads it again",
     take_certificate},
    {"key", "FILE", "PEM (in the file of the certificate)", take_key},
    {"client-ca", "FILE", "PEM; a client needs a certificate that one of these has signed",
     take_client_ca},
    {"tls-minimum", "1.2|1.3", "oldest version of TLS (1.2)", take_tls_minimum},
    {"help", NULL, "print this", NULL},
};
