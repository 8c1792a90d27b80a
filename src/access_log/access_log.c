#include "line.h"
#include "output.h"

#include <sextant/access_log.h>
#include <string.h>

struct sx_access_log {
    const struct sx__line_format *format;
    struct sx__output output;
};

static void on_end(void *context, const struct sx_record *record, enum sx_outcome outcome)
{
    struct sx_access_log *self = context;
    struct sx__line line;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    self->format->end(&line, record, outcome, &now);
    sx__output_write(&self->output, &line, now.tv_sec);
}

static void on_rejected(void *context, enum sx_reason reason)
{
    struct sx_access_log *self = context;
    struct sx__line line;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    self->format->rejected(&line, reason, &now);
    sx__output_write(&self->output, &line, now.tv_sec);
}

static const struct sx_observer observer = {.end = on_end, .rejected = on_rejected};

static struct sx_result init(struct sx_access_log *self, const char *path, const char *format,
                             struct sx_app *app)
{
    char why[128] = "";
    self->format = sx__line_format_find(format);
    if (self->format == NULL) {
        return sx_startup_error("the access log's format is \"common\" or \"json\", not \"%s\"",
                                format);
    }
    tzset();
    const int problem = sx__output_init(&self->output, app, path);
    if (problem != 0) {
        (void)strerror_r(problem, why, sizeof why);
        return sx_startup_error("cannot open %s: %s", path, why);
    }
    const int status = sx_app_observe(app, &observer, self);
    if (status < 0) {
        sx__output_clean_up(&self->output);
        return sx_startup_error("%s", sx_status_text(status));
    }
    return sx_continue();
}

static void clean_up(struct sx_access_log *self)
{
    sx__output_clean_up(&self->output);
}

SX_COMPONENT(sx_access_log, app, init, clean_up,
             (setting, str, access_log, SX_DEFAULT("-"),
              SX_HELP("the file of the access log, - for standard output")),
             (setting, str, access_log_format, SX_DEFAULT("common"), SX_HELP("common or json")),
             (inject, sx_app, app));
