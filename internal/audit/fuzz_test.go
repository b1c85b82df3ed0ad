package audit_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// reseal gives each line of a text the checksum that it must have.
func reseal(text []byte) []byte {
	var all []byte
	for line := range bytes.Lines(text) {
		body, _, ok := bytes.Cut(line, []byte(`,"sum":"`))
		if !ok {
			all = append(all, line...)
			continue
		}
		all = append(all, durable.Seal(append(bytes.Clone(body), '}'))...)
	}
	return all
}

// FuzzSegment reads a segment with any content. All records that can be read must be
// readable after the next append as well, and that one after them.
func FuzzSegment(f *testing.F) {
	form1, err := os.ReadFile("testdata/form-1.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(form1, false)
	f.Add(form1[:len(form1)-9], false)
	f.Add([]byte("{\"version\":1,\"seq\":18446744073709551615,\"time\":\"2026-01-01T00:00:00Z\",\"who\":\"\",\"role\":\"nobody\",\"request\":\"\",\"outcome\":\"\",\"sum\":\"\"}\n"), true)
	f.Add([]byte("\n\n\x00\n{}"), true)
	f.Fuzz(func(t *testing.T, text []byte, sealed bool) {
		if sealed {
			text = reseal(text)
		}
		size, last, err := audit.Survey(text)
		if err != nil {
			return // a newer form
		}
		before := audit.Scan(text)
		rec := change(0)
		rec.Seq = last + 1
		for _, r := range before {
			if r.Seq > last {
				t.Errorf("the last record is %d, and %d can be read", last, r.Seq)
			}
		}
		if after := audit.Scan(slices.Concat(text[:size], audit.Encode(rec))); !slices.Equal(after, append(before, rec)) {
			t.Errorf("after an append: %+v, want %+v", after, append(before, rec))
		}
	})
}

// BenchmarkAppend appends records of changes. Each is synced.
func BenchmarkAppend(b *testing.B) {
	l := open(b, audit.Config{Dir: b.TempDir()})
	rec := change(0)
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Append(rec); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFullLog opens a log with 100,000 records, and reads the latest.
func BenchmarkFullLog(b *testing.B) {
	dir := b.TempDir()
	full(b, dir, 100_000)
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			l, err := audit.Open(audit.Config{Dir: dir, MaxAge: forever})
			if err != nil || l.Newest() != 100_000 {
				b.Fatal(l.Newest(), err)
			}
			l.Close()
		}
	})
	l := open(b, audit.Config{Dir: dir})
	for name, q := range map[string]audit.Query{
		"latest": {Limit: 100, Latest: true}, "earliest": {Limit: 100}, "nobody": {User: "nobody"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				read(b, l, q)
			}
		})
	}
}

// full writes the segments of a log with this many records, without a sync for each.
func full(tb testing.TB, dir string, records int) {
	tb.Helper()
	var text []byte
	for i := range records {
		text = append(text, audit.Encode(func() mgmt.AuditRecord { rec := change(i); rec.Seq = uint64(i + 1); return rec }())...)
		if (i+1)%2500 == 0 {
			path := filepath.Join(dir, fmt.Sprintf("changes-%020d.jsonl", i+2-2500))
			if err := os.WriteFile(path, text, 0o600); err != nil {
				tb.Fatal(err)
			}
			text = nil
		}
	}
}
