/* Parses the address of a Unix socket; see unix_address.h. */
#include "unix_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODE_MAX 0777

static const char *parse_mode(unsigned *mode, const char *text)
{
    char *end;
    const size_t digits = strspn(text, "01234567");
    const unsigned long number = strtoul(text, &end, 8);
    if (digits == 0 || text[digits] != '\0' || number == 0 || number > MODE_MAX) {
        return "the mode is not an octal number from 1 to 777";
    }
    *mode = (unsigned)number;
    return NULL;
}

static const char *parse_name(const char **name, const char *text, const char *missing)
{
    *name = text;
    return text[0] == '\0' ? missing : NULL;
}

static const char *parse_option(const char *text, struct sx__unix_options *options, char *message)
{
    if ((strncmp(text, "mode=", 5) == 0 && options->mode != 0) ||
        (strncmp(text, "owner=", 6) == 0 && options->owner != NULL) ||
        (strncmp(text, "group=", 6) == 0 && options->group != NULL)) {
        return "mode=, owner= and group= may be given once each";
    }
    if (strncmp(text, "mode=", 5) == 0) {
        return parse_mode(&options->mode, text + 5);
    }
    if (strncmp(text, "owner=", 6) == 0) {
        return parse_name(&options->owner, text + 6, "the owner is missing");
    }
    if (strncmp(text, "group=", 6) == 0) {
        return parse_name(&options->group, text + 6, "the group is missing");
    }
    snprintf(message, SX__UNIX_ADDRESS_MESSAGE_BYTES,
             "expected mode=, owner= or group= after the path, not \"%s\"", text);
    return message;
}

const char *sx__unix_address_parse(char *text, struct sx__unix_options *options,
                                   char message[SX__UNIX_ADDRESS_MESSAGE_BYTES])
{
    char *comma = strchr(text, ',');
    const char *wrong = NULL;
    *options = (struct sx__unix_options){0};
    while (comma != NULL && wrong == NULL) {
        char *option = comma + 1;
        *comma = '\0';
        comma = strchr(option, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        wrong = parse_option(option, options, message);
    }
    return wrong == NULL && strcmp(text, "unix:") == 0 ? "the path is empty" : wrong;
}
