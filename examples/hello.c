#include <sextant/app.h>
#include <sextant/prometheus.h>

static struct sx_result welcome(const char *name)     /* plain C: a unit test can call it */
{
    if (name == NULL)
        name = "world";
    return sx_json("{s:s}", "hello", name);
}
SX_BIND(welcome, (query, opt_str, name));             /* where each argument comes from; checked against the prototype */

static const struct sx_route routes[] = {
    SX_GET("/", welcome),
    SX_GET("/metrics", sx_expose_metrics),
};

int main(int argc, char **argv)
{
    return sx_app_main(argc, argv, &(struct sx_app_options){
        .routes = SX_LIST(routes),
        .components = SX_COMPONENTS(sx_prometheus),
    });
}
