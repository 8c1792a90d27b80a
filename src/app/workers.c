/* An app whose worker processes serve. See application.h. */
#include "application.h"
#include "prefork.h"

#include <dirent.h>
#include <poll.h>

#define TRIES 10
#define PAUSE_MS 10

static unsigned count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;
    for (const struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return count;
}

unsigned sx__thread_count(unsigned expected)
{
    unsigned count = count_threads();
    for (int i = 0; i < TRIES && count > expected; i++) {
        (void)poll(NULL, 0, PAUSE_MS);
        count = count_threads();
    }
    return count;
}

static int serve(void *worker)
{
    return sx__prefork_serve(worker);
}

static int run_worker(void *context, const struct sx__prefork_worker *worker)
{
    struct sx_app *app = context;
    app->serving = false; /* as worker components may add observers */
    return sx__app_serve(app, serve, (void *)(uintptr_t)worker);
}

static void tell(void *context, const struct sx_worker *worker, enum sx_worker_event event)
{
    const struct sx_app *app = context;
    for (size_t i = 0; i < app->observer_count; i++) {
        if (app->observers[i].observer->worker != NULL) {
            app->observers[i].observer->worker(app->observers[i].self, worker, event);
        }
    }
}

int sx__workers_run(struct sx_app *app)
{
    const struct sx__prefork_calls calls = {
        .context = app, .run = run_worker, .changed = tell, .program = app->program};
    const unsigned threads = sx__thread_count(1);
    if (threads > 1) {
        sx_app_log(app, SX_LOG_ERROR,
                   "workers cannot be forked: the process has %u threads, but a worker would only "
                   "have one of them",
                   threads);
        return SX_ESTATE;
    }
    if (app->program != NULL) {
        app->program->passed = app->passed;
        app->program->passed_count = app->passed_count;
    }
    app->serving = true; /* no observers are added any more */
    const int status = sx__prefork_run(app->server, app->options.workers, &calls);
    app->serving = false;
    app->has_run = true;
    return status;
}
