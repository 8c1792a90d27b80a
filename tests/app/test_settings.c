/* Settings: where their values come from, what keeps the app from starting, and the command line.
 */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct settings {
    const char *database;
    int64_t page_size;
    double ratio;
    bool debug;
};
SX_COMPONENT_DECLARE(settings, struct settings);
SX_SETTINGS(settings, (str, database, SX_DEFAULT("app.db"), SX_HELP("path of the database")),
            (i64, page_size, SX_DEFAULT("20"), SX_MIN(1)), (f64, ratio, SX_DEFAULT("0.5")),
            (flag, debug, SX_DEFAULT("off")));

struct store {
    int64_t size;
};
SX_COMPONENT_DECLARE(store, struct store);
static struct sx_result store_open(struct store *store, int64_t page_size, struct settings *all)
{
    store->size = page_size * 2 + (all->page_size - page_size);
    return sx_continue();
}
SX_COMPONENT(store, app, store_open, NULL, (setting, i64, page_size, SX_DEFAULT("20")),
             (inject, settings, all));

static struct sx_result show(struct settings *s, struct store *store, const char *database)
{
    return sx_text("%s %lld %g %d %lld %s", s->database, (long long)s->page_size, s->ratio,
                   s->debug, (long long)store->size, database);
}
SX_BIND(show, (inject, settings, s), (inject, store, store),
        (setting, str, database, SX_DEFAULT("app.db")));

static struct sx_result needs_secret(const char *secret)
{
    return sx_text("%s", secret);
}
SX_BIND(needs_secret, (setting, str, secret));

static const struct sx_route routes[] = {SX_GET("/", show)};
static const struct sx_route secret_routes[] = {SX_GET("/", needs_secret)};
static struct fixture fixture;

static const struct sx_app_options *options(void)
{
    static struct sx_app_options made;
    static const struct sx_component_use uses[] = {{.component = &sx_component_settings},
                                                   {.component = &sx_component_store}};
    made = (struct sx_app_options){
        .routes = SX_LIST(routes), .components = SX_LIST(uses), .settings_prefix = "TEST_APP_"};
    return &made;
}

static int clean_environment(void **state)
{
    (void)state;
    unsetenv("TEST_APP_DATABASE");
    unsetenv("TEST_APP_PAGE_SIZE");
    return 0;
}

static void assert_shown(const char *text)
{
    assert_int_equal(fixture_send(&fixture, "GET", "/", NULL), 200);
    assert_body(&fixture, text);
    fixture_clean_up(&fixture);
}

static void test_settings_have_their_defaults(void **state)
{
    (void)state;
    fixture_init(&fixture, *options());
    assert_shown("app.db 20 0.5 0 40 app.db");
}

static void test_the_environment_counts_before_the_default(void **state)
{
    (void)state;
    setenv("TEST_APP_DATABASE", "from env", 1);
    setenv("TEST_APP_PAGE_SIZE", "7", 1);
    fixture_init(&fixture, *options());
    setenv("TEST_APP_DATABASE", "changed later", 1);
    assert_shown("from env 7 0.5 0 14 from env");
}

static void test_the_program_counts_before_the_environment(void **state)
{
    (void)state;
    static const struct sx_setting given[] = {
        {"database", "first"}, {"debug", "on"}, {"database", "given"}};
    struct sx_app_options with = *options();
    with.settings = (struct sx_setting_list)SX_LIST(given);
    setenv("TEST_APP_DATABASE", "from env", 1);
    fixture_init(&fixture, with);
    assert_shown("given 20 0.5 1 40 given");
}

static void test_what_does_not_fit_keeps_the_app_from_starting(void **state)
{
    (void)state;
    static const struct sx_setting given[] = {{"ratio", "much"}, {"colour", "blue"}};
    struct sx_app_options with = *options();
    with.settings = (struct sx_setting_list)SX_LIST(given);
    setenv("TEST_APP_PAGE_SIZE", "0", 1);
    assert_int_equal(fixture_try(&fixture, with), SX_EWIRING);
    assert_logged(&fixture,
                  "component 'settings': the setting 'page_size' (from the environment) must "
                  "be a whole number of at least 1, not \"0\"");
    assert_logged(
        &fixture,
        "the setting 'ratio' (from .settings or the command line) must be a number, not \"much\"");
    assert_logged(&fixture, "there is no setting 'colour'");
    struct sx_app_options secret = {.routes = SX_LIST(secret_routes),
                                    .settings_prefix = "TEST_APP_"};
    assert_int_equal(fixture_try(&fixture, secret), SX_EWIRING);
    assert_logged(&fixture, "handler 'needs_secret' needs the setting 'secret': give it on "
                            "the command line, in .settings, or as TEST_APP_SECRET in the "
                            "environment");
}

