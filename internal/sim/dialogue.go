package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// entry is what happened, with its time and its step.
type entry struct {
	at   time.Duration
	step int
	coretest.Entry
}

// remembered is how many entries a dialogue keeps.
const remembered = 400

// dialogue keeps the latest entries. It makes text of them only for lines.
type dialogue struct {
	ring [remembered]entry
	next int
	// listen gets every entry, and the dialogue keeps none. It may be nil.
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

// short returns the beginning of a request ID, which is enough for a reader.
func short(id mgmt.ReqID) string { return string(id[:min(len(id), 6)]) }
