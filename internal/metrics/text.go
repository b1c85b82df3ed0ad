package metrics

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// ContentType is the media type of the text.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// ofProcess gathers what every process of ours tells of itself. Making it takes memory, and most
// processes are never scraped.
var ofProcess = sync.OnceValue(func() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
})

// text returns the sheet, what is counted, and the figures of this process.
func (s *sheet) text(counted prometheus.Gatherer) ([]byte, error) {
	all := prometheus.Gatherers{ofProcess()}
	if counted != nil {
		all = append(all, counted)
	}
	gathered, err := all.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	for _, mf := range gathered {
		s.families[mf.GetName()] = mf
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(s.families)) {
		if _, err := expfmt.MetricFamilyToText(&out, s.families[name]); err != nil {
			return nil, fmt.Errorf("write metrics: %w", err)
		}
	}
	return out.Bytes(), nil
}

// built are the labels of a program.
func built(version string) pairs { return labels("version", version, "goversion", runtime.Version()) }
