/* access_log.c: a component of a user: a line for each request. */
#include "access_log.h"

static void on_end(void *context, const struct sx_record *record, enum sx_outcome outcome)
{
    struct access_log *log = context;
    /* One call a line: stdio locks the file for it, and requests end on any thread. */
    fprintf(log->file, "%.*s %.*s %s %d %llu %s\n", (int)record->method.size, record->method.data,
            (int)record->target.size, record->target.data, record->handler, record->status,
            (unsigned long long)record->response_body_bytes,
            outcome == SX_OUTCOME_COMPLETE ? "complete" : "aborted");
}

static void on_rejected(void *context, enum sx_reason reason)
{
    struct access_log *log = context;
    fprintf(log->file, "rejected %s\n", sx_reason_name(reason));
}

static const struct sx_observer observer = {.end = on_end, .rejected = on_rejected};

static struct sx_result access_log_open(struct access_log *log,
                                        const struct access_log_options *options,
                                        struct sx_app *app)
{
    if (options == NULL || options->path == NULL) {
        return sx_startup_error("the access log needs a path");
    }
    log->file = fopen(options->path, "a");
    if (log->file == NULL) {
        return sx_startup_error("cannot open %s", options->path);
    }
    setvbuf(log->file, NULL, _IOLBF, BUFSIZ);
    return sx_app_observe(app, &observer, log) < 0 ? sx_startup_error("cannot observe")
                                                   : sx_continue();
}

static void access_log_close(struct access_log *log)
{
    fclose(log->file);
}

SX_COMPONENT(access_log, app, access_log_open, access_log_close,
             (options, struct access_log_options, options), (inject, sx_app, app));
