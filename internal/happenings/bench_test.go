package happenings_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// million is the directory of a log with a million records: one a second, up to now. It is
// made of segments as Append makes them, without a sync for each record.
func million(b *testing.B) (dir string, end time.Time) {
	b.Helper()
	const records, inSegment = 1_000_000, 4000
	dir, end = b.TempDir(), time.Now()
	begin := end.Add(-records * time.Second)
	var text []byte
	for i := range records {
		r := happenings.Record{Happening: change(i)}
		r.Seq, r.Time = uint64(i+1), begin.Add(time.Duration(i+1)*time.Second)
		r.Heard = r.Time
		r.Instance, r.Node = mgmt.InstanceName(fmt.Sprint("sensor-", i%100)), mgmt.NodeName(fmt.Sprint("worker-", i%1000))
		text = append(text, happenings.Encode(r)...)
		if (i+1)%inSegment == 0 {
			path := filepath.Join(dir, fmt.Sprintf("happenings-%020d.jsonl", i+2-inSegment))
			if err := os.WriteFile(path, text, 0o600); err != nil {
				b.Fatal(err)
			}
			text = text[:0]
		}
	}
	return dir, end
}

// BenchmarkMillion opens a log with a million records and reads from it.
func BenchmarkMillion(b *testing.B) {
	dir, end := million(b)
	reopen := func() *happenings.Log {
		l, err := happenings.Open(happenings.Config{Dir: dir, MaxAge: forever, Recent: 1})
		if err != nil || l.Newest() != 1_000_000 {
			b.Fatal(l.Newest(), err)
		}
		return l
	}
	b.Run("open without an index", func(b *testing.B) {
		for b.Loop() {
			reopen().Close()
		}
	})
	l := reopen()
	add(b, l, records(0, 1)...) // begins a segment, and writes the index
	l.Close()
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			l, err := happenings.Open(happenings.Config{Dir: dir, MaxAge: forever})
			if err != nil {
				b.Fatal(err)
			}
			l.Close()
		}
	})
	l = open(b, happenings.Config{Dir: dir, Recent: 1})
	for name, q := range map[string]happenings.Query{
		"since 1h":         {Since: end.Add(-time.Hour), Limit: 10_000},
		"since 1h, a node": {Since: end.Add(-time.Hour), Node: "worker-7"},
		"after":            {After: 500_000},
		"latest":           {Limit: 100, Latest: true},
		"a node, latest":   {Node: "worker-7", Limit: 100, Latest: true},
		"a node, all":      {Node: "worker-7", Limit: 10_000},
		"nobody":           {Node: "nobody"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				read(b, l, q)
			}
		})
	}
}

// BenchmarkAppend appends a batch of 100 records, which is synced.
func BenchmarkAppend(b *testing.B) {
	l := open(b, happenings.Config{Dir: b.TempDir()})
	list := records(0, 100)
	b.ReportAllocs()
	for b.Loop() {
		add(b, l, list...)
	}
}
