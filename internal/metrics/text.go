package metrics

import (
	"bytes"
	"cmp"
	"maps"
	"runtime"
	"slices"
)

// ContentType is the media type of the text.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// text returns what is on the sheet and the figures of this process.
func (s *sheet) text() []byte {
	s.process()
	var out bytes.Buffer
	for _, f := range slices.SortedFunc(maps.Keys(s.families), func(a, b *Family) int { return cmp.Compare(a.Name, b.Name) }) {
		out.Write(s.families[f].Bytes())
	}
	return out.Bytes()
}

// built are the labels of a program.
func built(version string) pairs { return labels("version", version, "goversion", runtime.Version()) }
