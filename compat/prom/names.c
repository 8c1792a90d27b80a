/* names.c: repairing names. */
#include "names.h"

#include "report.h"

#include <sextant/metrics.h>

#include <stdlib.h>
#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Copies a name; replaces what no name has by underscores, and puts one before a digit. */
static char *repaired(const char *given, bool colons)
{
    const size_t size = strlen(given);
    const bool prefixed = size == 0 || is_digit(given[0]);
    char *name = malloc(size + 2);
    if (name == NULL) {
        return NULL;
    }
    name[0] = '_';
    char *at = name + prefixed;
    for (size_t i = 0; i < size; i++) {
        const bool keep = is_letter(given[i]) || is_digit(given[i]) || (colons && given[i] == ':');
        at[i] = given[i];
        if (!keep) {
            at[i] = '_';
        }
    }
    at[size] = '\0';
    return name;
}

char *prom__metric_name(const char *given)
{
    char *name = given == NULL ? NULL : repaired(given, true);
    if (name != NULL && strcmp(name, given) != 0) {
        prom__report_once("no metric may be called \"%s\"; the page has \"%s\"", given, name);
    }
    return name;
}

static bool is_taken(char *const *names, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], name) != 0) {
        i++;
    }
    return i < count || strcmp(name, PROM__PACKED_LABEL) == 0 || strcmp(name, "__name__") == 0;
}

/* Appends underscores until no name before has it. */
static char *made_unique(char *name, char *const *names, size_t count)
{
    while (name != NULL && is_taken(names, count, name)) {
        const size_t size = strlen(name);
        char *longer = realloc(name, size + 2);
        if (longer == NULL) {
            free(name);
            return NULL;
        }
        longer[size] = '_';
        longer[size + 1] = '\0';
        name = longer;
    }
    return name;
}

static char *label_name(const char *metric, const char *given, char *const *names, size_t count)
{
    if (given == NULL || strcmp(given, "le") == 0 || strcmp(given, "quantile") == 0) {
        return NULL;
    }
    char *name = made_unique(repaired(given, false), names, count);
    if (name != NULL && strcmp(name, given) != 0) {
        prom__report_once("%s: its label \"%s\" is \"%s\" on the page", metric, given, name);
    }
    return name;
}

char **prom__label_names(const char *metric, const char **given, size_t count)
{
    if (count > 0 && given == NULL) {
        return NULL;
    }
    char **names = calloc(count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = label_name(metric, given[i], names, i);
        if (names[i] == NULL) {
            prom__label_names_free(names);
            names = NULL;
        }
    }
    return names;
}

void prom__label_names_free(char **names)
{
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        free(names[i]);
    }
    free(names);
}

bool prom__label_names_are_reserved(char *const *names)
{
    while (*names != NULL && sx_label_name_is_valid(*names)) {
        names++;
    }
    return *names != NULL;
}

void prom__help_repair(char *help, const char *metric)
{
    for (; *help != '\0'; help++) {
        if ((unsigned char)*help > 0x7f) {
            *help = '?';
        }
    }
    prom__report_once("the help of %s is not UTF-8; the page has it in ASCII", metric);
}
