package audit_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// start is the time of the first record of a test.
var start = time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)

// forever is longer than anybody runs these tests. Their records have fixed times, which lie
// further back each day: without it the records would one day be too old to be kept.
const forever = time.Duration(1 << 62)

// open opens a log that keeps its records forever, unless cfg says for how long.
func open(t testing.TB, cfg audit.Config) *audit.Log {
	t.Helper()
	if cfg.MaxAge == 0 {
		cfg.MaxAge = forever
	}
	l, err := audit.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// change is a record of a change that ann has made, i seconds after start.
func change(i int) mgmt.AuditRecord {
	return mgmt.AuditRecord{
		Time: start.Add(time.Duration(i) * time.Second), Who: "ann", Role: mgmt.Operator, Source: "192.0.2.7:1000",
		Request: "deploy", Subject: fmt.Sprint(i), Outcome: mgmt.AuditDone, Revision: "r",
	}
}

func add(t testing.TB, l *audit.Log, recs ...mgmt.AuditRecord) {
	t.Helper()
	for _, rec := range recs {
		if err := l.Append(rec); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t testing.TB, l *audit.Log, q audit.Query) []mgmt.AuditRecord {
	t.Helper()
	list, err := l.Read(q)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	cfg := audit.Config{Dir: t.TempDir() + "/audit"}
	l := open(t, cfg)
	full := change(0)
	full.Reason, full.Times, full.Outcome, full.Operation = "because \"of\" <this>\n", 7, mgmt.AuditRefused, 12
	add(t, l, full, mgmt.AuditRecord{Time: start, Outcome: mgmt.AuditBegun})
	full.Seq = 1
	want := []mgmt.AuditRecord{full, {Seq: 2, Time: start, Outcome: mgmt.AuditBegun}}
	if diff := cmp.Diff(want, read(t, l, audit.Query{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	l.Close()
	if diff := cmp.Diff(want, read(t, open(t, cfg), audit.Query{})); diff != "" {
		t.Errorf("after another start (-want +got):\n%s", diff)
	}
}

func TestALogIsReadWhileAnotherProcessWritesIt(t *testing.T) {
	cfg := audit.Config{Dir: t.TempDir() + "/audit", MaxRecords: 40}
	l := open(t, cfg)
	add(t, l, change(0), change(1))
	other, err := audit.OpenToRead(cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, other, audit.Query{}); len(got) != 2 {
		t.Errorf("got %d records", len(got))
	}
	if err := other.Append(change(2)); err != audit.ErrClosed {
		t.Errorf("append: got %v", err)
	}
	add(t, l, change(2))
	if got := read(t, l, audit.Query{}); len(got) != 3 {
		t.Errorf("the writer has %d records", len(got))
	}
	missing := t.TempDir() + "/missing"
	if _, err := audit.OpenToRead(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no log: got %v", err)
	}
}

func TestReadingALogRemovesNothing(t *testing.T) {
	cfg := audit.Config{Dir: t.TempDir() + "/audit", MaxAge: 250 * 365 * 24 * time.Hour}
	old := change(0)
	old.Time = time.Date(1800, 1, 1, 0, 0, 0, 0, time.UTC)
	l := open(t, cfg)
	add(t, l, old, change(1))
	before := read(t, l, audit.Query{})
	other, err := audit.OpenToRead(cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, read(t, other, audit.Query{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