/* Runs the command line with its output caught. */
static int command(char *output, size_t size, int descriptor, const struct sx_app_options *with,
                   const char *const *arguments)
{
    char *argv[8] = {0};
    int argc = 0;
    for (; arguments[argc] != NULL; argc++) {
        argv[argc] = (char *)(uintptr_t)arguments[argc];
    }
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    fflush(NULL);
    int before = dup(descriptor);
    dup2(pipe_ends[1], descriptor);
    int status = sx_app_main(argc, argv, with);
    fflush(NULL);
    dup2(before, descriptor);
    close(before);
    close(pipe_ends[1]);
    ssize_t got = read(pipe_ends[0], output, size - 1);
    output[got > 0 ? got : 0] = '\0';
    close(pipe_ends[0]);
    return status;
}
#define COMMAND_OF(options_, output_, descriptor_, ...)       \
    command(output_, sizeof output_, descriptor_, (options_), \
            (const char *const[]){"app", __VA_ARGS__, NULL})
#define COMMAND(...) COMMAND_OF(options(), __VA_ARGS__)

static void test_the_command_line_lists_routes_and_settings(void **state)
{
    (void)state;
    char output[4096];
    assert_int_equal(COMMAND(output, 1, "routes"), 0);
    assert_non_null(strstr(output, "GET    /                        test_settings.show\n"));
    assert_non_null(strstr(output, "    component store: store\n"));
    assert_int_equal(COMMAND(output, 1, "--help"), 0);
    assert_non_null(strstr(output, "usage: app run [options] [settings]\n"));
    assert_non_null(strstr(output, "--page-size VALUE  a whole number of at least 1 (20)\n"));
    assert_non_null(
        strstr(output, "--database VALUE  path of the database: UTF-8 text (app.db)\n"));
    /* Once, though there are two who ask for it. */
    assert_null(strstr(strstr(output, "--page-size") + 1, "--page-size"));
}

/* Help needs neither a valid command line nor a valid app. */
static void test_help_is_the_same_wherever_it_is_asked_for(void **state)
{
    (void)state;
    char output[4096];
    char help[4096];
    assert_int_equal(COMMAND(help, 1, "--help"), 0);
    assert_int_equal(COMMAND(output, 1, "help"), 0);
    assert_string_equal(output, help);
    assert_int_equal(COMMAND(output, 1, "-h"), 0);
    assert_string_equal(output, help);
    assert_int_equal(COMMAND(output, 1, "run", "--help"), 0);
    assert_string_equal(output, help);
    assert_int_equal(COMMAND(output, 1, "run", "-h"), 0);
    assert_string_equal(output, help);
    assert_int_equal(COMMAND(output, 1, "run", "--listen", ":1", "--help", "--prot"), 0);
    assert_string_equal(output, help);
    assert_int_equal(COMMAND(output, 1, "routes", "--help"), 0);
    assert_string_equal(output, help);
    assert_int_equal(COMMAND(output, 1, "run", "--page-size", "no number", "--help"), 0);
    assert_string_equal(output, help);
}

