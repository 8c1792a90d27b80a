/* Pages of libprom in tests; see bridged.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bridged.h"

#include <cmocka.h>
#include <sextant/exposition.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int print_fault(void *context, const struct sx_violation *fault)
{
    (void)context;
    print_error("line %zu: %s\n", fault->line, fault->text);
    return 0;
}

const char *bridged(prom_collector_registry_t *registry)
{
    static char text[1 << 20];
    char *page = (char *)prom_collector_registry_bridge(registry);
    assert_non_null(page);
    const size_t size = strlen(page);
    assert_in_range(size, 0, sizeof text - 2);
    const struct sx_check_options options = {.no_advice = true};
    const int errors =
        sx_exposition_check((struct sx_str){page, size}, &options, print_fault, NULL);
    text[0] = '\n';
    memcpy(text + 1, page, size + 1);
    free(page);
    if (errors != 0) {
        fail_msg("%s", text);
    }
    return text;
}

bool page_has(const char *page, const char *beginning)
{
    char line[512];
    snprintf(line, sizeof line, "\n%s", beginning);
    return strstr(page, line) != NULL;
}

prom_collector_registry_t *registry_with(prom_metric_t *metric, ...)
{
    prom_collector_registry_t *registry = prom_collector_registry_new("test");
    prom_collector_t *collector = prom_collector_new("metrics");
    assert_non_null(registry);
    assert_non_null(collector);
    va_list others;
    va_start(others, metric);
    for (; metric != NULL; metric = va_arg(others, prom_metric_t *)) {
        assert_int_equal(prom_collector_add_metric(collector, metric), 0);
    }
    va_end(others);
    assert_int_equal(prom_collector_registry_register_collector(registry, collector), 0);
    return registry;
}

static FILE *printed;
static int real_stderr;

void begin_stderr(void)
{
    printed = tmpfile();
    assert_non_null(printed);
    real_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fileno(printed), STDERR_FILENO) >= 0);
}

const char *end_stderr(void)
{
    static char text[8192];
    assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
    (void)close(real_stderr);
    rewind(printed);
    text[fread(text, 1, sizeof text - 1, printed)] = '\0';
    (void)fclose(printed);
    return text;
}
