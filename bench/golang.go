// The same work done by the Go client (client_golang); see measure.h.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

const (
	windows      = 15
	windowsMax   = 500
	windowNs     = 1e6
	valueCount   = 16384
	children     = 1000
	seriesCount  = 100000
	million      = 1000000
	scrapes      = 5
	rowsTouched = 10
)

var buckets = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
var values [valueCount]float64
var picks [valueCount]uint32
var labels [children][3]string

func fill() {
	state := uint32(12345)
	for i := range values {
		state = state*1664525 + 1013904223
		bucket := (state >> 16) % 15
		values[i] = 11
		if bucket < 14 {
			values[i] = buckets[bucket] * 0.99
		}
		picks[i] = (state >> 8) % children
	}
	for i := range labels {
		labels[i] = [3]string{fmt.Sprintf("METHOD%d", i%5), fmt.Sprintf("bench.handler_%d", i/5%50),
			fmt.Sprint(200 + i/5/50)}
	}
}

func usage() syscall.Rusage {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage
}

func cpuNs() float64 {
	u := usage()
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

// A loop of so many updates, by the goroutine of this number.
type loop func(thread int, updates int)

// Nanoseconds of one window, as a goroutine sees them, and 1 if it was disturbed.
func window(run loop, threads int, updates int) (float64, int) {
	var arrived int32
	before := int64(-1)
	var starts, ends [2]time.Time
	var done sync.WaitGroup
	for i := 0; i < threads; i++ {
		done.Add(1)
		go func(thread int) {
			defer done.Done()
			run(thread, updates/8+1)
			if atomic.AddInt32(&arrived, 1) == int32(threads) {
				atomic.StoreInt64(&before, usage().Nivcsw)
			}
			for atomic.LoadInt64(&before) < 0 {
			}
			starts[thread] = time.Now()
			run(thread, updates)
			ends[thread] = time.Now()
		}(i)
	}
	done.Wait()
	start, end := starts[0], ends[0]
	sum := float64(end.Sub(start))
	if threads == 2 {
		sum += float64(ends[1].Sub(starts[1]))
		if starts[1].Before(start) {
			start = starts[1]
		}
		if ends[1].After(end) {
			end = ends[1]
		}
	}
	mean := sum / float64(threads)
	if usage().Nivcsw != before || float64(end.Sub(start)) > 1.2*mean {
		return mean, 1
	}
	return mean, 0
}

func update(run loop, threads int) {
	updates := 1000
	wanted := windows
	for i := 0; i < windowsMax && wanted > 0; i++ {
		ns, disturbed := window(run, threads, updates)
		if ns < windowNs/2 {
			updates *= 2
			continue
		}
		fmt.Printf("update %.3f %d\n", ns/float64(updates), disturbed)
		wanted -= 1 - disturbed
		if disturbed == 1 && ns > windowNs*2 {
			updates /= 2
		}
	}
}

func counterLoop(own int) loop {
	family := prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "bench_total", Help: "Updates."}, []string{"worker"})
	prometheus.MustRegister(family)
	counters := []prometheus.Counter{family.WithLabelValues("a"), family.WithLabelValues("b")}
	return func(thread int, updates int) {
		counter := counters[thread*own]
		for i := 0; i < updates; i++ {
			counter.Inc()
		}
	}
}

// nativeFactor 0: no native buckets; classic nil: no classic ones.
func histogramLoop(own int, nativeFactor float64, classic []float64) loop {
	family := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "bench_seconds", Help: "Values.", Buckets: classic,
		NativeHistogramBucketFactor: nativeFactor}, []string{"worker"})
	prometheus.MustRegister(family)
	histograms := []prometheus.Observer{family.WithLabelValues("a"), family.WithLabelValues("b")}
	return func(thread int, updates int) {
		histogram := histograms[thread*own]
		for i := 0; i < updates; i++ {
			histogram.Observe(values[i&(valueCount-1)])
		}
	}
}

func exemplarLoop() loop {
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "bench_seconds", Help: "Values.", Buckets: buckets})
	prometheus.MustRegister(histogram)
	trace := prometheus.Labels{
		"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7"}
	observer := histogram.(prometheus.ExemplarObserver)
	return func(thread int, updates int) {
		for i := 0; i < updates; i++ {
			observer.ObserveWithExemplar(values[i&(valueCount-1)], trace)
		}
	}
}

func quantilesLoop() loop {
	family := prometheus.NewSummaryVec(prometheus.SummaryOpts{
		Name: "bench_seconds", Help: "Values.",
		Objectives: map[float64]float64{.5: .05, .9: .01, .99: .001}}, []string{"worker"})
	prometheus.MustRegister(family)
	summary := family.WithLabelValues("a")
	return func(thread int, updates int) {
		for i := 0; i < updates; i++ {
			summary.Observe(values[i&(valueCount-1)])
		}
	}
}

func gaugeLoop() loop {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "bench_inprogress", Help: "Requests."})
	prometheus.MustRegister(gauge)
	return func(thread int, updates int) {
		for i := 0; i < updates; i++ {
			gauge.Inc()
			gauge.Dec()
		}
	}
}

