/* status.c: names and sentences of the error table, which all layers and all libraries share. */
#include <sextant/status.h>
#include <stddef.h>

static const struct {
    int code;
    const char *name;
    const char *text;
} statuses[] = {{SX_OK, "SX_OK", "no error"},
#define ROW(code, name, sentence) {code, #name, sentence},
                SX_STATUS_MAP(ROW)
#undef ROW
};

#define STATUS_COUNT (sizeof statuses / sizeof statuses[0])

const char *sx_status_name(int status)
{
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        if (statuses[i].code == status) {
            return statuses[i].name;
        }
    }
    return "SX_EUNKNOWN";
}

const char *sx_status_text(int status)
{
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        if (statuses[i].code == status) {
            return statuses[i].text;
        }
    }
    return "the status is unknown";
}
