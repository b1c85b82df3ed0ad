package metrics

import (
	"strings"
	"unicode"

	dto "github.com/prometheus/client_model/go"
)

// Type is the type of a family.
type Type string

// The types.
const (
	Gauge     Type = "gauge"
	Counter   Type = "counter"
	Histogram Type = "histogram"
)

var typeOf = map[Type]*dto.MetricType{
	Gauge: dto.MetricType_GAUGE.Enum(), Counter: dto.MetricType_COUNTER.Enum(), Histogram: dto.MetricType_HISTOGRAM.Enum(),
}

// Family describes a family of metrics. The table of docs/metrics.md is made of them.
type Family struct {
	Name string
	Type Type
	// Unit is the base unit of the value, or empty if it is a number of things or a truth.
	Unit   string
	Labels []string
	Help   string
}

// MaxLabel bounds the value of a label, in bytes.
const MaxLabel = 200

// clean makes a text fit for the value of a label: what agents and nodes say may have any form.
func clean(text string) string {
	plain := len(text) <= MaxLabel
	for i := 0; plain && i < len(text); i++ {
		plain = text[i] >= ' ' && text[i] < 0x7f
	}
	if plain {
		return text
	}
	const more = "…"
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > MaxLabel {
		text = strings.ToValidUTF8(text[:MaxLabel-len(more)], "") + more
	}
	return text
}

// pairs are labels with their values.
type pairs []*dto.LabelPair

// labels returns pairs of names and values, in turn. Names are those of a Family.
func labels(namesAndValues ...string) pairs {
	list := make(pairs, 0, len(namesAndValues)/2)
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		list = append(list, &dto.LabelPair{Name: &namesAndValues[i], Value: new(clean(namesAndValues[i+1]))})
	}
	return list
}

// with returns pairs and one more.
func (p pairs) with(name, value string) pairs {
	return append(p[:len(p):len(p)], &dto.LabelPair{Name: &name, Value: new(clean(value))})
}

// sheet collects the series of a scrape.
type sheet struct {
	// room is for how many more series there is room, and leftOut how many had none.
	room, leftOut int
	families      map[string]*dto.MetricFamily
}

// DefaultMaxSeries bounds the series of a scrape unless a config says otherwise: 20,000 nodes
// have 20 each.
const DefaultMaxSeries = 500_000

func newSheet(most int) *sheet {
	if most <= 0 {
		most = DefaultMaxSeries
	}
	return &sheet{room: most, families: map[string]*dto.MetricFamily{}}
}

// add adds a series of a gauge or a counter. Nobody may change the labels later.
func (s *sheet) add(f *Family, value float64, labels pairs) {
	if s.room == 0 {
		s.leftOut++
		return
	}
	s.room--
	m := &dto.Metric{Label: labels}
	if f.Type == Counter {
		m.Counter = &dto.Counter{Value: &value}
	} else {
		m.Gauge = &dto.Gauge{Value: &value}
	}
	mf := s.families[f.Name]
	if mf == nil {
		mf = &dto.MetricFamily{Name: &f.Name, Help: &f.Help, Type: typeOf[f.Type]}
		s.families[f.Name] = mf
	}
	mf.Metric = append(mf.Metric, m)
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
