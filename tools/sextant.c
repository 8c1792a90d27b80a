/* sextant.c: the command `sextant`.
 *
 *     sextant check [OPTION]... [FILE]    checks a page
 *     sextant show [OPTION]... [FILE]     prints a page as a table
 *     sextant show --shared NAME          prints a registry that has this name as a table
 *     sextant --version
 *
 * Exits with 0 if the page is good, 1 if it has errors, 2 if it could not be read, 3 if there is
 * only advice. `promtool check metrics` uses 1 and 3 in the same way.
 */
#include "input.h"
#include "show.h"

#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <sextant/exposition.h>
#include <sextant/parse.h>
#include <sextant/version.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_GOOD 0
#define EXIT_ERRORS 1
#define EXIT_TROUBLE 2
#define EXIT_ADVICE 3

static const char usage[] =
    "usage: sextant check [--format FORMAT] [--lint] [--no-advice] [--allow RULE]...\n"
    "                     [--utf8-names] [FILE]\n"
    "       sextant show [--format FORMAT] [FILE]\n"
    "       sextant show --shared NAME\n"
    "       sextant --help | --version\n"
    "\n"
    "Reads a metrics page from FILE, or from standard input if FILE is - or left out,\n"
    "or a registry that running programs of this user share (see docs/shared.md).\n"
    "\n"
    "  check  Checks the page more strictly than Prometheus does. Prints a line for each\n"
    "         violation: `line N: ... (RULE)` for an error, `line N: advice: ... (RULE)`\n"
    "         for what is valid but unusual.\n"
    "  show   Prints the page as a table: families, their series, and for histograms\n"
    "         and summaries the count, the mean and quantiles with bars.\n"
    "\n"
    "Options:\n"
    "  --format FORMAT  text         Prometheus text 0.0.4\n"
    "                   openmetrics  OpenMetrics 1.0\n"
    "                   auto         (the default) OpenMetrics if a line is `# EOF` or\n"
    "                                `# UNIT` or has an exemplar, else text\n"
    "  --shared NAME    of the registry, as its programs have it in `shared_name`\n"
    "  --lint           also check names, units, HELP and labels: the rules lint-...\n"
    "  --no-advice      print and count errors only\n"
    "  --allow RULE     leave out what RULE finds; may be repeated\n"
    "  --utf8-names     names of metrics and labels may be in quotes, as in text 1.0.0,\n"
    "                   and in OpenMetrics with escaping=allow-utf-8\n"
    "\n"
    "Exit status:\n"
    "  0  the page is good\n"
    "  1  it has errors; with show: a line cannot be read\n"
    "  2  it could not be read or checked\n"
    "  3  it has advice only\n"
    "\n"
    "Examples:\n"
    "  curl -s http://127.0.0.1:9100/metrics | sextant check --lint\n"
    "  curl -s http://127.0.0.1:9100/metrics | sextant show | less\n"
    "\n"
    "Rules:\n";

/* Counts what is printed. */
struct printed {
    size_t errors, advice;
};

static int print_violation(void *context, const struct sx_violation *violation)
{
    struct printed *printed = context;
    *(violation->advice ? &printed->advice : &printed->errors) += 1;
    const char *suggestion = violation->suggestion;
    return printf("line %zu: %s%s%s%s (%s)\n", violation->line, violation->advice ? "advice: " : "",
                  violation->text, suggestion == NULL ? "" : ": ",
                  suggestion == NULL ? "" : suggestion, violation->rule) < 0;
}

static int status_of(const struct printed *printed)
{
    if (printed->errors > 0) {
        return EXIT_ERRORS;
    }
    return printed->advice > 0 ? EXIT_ADVICE : EXIT_GOOD;
}

/* What the command line asks for. */
struct checking {
    struct sx_check_options options;
    bool guess_format;
};

