// Go's net/http with client_golang's instrumentation, doing what examples/hello does.
//
// Prints `listening on http://127.0.0.1:PORT`, and ends with SIGTERM.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func welcome(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	if name == "" {
		name = "world"
	}
	body, err := json.Marshal(map[string]string{"hello": name})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

func instrument(handler http.Handler, name string) http.Handler {
	labels := prometheus.Labels{"handler": name}
	inFlight := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "http_requests_inprogress", Help: "Requests in progress.", ConstLabels: labels})
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total", Help: "Requests answered.", ConstLabels: labels},
		[]string{"method", "code"})
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Time to answer.", ConstLabels: labels},
		[]string{"method"})
	prometheus.MustRegister(inFlight, requests, durations)
	return promhttp.InstrumentHandlerInFlight(inFlight,
		promhttp.InstrumentHandlerDuration(durations,
			promhttp.InstrumentHandlerCounter(requests, handler)))
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.Handle("/", instrument(http.HandlerFunc(welcome), "welcome"))
	http.Handle("/metrics", promhttp.Handler())
	fmt.Printf("listening on http://%s\n", listener.Addr())
	panic(http.Serve(listener, nil))
}
