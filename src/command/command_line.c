/* The command line of an app: `run` and `routes`. */
#include "application.h"
#include "convert.h"
#include "option_table.h"
#include "pipe_signal.h"
#include "program.h"
#include "run_options.h"
#include "sd_daemon.h"
#include "server.h"
#include "settings.h"
#include "signals.h"
#include "standard_descriptors.h"
#include "user.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* What the command line says. */
struct command {
    const char *program;
    bool lists; /* routes, not run */
    bool helps; /* --help was given, so there is no command */
    struct sx__listen_options listen;
    struct sx_setting *settings; /* the app's own, then those of the command line */
    size_t setting_count;
    struct option *options;         /* the last one has no name */
    const struct sx_param **params; /* of the options behind the first SX__OPTIONS */
    size_t option_count;
    int status; /* of making the options */
};

/* --page-size for the setting page_size. */
static void option_name(char *name, size_t size, const char *setting)
{
    snprintf(name, size, "%s", setting);
    for (char *p = name; *p != '\0'; p++) {
        *p = *p == '_' ? '-' : *p;
    }
}

/* Looks for the first parameter that asks for a setting. */
struct search {
    const char *name;
    const struct sx_param *first; /* NULL: none so far */
};

static void search_param(void *context, const struct sx_param *param)
{
    struct search *search = context;
    if (search->first == NULL && strcmp(param->name, search->name) == 0) {
        search->first = param;
    }
}

/* Once for each setting, however many ask for it. */
static void print_setting(void *context, const struct sx_param *param)
{
    struct search search = {.name = param->name};
    sx__settings_visit(context, search_param, &search);
    if (search.first != param) {
        return;
    }
    char name[64];
    char what[SX__CONVERT_MESSAGE_BYTES];
    option_name(name, sizeof name, param->name);
    sx__convert_describe(param, what, sizeof what);
    printf("        --%s VALUE  %s%s%s", name, param->help == NULL ? "" : param->help,
           param->help == NULL ? "" : ": ", what);
    if (param->fallback != NULL) {
        printf(" (%s)", param->fallback);
    }
    putchar('\n');
}

/* Indents every line of the help of an option. */
static void print_option(const struct sx__option *option)
{
    printf("        --%s%s%s\n", option->name, option->value == NULL ? "" : " ",
           option->value == NULL ? "" : option->value);
    for (const char *line = option->help; line != NULL;) {
        const char *end = strchr(line, '\n');
        printf("            %.*s\n", (int)(end == NULL ? strlen(line) : (size_t)(end - line)),
               line);
        line = end == NULL ? NULL : end + 1;
    }
}

