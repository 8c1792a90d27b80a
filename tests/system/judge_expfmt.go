// Reads a page from standard input by Go's expfmt, in the format of the argument ("text" or
// "protobuf"), and prints what it has found as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

func read(format expfmt.Format) ([]*dto.MetricFamily, error) {
	families := []*dto.MetricFamily{}
	decoder := expfmt.NewDecoder(os.Stdin, format)
	for {
		family := &dto.MetricFamily{}
		err := decoder.Decode(family)
		if err == io.EOF {
			return families, nil
		}
		if err != nil {
			return nil, err
		}
		families = append(families, family)
	}
}

// JSON has neither infinities nor NaN, so values are text.
func number(value float64) string {
	return fmt.Sprint(value)
}

type sample struct {
	Labels    map[string]string  `json:"labels"`
	Value     string             `json:"value,omitempty"`
	Count     uint64             `json:"count,omitempty"`
	Sum       string             `json:"sum,omitempty"`
	Quantiles map[string]float64 `json:"quantiles,omitempty"`
	// Upper bounds and cumulative counts.
	Buckets map[string]uint64 `json:"buckets,omitempty"`
	// What the native buckets count.
	Native   uint64   `json:"native,omitempty"`
	Schema   int32    `json:"schema,omitempty"`
	Exemplar []string `json:"exemplar,omitempty"`
}

func exemplarOf(exemplar *dto.Exemplar) []string {
	if exemplar == nil {
		return nil
	}
	found := []string{number(exemplar.GetValue())}
	for _, label := range exemplar.Label {
		found = append(found, label.GetName(), label.GetValue())
	}
	return found
}

func histogramOf(into *sample, histogram *dto.Histogram) {
	into.Count = histogram.GetSampleCount()
	into.Sum = number(histogram.GetSampleSum())
	into.Buckets = map[string]uint64{}
	for _, bucket := range histogram.Bucket {
		into.Buckets[number(bucket.GetUpperBound())] = bucket.GetCumulativeCount()
		if found := exemplarOf(bucket.Exemplar); found != nil {
			into.Exemplar = found
		}
	}
	into.Schema = histogram.GetSchema()
	into.Native = histogram.GetZeroCount()
	count := int64(0)
	for _, delta := range histogram.PositiveDelta {
		count += delta
		into.Native += uint64(count)
	}
}

func sampleOf(metric *dto.Metric) sample {
	found := sample{Labels: map[string]string{}}
	for _, label := range metric.Label {
		found.Labels[label.GetName()] = label.GetValue()
	}
	switch {
	case metric.Counter != nil:
		found.Value = number(metric.Counter.GetValue())
	case metric.Gauge != nil:
		found.Value = number(metric.Gauge.GetValue())
	case metric.Untyped != nil:
		found.Value = number(metric.Untyped.GetValue())
	case metric.Summary != nil:
		found.Count = metric.Summary.GetSampleCount()
		found.Sum = number(metric.Summary.GetSampleSum())
		found.Quantiles = map[string]float64{}
		for _, quantile := range metric.Summary.Quantile {
			found.Quantiles[number(quantile.GetQuantile())] = quantile.GetValue()
		}
	case metric.Histogram != nil:
		histogramOf(&found, metric.Histogram)
	}
	return found
}

func main() {
	format := expfmt.FmtText
	if os.Args[1] == "protobuf" {
		format = expfmt.FmtProtoDelim
	}
	families, err := read(format)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	found := map[string]interface{}{}
	for _, family := range families {
		samples := []sample{}
		for _, metric := range family.Metric {
			samples = append(samples, sampleOf(metric))
		}
		found[family.GetName()] = map[string]interface{}{
			"type": family.GetType().String(), "help": family.GetHelp(), "samples": samples}
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		panic(err)
	}
}
