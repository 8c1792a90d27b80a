/* site.h: what the server serves to all clients. */
#ifndef SX_METRICS_SERVER_SITE_H
#define SX_METRICS_SERVER_SITE_H

#include <sextant/exposition.h>
#include <sextant/metrics_server.h>

/* Set before the threads start, and not changed while they run. */
struct sx__site {
    struct sx_registry *registry; /* NULL: the default registry, or those of the list */
    struct sx_registry **registries;
    size_t registry_count;
    char *path;       /* of the metrics */
    char *front_page; /* the HTML at "/" */
    unsigned timeout_ms;
    unsigned render_timeout_ms;    /* 0: none */
    struct sx_scrapes *scrapes;    /* their limits and metrics */
    sx_metrics_server_log_fn *log; /* NULL: no log */
    void *log_context;
};

/** Copies the path and writes the front page. Errors: SX_ENOMEM; clean up in this case, too. */
int sx__site_set_path(struct sx__site *site, const char *path);

/** Copies the list of registries. Errors: SX_ENOMEM; clean up in this case, too. */
int sx__site_set_registries(struct sx__site *site, struct sx_registry *const *registries,
                            size_t count);

void sx__site_clean_up(struct sx__site *site);

/** Passes one sentence to the log. */
void sx__site_log(const struct sx__site *site, const char *message);

#endif
