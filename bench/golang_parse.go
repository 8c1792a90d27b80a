// How fast Go's expfmt reads a page of text: golang_parse FILE. Prints `parse MB_PER_SECOND`, of the
// processor time of the process, which includes its garbage collector; see bench/parse.py.
package main

import (
	"bytes"
	"fmt"
	"os"
	"syscall"

	"github.com/prometheus/common/expfmt"
)

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	seconds := usage.Utime.Sec + usage.Stime.Sec
	return float64(seconds) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

func main() {
	page, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	pages, spent := 0, 0.0
	for start := cpuSeconds(); spent < 0.5; spent = cpuSeconds() - start {
		var parser expfmt.TextParser
		families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
		if err != nil || len(families) == 0 {
			panic("the page is not good")
		}
		pages++
	}
	fmt.Printf("parse %.3f\n", float64(pages*len(page))/spent/1e6)
}
