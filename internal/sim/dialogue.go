package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// entry is something that happened at a time, in a step.
type entry struct {
	at   time.Duration
	step int
	coretest.Entry
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

// String returns the entry with its step and its time.
func (e entry) String() string {
	return fmt.Sprintf("%8d %12s  %s", e.step, e.at.Round(time.Microsecond), strings.Join(e.Lines(short), "\n"))
}

// short returns what is enough of a request ID to tell it from others.
func short(id mgmt.ReqID) string { return string(id[:min(len(id), 6)]) }