static void test_a_wrong_command_line_is_a_2_with_its_reason(void **state)
{
    (void)state;
    char output[4096];
    assert_int_equal(COMMAND(output, 2, "walk"), 2);
    assert_string_equal(output, "error: unknown command \"walk\"; expected `run` or `routes`\n"
                                "run `app --help` for the commands and options\n");
    assert_int_equal(COMMAND(output, 2, "run", "--prot", "80"), 2);
    assert_non_null(strstr(output, "error: unknown option --prot\n"));
    assert_int_equal(COMMAND(output, 2, "run", "--listen"), 2);
    assert_non_null(strstr(output, "error: --listen needs a value\n"));
    assert_int_equal(COMMAND(output, 2, "run", "--listen", ":65536"), 2);
    assert_non_null(
        strstr(output, "error: --listen cannot be :65536: the port must be from 0 to 65535"));
    assert_int_equal(COMMAND(output, 2, "run", "--threads", "4097"), 2);
    assert_non_null(strstr(output, "--threads takes a number from 0 to 4096, not \"4097\""));
    assert_int_equal(COMMAND(output, 2, "run", "-xy"), 2);
    assert_non_null(strstr(output, "error: unknown option -x\n"));
    assert_int_equal(COMMAND(output, 2, "run", "--t=80"), 2);
    assert_non_null(strstr(output, "error: --t=80 is ambiguous: --threads or --tls-minimum\n"));
    assert_int_equal(COMMAND(output, 2, "run", "--th", "x"), 2);
    assert_non_null(strstr(output, "--threads takes a number"));
    assert_int_equal(COMMAND(output, 2, "run", "fast"), 2);
    assert_non_null(strstr(output, "unexpected argument \"fast\""));
}

static void test_a_wrong_setting_on_the_command_line_is_a_1_with_its_reason(void **state)
{
    (void)state;
    char output[4096];
    assert_int_equal(COMMAND(output, 2, "routes", "--page-size", "x"), 1);
    assert_non_null(
        strstr(output, "the setting 'page_size' (from .settings or the command line) must be"));
}

SX_COMPONENT_DECLARE(vault, struct store);
static struct sx_result vault_open(struct store *store, const char *secret)
{
    print_message("the vault was opened with %s\n", secret);
    store->size = 1;
    return sx_startup_error("no vault answers");
}
SX_COMPONENT(vault, app, vault_open, NULL, (setting, str, secret));

static struct sx_result needs_vault(struct store *vault, const int64_t *limit)
{
    return sx_text("%d", (int)vault->size + (limit != NULL));
}
SX_BIND(needs_vault, (inject, vault, vault), (query, opt_i64, limit));

/* Without credentials, on a machine that has no vault. */
static void test_routes_resolves_the_app_and_starts_nothing(void **state)
{
    (void)state;
    static const struct sx_route vaulted[] = {SX_GET("/", needs_vault)};
    const struct sx_app_options with = {.routes = SX_LIST(vaulted),
                                        .components = SX_COMPONENTS(vault),
                                        .settings_prefix = "TEST_APP_"};
    char output[4096];
    assert_int_equal(COMMAND_OF(&with, output, 1, "routes"), 0);
    assert_string_equal(output, "GET    /                        test_settings.needs_vault\n"
                                "    component vault: vault\n"
                                "    query     limit: a whole number, optional\n");
    assert_int_equal(COMMAND_OF(&with, output, 2, "routes"), 0);
    assert_string_equal(output, "");
    assert_int_equal(COMMAND_OF(&with, output, 2, "run", "--listen", ":0"), 1);
    assert_non_null(strstr(output, "needs the setting 'secret'"));
}

/* Faults of the machine do not prevent the list of routes; faults of the program do. */
static void test_routes_finds_wiring_faults_and_no_others(void **state)
{
    (void)state;
    static const struct sx_route vaulted[] = {SX_GET("/", needs_vault)};
    const struct sx_app_options with = {.routes = SX_LIST(vaulted)};
    char output[4096];
    assert_int_equal(setenv("TEST_APP_PAGE_SIZE", "many", 1), 0);
    assert_int_equal(COMMAND(output, 2, "routes"), 0);
    assert_string_equal(output, "");
    assert_int_equal(COMMAND_OF(&with, output, 2, "routes"), 1);
    assert_non_null(strstr(output, "handler 'needs_vault' needs component 'vault'"));
}

static struct sx_result needs_threads(int64_t threads)
{
    return sx_text("%d", (int)threads);
}
SX_BIND(needs_threads, (setting, i64, threads));

