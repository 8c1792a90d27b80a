/* A program that uses both libraries: its own test client asks for a page and its metrics. */
#include <sextant/app.h>
#include <sextant/client.h>
#include <sextant/prometheus.h>
#include <stdio.h>
#include <string.h>

static struct sx_result double_it(int64_t number)
{
    return sx_json("{s:I}", "doubled", number * 2);
}
SX_BIND(double_it, (path, i64, number));

static const struct sx_route routes[] = {
    SX_GET("/double/{number}", double_it),
    SX_GET("/metrics", sx_expose_metrics),
};

int main(void)
{
    static const char counted[] =
        "http_requests_total{method=\"GET\",handler=\"app.double_it\",code=\"200\"} 1\n";
    struct sx_app *app = NULL;
    struct sx_client *client = NULL;
    struct sx_reply reply = {0};
    int status = sx_app_new(&app, &(struct sx_app_options){
                                      .routes = SX_LIST(routes),
                                      .components = SX_COMPONENTS(sx_prometheus),
                                  });
    if (status == SX_OK) {
        status = sx_client_new(&client, app);
    }
    if (status == SX_OK) {
        status = sx_client_get(client, &reply, "/double/21");
    }
    int good = status == SX_OK && reply.status == 200 && strstr(reply.body.data, "42") != NULL;
    if (good) {
        status = sx_client_get(client, &reply, "/metrics");
        good = status == SX_OK && strstr(reply.body.data, counted) != NULL;
    }
    printf("app: %s, %s\n", sx_status_text(status), good ? "good" : "wrong");
    sx_reply_clean_up(&reply);
    sx_client_destroy(client);
    sx_app_destroy(app);
    return !good;
}
