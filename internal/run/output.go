package run

import (
	"math"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Head keeps the beginning of what is written to it.
type Head struct {
	Limit int // bytes
	text  []byte
}

// Write implements io.Writer. It never fails.
func (h *Head) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), h.Limit-len(h.text))]...)
	return len(p), nil
}

// String returns the bytes that were kept.
func (h *Head) String() string { return string(h.text) }

// Tail keeps the end of what is written to it.
type Tail struct {
	Limit int // bytes
	text  []byte
	cut   bool
}

// Write implements io.Writer. It never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p[max(0, len(p)-t.Limit):]...)
	if over := len(t.text) - t.Limit; over > 0 || len(p) > t.Limit {
		t.text = append(t.text[:0], t.text[max(0, over):]...)
		t.cut = true
	}
	return len(p), nil
}

// String returns the bytes that were kept, without the newlines at the end. It leaves
// out a first line whose beginning is missing, unless it is the only line.
func (t *Tail) String() string {
	return mgmt.LastLines(string(t.text), math.MaxInt, t.cut)
}
