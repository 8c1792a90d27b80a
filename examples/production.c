/* production.c: what a service has that leaves the desk: metrics that not everybody may read, and
 * an access log.
 *
 *     openssl rand -hex 32 >token
 *     build/examples/production run --auth-tokens-file token --access-log-format json
 *     curl http://127.0.0.1:8080/hello/you
 *     curl -H "Authorization: Bearer $(cat token)" http://127.0.0.1:8080/metrics
 */
#include <sextant/access_log.h>
#include <sextant/app.h>
#include <sextant/authentication.h>
#include <sextant/prometheus.h>

static struct sx_result hello(const char *name)
{
    return sx_json("{s:s}", "hello", name);
}
SX_BIND(hello, (path, str, name));

static const struct sx_route routes[] = {
    SX_GET("/hello/{name}", hello),
    SX_GET("/metrics", sx_expose_metrics, .hooks = SX_LIST(sx_authenticated)),
};

int main(int argc, char **argv)
{
    return sx_app_main(
        argc, argv,
        &(struct sx_app_options){
            .routes = SX_LIST(routes),
            .components = SX_COMPONENTS(sx_prometheus, sx_access_log, sx_authentication),
        });
}
