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

func (e entry) String() string {
	head := fmt.Sprintf("%8d %12s  %s", e.step, e.at.Round(time.Microsecond), e.from)
	switch {
	case e.to == "":
		return head + ": " + render(e.what)
	case e.heard:
		return fmt.Sprintf("%8d %12s  %s <- %s  %s", e.step, e.at.Round(time.Microsecond), e.to, e.from, render(e.what))
	default:
		return head + " -> " + e.to + "  " + render(e.what)
	}
}