static int usage(const char *program, const struct sx_app_options *options)
{
    printf("usage: %s run [options] [settings]\n"
           "       %s routes [settings]\n"
           "\n"
           "run     serve until SIGTERM or SIGINT\n",
           program, program);
    for (size_t i = 0; i < SX__OPTIONS; i++) {
        print_option(&sx__option_table[i]);
    }
    printf("routes  list the routes, with the parameters and components of their handlers\n");
    sx__settings_visit(options, print_setting, (void *)(uintptr_t)options);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int refuse(const char *program)
{
    fprintf(stderr, "run `%s --help` for the commands and options\n", program);
    return 2;
}

/* ---- routes ---- */

static const char *source_name(enum sx_source source)
{
    static const char *const names[] = {
        [SX_SOURCE_PATH] = "path",       [SX_SOURCE_QUERY] = "query",
        [SX_SOURCE_HEADER] = "header",   [SX_SOURCE_INJECT] = "component",
        [SX_SOURCE_OPTIONS] = "options", [SX_SOURCE_FORM] = "form",
        [SX_SOURCE_BODY] = "body",       [SX_SOURCE_SETTING] = "setting",
    };
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

static void count_setting(void *context, const struct sx_param *param)
{
    (void)param;
    ++*(size_t *)context;
}

/* What getopt_long gives for the option at that index: no character, and another for each, as it
 * takes an abbreviation of several for the first of them where their values are the same. */
#define OPTION_VALUE(index) (256 + (int)(index))

static const struct option *find_option(const struct command *command, const char *name)
{
    const struct option *option = command->options;
    while (option->name != NULL && strcmp(option->name, name) != 0) {
        option++;
    }
    return option->name == NULL ? NULL : option;
}

/* Once for each setting, however many ask for it. */
static void add_option(void *context, const struct sx_param *param)
{
    struct command *command = context;
    size_t size = strlen(param->name) + 1;
    char *name = malloc(size);
    if (name == NULL) {
        command->status = SX_ENOMEM;
        return;
    }
    option_name(name, size, param->name);
    const struct option *same = find_option(command, name);
    if (same == NULL) {
        command->params[command->option_count] = param;
        command->options[command->option_count] =
            (struct option){name, required_argument, NULL, OPTION_VALUE(command->option_count)};
        command->option_count++;
        return;
    }
    if (same < command->options + SX__OPTIONS && command->status == SX_OK) {
        fprintf(stderr, "error: the setting '%s' needs another name: --%s is an option of `run`\n",
                param->name, name);
        command->status = SX_EWIRING;
    }
    free(name);
}

static void command_clean_up(struct command *command)
{
    for (size_t i = SX__OPTIONS; i < command->option_count; i++) {
        free((char *)(uintptr_t)command->options[i].name);
    }
    free(command->options);
    free((void *)(uintptr_t)command->params);
    free(command->settings);
    sx__listen_options_clean_up(&command->listen);
}

static int command_init(struct command *command, int argc, const struct sx_app_options *options)
{
    size_t count = SX__OPTIONS + 1;
    sx__settings_visit(options, count_setting, &count);
    command->options = calloc(count, sizeof *command->options);
    command->params = calloc(count, sizeof *command->params);
    command->settings =
        calloc(options->settings.count + (size_t)argc + 1, sizeof *command->settings);
    if (command->options == NULL || command->params == NULL || command->settings == NULL) {
        return SX_ENOMEM;
    }
    for (size_t i = 0; i < SX__OPTIONS; i++) {
        const struct sx__option *option = &sx__option_table[i];
        command->options[i] =
            (struct option){option->name, option->value == NULL ? no_argument : required_argument,
                            NULL, OPTION_VALUE(i)};
    }
    command->option_count = SX__OPTIONS;
    sx__settings_visit(options, add_option, command);
    if (command->status < 0) {
        return command->status;
    }
    for (size_t i = 0; i < options->settings.count; i++) {
        command->settings[command->setting_count++] = options->settings.items[i];
    }
    return sx__listen_options_init(&command->listen, (size_t)argc);
}

static bool take_option(struct command *command, int index, const char *value)
{
    if (index < SX__OPTIONS) {
        const struct sx__option *option = &sx__option_table[index];
        return option->take(&command->listen, option->name, value);
    }
    command->settings[command->setting_count++] =
        (struct sx_setting){command->params[index]->name, value};
    return true;
}

/* --help is the option that takes nothing. */
static bool asks_for_help(int option)
{
    const int index = option - OPTION_VALUE(0);
    return option == 'h' ||
           (index >= 0 && index < SX__OPTIONS && sx__option_table[index].take == NULL);
}

/* Two options that the text, `--name` or `--name=value`, may be short for. */
static bool is_ambiguous(const struct command *command, const char *text, const char *both[2])
{
    const char *name = text + strspn(text, "-");
    const size_t size = strcspn(name, "=");
    size_t count = 0;
    for (const struct option *option = command->options; option->name != NULL; option++) {
        if (count < 2 && strncmp(option->name, name, size) == 0) {
            both[count++] = option->name;
        }
    }
    return count == 2;
}

static void explain(const struct command *command, int option, const char *text)
{
    const char *both[2];
    if (option == ':') {
        fprintf(stderr, "error: %s needs a value\n", text);
    } else if (optopt > 0) {
        fprintf(stderr, "error: unknown option -%c\n", optopt);
    } else if (is_ambiguous(command, text, both)) {
        fprintf(stderr, "error: %s is ambiguous: --%s or --%s\n", text, both[0], both[1]);
    } else {
        fprintf(stderr, "error: unknown option %s\n", text);
    }
}

static bool parse(struct command *command, int argc, char **argv)
{
    int option;
    optind = 0; /* the program may have used getopt before */
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", command->options, NULL)) != -1) {
        command->helps = asks_for_help(option);
        if (command->helps) {
            return true;
        }
        if (option < OPTION_VALUE(0)) {
            explain(command, option, argv[optind - 1]);
            return false;
        }
        if (!take_option(command, option - OPTION_VALUE(0), optarg)) {
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "error: unexpected argument \"%s\"\n", argv[optind]);
    }
    return optind == argc && sx__listen_options_finish(&command->listen);
}

#define REASON_BYTES 512

/* For what is neither a connection nor its file. */
#define OTHER_DESCRIPTORS 1024

/* Most systems give a process 1,024 descriptors, because select() knows no others, and let it have
 * more if it asks. No more than can be of use: some let it have a billion, and there are programs
 * that close them all, one by one, before they start another. */
static void raise_descriptor_limit(const struct sx_run_options *run)
{
    struct sx_run_options options;
    struct rlimit limit;
    if (sx__run_options_resolve(&options, run) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return;
    }
    const rlim_t useful = 2 * (rlim_t)options.connection_count + OTHER_DESCRIPTORS;
    const rlim_t most = useful < limit.rlim_max ? useful : limit.rlim_max;
    if (limit.rlim_cur < most) {
        limit.rlim_cur = most;
        setrlimit(RLIMIT_NOFILE, &limit); /* else there are as many as there were */
    }
}

/* SIGPIPE from a stdout without a reader must not end the process, now or later. */
static void announce(struct sx_app *app, const struct sx__listen_options *listen)
{
    struct sx__pipe_signal sigpipe;
    sx__pipe_signal_block(&sigpipe);
    sx__listen_options_print(listen, app, stdout);
    sx__pipe_signal_restore(&sigpipe);
}

static bool become_user(const struct sx_app *app, const char *user)
{
    char reason[REASON_BYTES];
    if (user == NULL || sx__user_become(user, reason, sizeof reason)) {
        return true;
    }
    sx_app_log(app, SX_LOG_ERROR, "cannot become user %s: %s", user, reason);
    return false;
}

static int run(struct sx_app *app, const struct sx__listen_options *listen,
               struct sx__signals *signals, struct sx__started *started)
{
    const struct sx__watcher watcher = sx__sd_watcher();
    struct sx__program program = {.context = started, .execute = sx__started_execute};
    raise_descriptor_limit(&listen->run);
    if (sx_app_listen(app, &listen->run) < 0) {
        return 1;
    }
    if (!become_user(app, listen->user)) {
        return 1;
    }
    sx__server_watch(app->server, &watcher);
    app->program = started->arguments == NULL ? NULL : &program;
    sx__signals_serve(signals, app);
    announce(app, listen);
    int status = sx_app_run(app);
    sx__signals_release(signals);
    if (status < 0) {
        sx_app_log(app, SX_LOG_ERROR, "cannot run: %s", sx_status_text(status));
    }
    return status < 0 ? 1 : 0;
}

static int execute(const struct command *command, const struct sx_app_options *options,
                   struct sx__signals *signals, struct sx__started *started)
{
    struct sx_app *app = NULL;
    struct sx_app_options with_settings = *options;
    with_settings.settings = (struct sx_setting_list){command->settings, command->setting_count};
    with_settings.workers =
        command->listen.workers > 0 ? command->listen.workers : options->workers;
    int status =
        command->lists ? sx__app_resolve(&app, &with_settings) : sx_app_new(&app, &with_settings);
    if (status < 0) {
        if (status != SX_EWIRING && status != SX_ECOMPONENT) { /* these have been explained */
            fprintf(stderr, "error: cannot make the app: %s\n", sx_status_text(status));
        }
        return 1;
    }
    int exit_status =
        command->lists ? list_routes(app) : run(app, &command->listen, signals, started);
    sx_app_destroy(app);
    return exit_status;
}

static int execute_caught(const struct command *command, const struct sx_app_options *options,
                          struct sx__started *started)
{
    struct sx__signals signals;
    sx__signals_begin(&signals);
    const int exit_status = execute(command, options, &signals, started);
    sx__signals_end(&signals);
    return exit_status;
}

int sx_app_main(int argc, char **argv, const struct sx_app_options *options)
{
    struct command command = {.program = argc > 0 ? argv[0] : "app"};
    const char *verb = argc > 1 ? argv[1] : "";
    sx__standard_descriptors_open();
    sx__former_begin();
    if (options == NULL) {
        fprintf(stderr, "error: cannot make the app: %s\n", sx_status_text(SX_EINVAL));
        return 1;
    }
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0 || strcmp(verb, "help") == 0) {
        return usage(command.program, options);
    }
    command.lists = strcmp(verb, "routes") == 0;
    if (!command.lists && strcmp(verb, "run") != 0) {
        fprintf(stderr,
                argc > 1 ? "error: unknown command \"%s\"; expected `run` or `routes`\n"
                         : "error: missing command%s; expected `run` or `routes`\n",
                verb);
        return refuse(command.program);
    }
    int exit_status = 1;
    struct sx__started started;
    sx__started_init(&started, argc, argv);
    const int status = command_init(&command, argc, options);
    if (status == SX_OK) {
        const bool parsed = parse(&command, argc - 1, argv + 1);
        exit_status = !parsed         ? refuse(command.program)
                      : command.helps ? usage(command.program, options)
                      : command.lists ? execute(&command, options, NULL, NULL)
                                      : execute_caught(&command, options, &started);
    } else if (status != SX_EWIRING) { /* that has been explained */
        fprintf(stderr, "error: %s\n", sx_status_text(status));
    }
    command_clean_up(&command);
    sx__started_clean_up(&started);
    return exit_status;
}
