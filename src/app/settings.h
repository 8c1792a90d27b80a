/* settings.h: the settings of an app: what they are called, and where their values come from. */
#ifndef SX_SETTINGS_H
#define SX_SETTINGS_H

#include "convert.h"

#include <sextant/app.h>

struct sx__setting_text {
    const char *name; /* of the first parameter that has it */
    char *text;       /* as given; NULL: not given */
    const char *from; /* for messages */
};

typedef void sx__param_fn(void *context, const struct sx_param *param);

/* Calls `visit` for each setting that components, hooks and handlers have; the same one may come
 * twice. */
void sx__settings_visit(const struct sx_app_options *options, sx__param_fn *visit, void *context);

/* The environment variable of a setting, cut to fit. */
void sx__setting_variable(char *variable, size_t size, const struct sx_app_options *options,
                          const char *name);

/* Reads the values of all settings of the app. Errors: SX_ENOMEM. */
int sx__settings_new(struct sx_app *app);
void sx__settings_destroy(struct sx_app *app);
const struct sx__setting_text *sx__setting_find(const struct sx_app *app, const char *name);

/* The value of a setting, for one that the check has accepted. */
void sx__setting_bind(const struct sx_app *app, const struct sx_param *param,
                      union sx_value *value);

#endif
