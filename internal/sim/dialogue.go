package sim

import (
	"fmt"
	"time"
)

// entry is one line of the dialogue: somebody says something to somebody, or
// does something.
type entry struct {
	at    time.Duration
	step  int
	from  string
	to    string // empty: from does what
	what  any
	heard bool // it is received; otherwise sent
}

// remembered is how many entries a dialogue keeps.
const remembered = 400

// dialogue keeps the latest entries. They become text only when they are read.
type dialogue struct {
	ring [remembered]entry
	next int
	// listen, if not nil, gets every entry instead.
	listen func(entry)
}

func (d *dialogue) add(e entry) {
	if d.listen != nil {
		d.listen(e)
		return
	}
	d.ring[d.next%remembered] = e
	d.next++
}

// lines returns the entries that are kept, oldest first.
func (d *dialogue) lines() []string {
	var list []string
	for i := max(0, d.next-remembered); i < d.next; i++ {
		list = append(list, d.ring[i%remembered].String())
	}
	return list
}

// String returns the entry as a line with its step and its time.
func (e entry) String() string {
	return fmt.Sprintf("%8d %12s  %s", e.step, e.at.Round(time.Microsecond), e.line(renderer{short}))
}

// line returns who says or does what.
func (e entry) line(r renderer) string {
	switch {
	case e.to == "":
		return e.from + ": " + r.text(e.what)
	case e.heard:
		return e.to + " <- " + e.from + "  " + r.text(e.what)
	default:
		return e.from + " -> " + e.to + "  " + r.text(e.what)
	}
}
