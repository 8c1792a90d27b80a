// The metrics library from C++, and all headers in one file.
#include <sextant/app.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <sextant/prometheus.h>
#include <sextant/registration.h>
#include <sextant/status.h>

int main()
{
    sx_gauge *depth = nullptr;
    sx_metric_options options = {};
    options.name = "queue_depth";
    options.help = "Jobs that wait.";
    int status = sx_gauge_register(&depth, nullptr, &options);
    sx_gauge_add(depth, 2.5);
    return status != SX_OK || sx_gauge_value(depth) != 2.5;
}
