/* The command line of an app: `run` and `routes`. The only code that installs signal handlers. */
#include "application.h"
#include "convert.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(FILE *to, const char *program)
{
    fprintf(to,
            "usage: %s run [--host HOST] [--port PORT] [--threads N]\n"
            "       %s routes\n"
            "\n"
            "run     serve until SIGTERM or SIGINT\n"
            "        --host HOST   address to listen on (127.0.0.1)\n"
            "        --port PORT   port to listen on (8080); 0: a free one\n"
            "        --threads N   handlers that may run at the same time (64)\n"
            "routes  list the routes, with the parameters and components of their handlers\n",
            program, program);
    return to == stdout ? 0 : 2;
}

/* ---- routes ---- */

static const char *source_name(enum sx_source source)
{
    static const char *const names[] = {"",          "path",    "query", "header",
                                        "component", "options", "form",  "body"};
    return names[source];
}

static void print_param(const struct sx_param *param)
{
    char what[SX__CONVERT_MESSAGE_BYTES];
    if (param->source == SX_SOURCE_INJECT) {
        printf("    %-9s %s: %s\n", source_name(param->source), param->name,
               param->component->name);
        return;
    }
    sx__convert_describe(param, what, sizeof what);
    printf("    %-9s %s: %s%s\n", source_name(param->source), param->name, what,
           param->optional ? ", optional" : "");
}

static int list_routes(const struct sx_app *app)
{
    for (size_t i = 0; i < sx_app_get_route_count(app); i++) {
        const struct sx_route *route = sx_app_get_route(app, i);
        printf("%-6s %-24s %s\n", route->method, route->path, sx_app_get_route_handler(app, i));
        for (size_t k = 0; k < route->handler->param_count; k++) {
            print_param(&route->handler->params[k]);
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- run ---- */

static struct sx_app *volatile running_app;

static void on_signal(int signal_number)
{
    (void)signal_number;
    sx_app_stop(running_app);
}

static bool parse_number(unsigned long *value, const char *name, const char *text,
                         unsigned long max)
{
    char *end;
    unsigned long parsed = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || parsed > max) {
        fprintf(stderr, "error: --%s takes a number from 0 to %lu, not \"%s\"\n", name, max, text);
        return false;
    }
    *value = parsed;
    return true;
}

static bool parse_run(struct sx_run_options *options, int argc, char **argv)
{
    static const struct option names[] = {{"host", required_argument, NULL, 'h'},
                                          {"port", required_argument, NULL, 'p'},
                                          {"threads", required_argument, NULL, 't'},
                                          {0}};
    int option;
    unsigned long number = 0;
    options->host = "127.0.0.1";
    options->port = 8080;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'h':
            options->host = optarg;
            break;
        case 'p':
            if (!parse_number(&number, "port", optarg, 65535)) {
                return false;
            }
            options->port = (uint16_t)number;
            break;
        case 't':
            if (!parse_number(&number, "threads", optarg, 10000)) {
                return false;
            }
            options->threads = (unsigned)number;
            break;
        default:
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "error: \"%s\" is not understood\n", argv[optind]);
    }
    return optind == argc;
}

static int run(struct sx_app *app, const struct sx_run_options *options)
{
    int port = sx_app_listen(app, options);
    if (port < 0) {
        return 1;
    }
    running_app = app;
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before_term;
    struct sigaction before_int;
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, &before_term);
    sigaction(SIGINT, &action, &before_int);
    bool six = strchr(options->host, ':') != NULL;
    printf("listening on http://%s%s%s:%d\n", six ? "[" : "", options->host, six ? "]" : "", port);
    fflush(stdout);
    int status = sx_app_run(app);
    sigaction(SIGTERM, &before_term, NULL);
    sigaction(SIGINT, &before_int, NULL);
    running_app = NULL;
    if (status < 0) {
        sx_app_log(app, SX_LOG_ERROR, "cannot run: %s", sx_status_text(status));
    }
    return status < 0 ? 1 : 0;
}

int sx_app_main(int argc, char **argv, const struct sx_app_options *options)
{
    const char *program = argc > 0 ? argv[0] : "app";
    const char *command = argc > 1 ? argv[1] : "";
    struct sx_run_options run_options = {0};
    bool runs = strcmp(command, "run") == 0;
    bool lists = strcmp(command, "routes") == 0 && argc == 2;
    if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0) {
        return usage(stdout, program);
    }
    if (!lists && !(runs && parse_run(&run_options, argc - 1, argv + 1))) {
        return usage(stderr, program);
    }
    struct sx_app *app = NULL;
    int status = sx_app_new(&app, options);
    if (status < 0) {
        if (status != SX_EWIRING && status != SX_ECOMPONENT) { /* these have been explained */
            fprintf(stderr, "error: cannot make the app: %s\n", sx_status_text(status));
        }
        return 1;
    }
    int exit_status = lists ? list_routes(app) : run(app, &run_options);
    sx_app_destroy(app);
    return exit_status;
}