static int check_file(const char *name, const struct checking *checking)
{
    char *data = NULL;
    size_t size = 0;
    int result = read_input(name, &data, &size);
    if (result != EXIT_GOOD) {
        goto finish;
    }
    struct sx_check_options options = checking->options;
    if (checking->guess_format) {
        options.format = sx_format_guess((struct sx_str){data, size});
    }
    struct printed printed = {0, 0};
    int violations =
        sx_exposition_check((struct sx_str){data, size}, &options, print_violation, &printed);
    if (violations < 0) {
        fprintf(stderr, "sextant: %s: %s\n", name == NULL ? "standard input" : name,
                sx_status_text(violations));
        result = EXIT_TROUBLE;
    } else {
        result = flush_output();
        result = result == EXIT_GOOD ? status_of(&printed) : result;
    }
finish:
    free(data);
    return result;
}

static int refuse(const char *what, const char *name)
{
    fprintf(stderr, "sextant: %s%s; see `sextant --help`\n", what, name);
    return EXIT_TROUBLE;
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static int print_version(void)
{
    fputs("sextant " SX_VERSION "\n", stdout);
    return flush_output();
}

static int print_help(void)
{
    size_t count;
    const struct sx_check_rule *rules = sx_check_rules(&count);
    fputs(usage, stdout);
    for (size_t i = 0; i < count; i++) {
        printf("  %-19s  %s  %s\n", rules[i].name, rules[i].advice ? "advice" : "error ",
               rules[i].text);
    }
    return flush_output();
}

static bool is_rule(const char *name)
{
    size_t count;
    const struct sx_check_rule *rules = sx_check_rules(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rules[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int refuse_rule(const char *name)
{
    size_t count;
    const struct sx_check_rule *rules = sx_check_rules(&count);
    fprintf(stderr, "sextant: unknown rule %s; the rules are", name);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "%s %s", i == 0 ? "" : ",", rules[i].name);
    }
    fputs("\n", stderr);
    return EXIT_TROUBLE;
}

/* Returns the argument of the option `name`, which is the next argument or follows a `=`. Returns
 * NULL if argv[*at] is not this option, or if it is the last argument. */
static const char *option_value(const char *name, int argc, char **argv, int *at)
{
    size_t size = strlen(name);
    if (strncmp(argv[*at], name, size) != 0) {
        return NULL;
    }
    if (argv[*at][size] == '=') {
        return argv[*at] + size + 1;
    }
    return argv[*at][size] == '\0' && *at + 1 < argc ? argv[++*at] : NULL;
}

static bool read_format(struct checking *checking, const char *name)
{
    checking->guess_format = strcmp(name, "auto") == 0;
    checking->options.format =
        strcmp(name, "openmetrics") == 0 ? SX_FORMAT_OPENMETRICS : SX_FORMAT_TEXT;
    return checking->guess_format || strcmp(name, "text") == 0 || strcmp(name, "openmetrics") == 0;
}

/* Reads an option, which may take the next argument, too. Returns EXIT_GOOD or the exit status. */
static int read_option(struct checking *checking, const char **allow, int argc, char **argv,
                       int *at)
{
    const char *value;
    if (strcmp(argv[*at], "--no-advice") == 0) {
        checking->options.no_advice = true;
    } else if (strcmp(argv[*at], "--lint") == 0) {
        checking->options.lint = true;
    } else if (strcmp(argv[*at], "--utf8-names") == 0) {
        checking->options.utf8_names = true;
    } else if ((value = option_value("--allow", argc, argv, at)) != NULL) {
        if (!is_rule(value)) {
            return refuse_rule(value);
        }
        allow[checking->options.allow_count++] = value;
    } else if ((value = option_value("--format", argc, argv, at)) != NULL) {
        return read_format(checking, value)
                   ? EXIT_GOOD
                   : refuse("--format must be text, openmetrics or auto, not ", value);
    } else if (strcmp(argv[*at], "--allow") == 0) {
        return refuse("--allow needs a RULE", "");
    } else if (strcmp(argv[*at], "--format") == 0) {
        return refuse("--format needs text, openmetrics or auto", "");
    } else {
        return refuse("unknown option ", argv[*at]);
    }
    return EXIT_GOOD;
}

/* `allow` has room for the value of every argument. */
static int check(int argc, char **argv, const char **allow)
{
    struct checking checking = {.options = {.violations_max = SIZE_MAX, .allow = allow},
                                .guess_format = true};
    const char *file = NULL;
    for (int at = 0; at < argc; at++) {
        if (is_help(argv[at])) {
            return print_help();
        }
        if (argv[at][0] == '-' && argv[at][1] != '\0') {
            int status = read_option(&checking, allow, argc, argv, &at);
            if (status != EXIT_GOOD) {
                return status;
            }
        } else if (file != NULL) {
            return refuse("check takes one FILE", "");
        } else {
            file = argv[at];
        }
    }
    return check_file(file, &checking);
}

/* The bars are drawn with block characters if the locale has them. */
static bool has_blocks(void)
{
    return setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static int show_file(const char *name, const struct checking *showing)
{
    char *data = NULL;
    size_t size = 0;
    int result = read_input(name, &data, &size);
    if (result == EXIT_GOOD) {
        const struct sx_str page = {data, size};
        const enum sx_format format =
            showing->guess_format ? sx_format_guess(page) : showing->options.format;
        result = show_page(page, format, has_blocks());
        int written = flush_output();
        result = written == EXIT_GOOD ? result : written;
    }
    free(data);
    return result;
}

static const char *shared_error(int status)
{
    switch (status) {
    case SX_EINVAL:
        return "not a name of a shared registry";
    case SX_EPROTO:
        return "the shared registry is damaged";
    case SX_EAGAIN:
        return "series come and go too fast; try again";
    default:
        return sx_status_text(status);
    }
}

static int show_shared(const char *name)
{
    static const struct sx_page_options options = {.format = SX_FORMAT_TEXT_1_0_0,
                                                   .escaping = SX_ESCAPING_ALLOW_UTF_8};
    struct sx_page page = {0};
    int status = sx_page_render_shared(&page, name, &options);
    int result = EXIT_TROUBLE;
    if (status != SX_OK) {
        fprintf(stderr, "sextant: %s: %s\n", name, shared_error(status));
    } else {
        result = show_page((struct sx_str){page.data, page.size}, options.format, has_blocks());
        int written = flush_output();
        result = written == EXIT_GOOD ? result : written;
    }
    sx_page_clean_up(&page);
    return result;
}

static int run_show(int argc, char **argv)
{
    struct checking showing = {.guess_format = true};
    const char *file = NULL;
    const char *shared_name = NULL;
    for (int at = 0; at < argc; at++) {
        const char *value;
        if (is_help(argv[at])) {
            return print_help();
        }
        if ((value = option_value("--format", argc, argv, &at)) != NULL) {
            if (!read_format(&showing, value)) {
                return refuse("--format must be text, openmetrics or auto, not ", value);
            }
        } else if ((value = option_value("--shared", argc, argv, &at)) != NULL) {
            shared_name = value;
        } else if (strcmp(argv[at], "--shared") == 0) {
            return refuse("--shared needs a NAME", "");
        } else if (argv[at][0] == '-' && argv[at][1] != '\0') {
            return refuse(strcmp(argv[at], "--format") == 0
                              ? "--format needs text, openmetrics or auto"
                              : "unknown option ",
                          strcmp(argv[at], "--format") == 0 ? "" : argv[at]);
        } else if (file != NULL) {
            return refuse("show takes one FILE", "");
        } else {
            file = argv[at];
        }
    }
    if (shared_name != NULL && file != NULL) {
        return refuse("show takes --shared NAME or one FILE", "");
    }
    return shared_name != NULL ? show_shared(shared_name) : show_file(file, &showing);
}

static int run_check(int argc, char **argv)
{
    const char **allow = calloc((size_t)argc + 1, sizeof *allow);
    if (allow == NULL) {
        fprintf(stderr, "sextant: %s\n", strerror(ENOMEM));
        return EXIT_TROUBLE;
    }
    int result = check(argc, argv, allow);
    free(allow);
    return result;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "check") == 0) {
        return run_check(argc - 2, argv + 2);
    }
    if (argc >= 2 && strcmp(argv[1], "show") == 0) {
        return run_show(argc - 2, argv + 2);
    }
    if (argc >= 2 && is_help(argv[1])) {
        return print_help();
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        return print_version();
    }
    if (argc < 2) {
        return refuse("a command is missing", "");
    }
    return refuse(argv[1][0] == '-' ? "unknown option " : "unknown command ", argv[1]);
}