/* --threads is an option of `run`. */
static void test_a_setting_cannot_have_the_name_of_another_option(void **state)
{
    (void)state;
    static const struct sx_route clashing[] = {SX_GET("/", needs_threads)};
    const struct sx_app_options clash = {.routes = SX_LIST(clashing)};
    char output[4096];
    assert_int_equal(COMMAND_OF(&clash, output, 2, "routes", "--threads", "3"), 1);
    assert_string_equal(output, "error: the setting 'threads' needs another name: --threads is an "
                                "option of `run`\n");
}

SX_COMPONENT_DECLARE(other_store, struct store);
static struct sx_result other_store_open(struct store *store, int64_t other_size)
{
    store->size = other_size;
    return sx_continue();
}
SX_COMPONENT(other_store, app, other_store_open, NULL, (setting, i64, other_size, SX_DEFAULT("3")));

static void test_what_overrides_a_component_has_settings_of_its_own(void **state)
{
    (void)state;
    static const struct sx_override overrides[] = {SX_OVERRIDE(store, other_store)};
    struct sx_app_options with = *options();
    with.overrides = (struct sx_override_list)SX_LIST(overrides);
    fixture_init(&fixture, with);
    assert_shown("app.db 20 0.5 0 3 app.db");
    static const struct sx_setting given[] = {{"other_size", "4"}, {"page_size", "30"}};
    with.settings = (struct sx_setting_list)SX_LIST(given);
    fixture_init(&fixture, with);
    assert_shown("app.db 30 0.5 0 4 app.db");
}

/* As many includes as there may be, one in the other, and then one too many. */
static void test_a_setting_is_found_below_all_includes(void **state)
{
    (void)state;
    enum { MOST = 16 };
    struct sx_route levels[MOST + 2];
    const struct sx_route innermost = SX_GET("/", needs_secret);
    const struct sx_route include = SX_INCLUDE("/a", secret_routes);
    levels[0] = innermost;
    for (size_t i = 1; i < MOST + 2; i++) {
        levels[i] = include;
        levels[i].include = (struct sx_route_list){&levels[i - 1], 1};
    }
    static const struct sx_setting given[] = {{"secret", "found"}};
    struct sx_app_options with = {.routes = {&levels[MOST], 1}, .settings = SX_LIST(given)};
    fixture_init(&fixture, with);
    assert_int_equal(fixture_send(&fixture, "GET", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/", NULL), 200);
    assert_body(&fixture, "found");
    fixture_clean_up(&fixture);
    with.routes.items = &levels[MOST + 1];
    assert_int_equal(fixture_try(&fixture, with), SX_EWIRING);
    assert_logged(&fixture, "includes are nested too deeply");
}

static void test_a_command_line_without_options_is_a_1_with_its_reason(void **state)
{
    (void)state;
    static const char *const verbs[] = {"run", "routes", "help", "--help", "walk"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        char output[4096];
        assert_int_equal(COMMAND_OF(NULL, output, 2, verbs[i]), 1);
        assert_string_equal(output, "error: cannot make the app: an argument is invalid\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_settings_have_their_defaults, clean_environment),
        cmocka_unit_test_setup(test_the_environment_counts_before_the_default, clean_environment),
        cmocka_unit_test_setup(test_the_program_counts_before_the_environment, clean_environment),
        cmocka_unit_test_setup(test_what_does_not_fit_keeps_the_app_from_starting,
                               clean_environment),
        cmocka_unit_test_setup(test_the_command_line_lists_routes_and_settings, clean_environment),
        cmocka_unit_test_setup(test_help_is_the_same_wherever_it_is_asked_for, clean_environment),
        cmocka_unit_test_setup(test_a_wrong_command_line_is_a_2_with_its_reason, clean_environment),
        cmocka_unit_test_setup(test_a_wrong_setting_on_the_command_line_is_a_1_with_its_reason,
                               clean_environment),
        cmocka_unit_test_setup(test_routes_resolves_the_app_and_starts_nothing, clean_environment),
        cmocka_unit_test_setup(test_routes_finds_wiring_faults_and_no_others, clean_environment),
        cmocka_unit_test(test_a_setting_cannot_have_the_name_of_another_option),
        cmocka_unit_test_setup(test_what_overrides_a_component_has_settings_of_its_own,
                               clean_environment),
        cmocka_unit_test(test_a_setting_is_found_below_all_includes),
        cmocka_unit_test(test_a_command_line_without_options_is_a_1_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
