/* site.h: what the server serves to all clients. */
#ifndef SX_METRICS_SERVER_SITE_H
#define SX_METRICS_SERVER_SITE_H

#include <sextant/metrics_server.h>

/* Set before the threads start, and not changed while they run. */
struct sx__site {
    struct sx_registry *registry; /* NULL: the default registry */
    char *path;                   /* of the metrics */
    char *front_page;             /* the HTML at "/" */
    unsigned timeout_ms;
    sx_metrics_server_log_fn *log; /* NULL: no log */
    void *log_context;
};

/** Copies the path and writes the front page. Errors: SX_ENOMEM; clean up in this case, too. */
int sx__site_set_path(struct sx__site *site, const char *path);

void sx__site_clean_up(struct sx__site *site);

/** Passes one sentence to the log. */
void sx__site_log(const struct sx__site *site, const char *message);

#endif
