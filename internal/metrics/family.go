package metrics

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
)

// Type is the type of a family.
type Type string

// The types.
const (
	Gauge     Type = "gauge"
	Counter   Type = "counter"
	Histogram Type = "histogram"
)

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

// pairs are labels with their values, as they stand between braces.
type pairs string

// labels returns pairs of names and values, in turn. Names are those of a Family.
func labels(namesAndValues ...string) (p pairs) {
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		p = p.with(namesAndValues[i], namesAndValues[i+1])
	}
	return p
}

// with returns pairs and one more.
func (p pairs) with(name, value string) pairs {
	if p != "" {
		p += ","
	}
	return p + pairs(name+`="`+escaped.Replace(clean(value))+`"`)
}

var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// sheet collects the series of a scrape.
type sheet struct {
	// room is for how many more series there is room, and leftOut how many had none.
	room, leftOut int
	families      map[*Family]*bytes.Buffer
}

// DefaultMaxSeries bounds the series of a scrape unless a config says otherwise: 20,000 nodes
// have 20 each.
const DefaultMaxSeries = 500_000

func newSheet(most int) *sheet {
	if most <= 0 {
		most = DefaultMaxSeries
	}
	return &sheet{room: most, families: map[*Family]*bytes.Buffer{}}
}

// add adds a series of a gauge or a counter.
func (s *sheet) add(f *Family, value float64, labels pairs) {
	if s.room == 0 {
		s.leftOut++
		return
	}
	s.room--
	s.line(f, "", value, labels)
}

// line adds a line. suffix follows the name.
func (s *sheet) line(f *Family, suffix string, value float64, labels pairs) {
	text := s.families[f]
	if text == nil {
		text = &bytes.Buffer{}
		text.WriteString("# HELP " + f.Name + " " + f.Help + "\n# TYPE " + f.Name + " " + string(f.Type) + "\n")
		s.families[f] = text
	}
	text.WriteString(f.Name)
	text.WriteString(suffix)
	if labels != "" {
		text.WriteByte('{')
		text.WriteString(string(labels))
		text.WriteByte('}')
	}
	text.WriteByte(' ')
	text.Write(strconv.AppendFloat(text.AvailableBuffer(), value, 'g', -1, 64))
	text.WriteByte('\n')
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