func requests(registry prometheus.Registerer) *prometheus.CounterVec {
	family := prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "bench_requests_total", Help: "Requests."},
		[]string{"method", "handler", "code"})
	registry.MustRegister(family)
	return family
}

func lookupLoop() loop {
	family := requests(prometheus.DefaultRegisterer)
	for _, l := range labels {
		family.WithLabelValues(l[0], l[1], l[2])
	}
	return func(thread int, updates int) {
		for i := 0; i < updates; i++ {
			l := &labels[picks[i&(valueCount-1)]]
			family.WithLabelValues(l[0], l[1], l[2]).Inc()
		}
	}
}

// Fills series, whose memory was touched before, as it does not count as that of a series.
func seriesMake(family *prometheus.CounterVec, series []prometheus.Counter) {
	for i := range series {
		series[i] = family.WithLabelValues("GET", fmt.Sprintf("bench.handler_%d", i), "200")
	}
}

func seriesPlace(count int) []prometheus.Counter {
	series := make([]prometheus.Counter, count)
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "x", Help: "x"})
	for i := range series {
		series[i] = counter
	}
	return series
}

func touch(series []prometheus.Counter, threads int) {
	var done sync.WaitGroup
	for i := 0; i < threads; i++ {
		done.Add(1)
		go func(thread int) {
			defer done.Done()
			for i, counter := range series {
				counter.Add(float64(i*37 + thread + 1))
			}
		}(i)
	}
	done.Wait()
}

// With gzip as promhttp does it: at the default level, by a writer that is used again.
func scrape(registry *prometheus.Registry, format expfmt.Format, compressed bool, count int, least int) {
	var page bytes.Buffer
	compressor := gzip.NewWriter(&page)
	for i := 0; i <= count; i++ {
		page.Reset()
		start := cpuNs()
		families, err := registry.Gather()
		if err != nil {
			panic(err)
		}
		var out io.Writer = &page
		if compressed {
			compressor.Reset(&page)
			out = compressor
		}
		encoder := expfmt.NewEncoder(out, format)
		for _, family := range families {
			if err := encoder.Encode(family); err != nil {
				panic(err)
			}
		}
		if compressed {
			if err := compressor.Close(); err != nil {
				panic(err)
			}
		}
		if page.Len() < least {
			panic("the page is too small")
		}
		if i > 0 {
			fmt.Printf("scrape %.3f 0\n", cpuNs()-start)
		}
	}
}

func residentBytes() float64 {
	var size, pages int
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		panic(err)
	}
	return float64(pages * os.Getpagesize())
}

func scrapeCase(format expfmt.Format, compressed bool, least int) {
	registry := prometheus.NewRegistry()
	series := seriesPlace(seriesCount)
	seriesMake(requests(registry), series)
	touch(series, rowsTouched)
	scrape(registry, format, compressed, scrapes, least)
}

func millionCase() {
	registry := prometheus.NewRegistry()
	series := seriesPlace(million)
	before := residentBytes()
	start := cpuNs()
	seriesMake(requests(registry), series)
	fmt.Printf("create %.3f 0\n", (cpuNs()-start)/million)
	touch(series, 1)
	fmt.Printf("bytes %.3f 0\n", (residentBytes()-before)/million)
	scrape(registry, expfmt.FmtText, false, 1, million*50)
}

func main() {
	fill()
	what := strings.Join(os.Args[1:], " ")
	switch what {
	case "counter_1":
		update(counterLoop(0), 1)
	case "counter_2_same":
		update(counterLoop(0), 2)
	case "counter_2_own":
		update(counterLoop(1), 2)
	case "histogram_1":
		update(histogramLoop(0, 0, buckets), 1)
	case "histogram_2_same":
		update(histogramLoop(0, 0, buckets), 2)
	case "histogram_2_own":
		update(histogramLoop(1, 0, buckets), 2)
	case "gauge_1":
		update(gaugeLoop(), 1)
	case "gauge_2":
		update(gaugeLoop(), 2)
	case "lookup_1":
		update(lookupLoop(), 1)
	case "lookup_2":
		update(lookupLoop(), 2)
	case "native_1":
		update(histogramLoop(0, 1.1, nil), 1)
	case "native_classic_1":
		update(histogramLoop(0, 1.1, buckets), 1)
	case "exemplar_1":
		update(exemplarLoop(), 1)
	case "quantiles_1":
		update(quantilesLoop(), 1)
	case "scrape":
		scrapeCase(expfmt.FmtText, false, seriesCount*50)
	case "scrape_openmetrics":
		scrapeCase(expfmt.FmtOpenMetrics, false, seriesCount*50)
	case "scrape_protobuf":
		scrapeCase(expfmt.FmtProtoDelim, false, seriesCount*50)
	case "scrape_gzip":
		scrapeCase(expfmt.FmtText, true, seriesCount)
	case "million_1":
		millionCase()
	default:
		fmt.Fprintln(os.Stderr, "usage: golang CASE; see bench/run")
		os.Exit(2)
	}
}
