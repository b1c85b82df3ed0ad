package audit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func refused(i int) mgmt.AuditRecord {
	rec := change(i)
	rec.Outcome = mgmt.AuditRefused
	return rec
}

// count returns how many records of a log are refusals, and how many are not.
func count(t *testing.T, l *audit.Log) (changes, refusals int) {
	t.Helper()
	for _, rec := range read(t, l, audit.Query{Limit: audit.MaxLimit}) {
		if rec.Outcome == mgmt.AuditRefused {
			refusals++
		} else {
			changes++
		}
	}
	return changes, refusals
}

func TestOldestRecordsGoWhenThereAreTooMany(t *testing.T) {
	cfg := audit.Config{Dir: t.TempDir(), MaxRecords: 80}
	l := open(t, cfg)
	for i := range 200 {
		add(t, l, change(i))
		if changes, _ := count(t, l); changes > 80 {
			t.Fatalf("%d records, at most 80 are allowed", changes)
		}
	}
	changes, _ := count(t, l)
	if changes < 79 {
		t.Errorf("%d records are kept, want at least 79", changes)
	}
	if list := read(t, l, audit.Query{}); list[len(list)-1].Seq != 200 {
		t.Errorf("the newest record is %d", list[len(list)-1].Seq)
	}
	l.Close()
	cfg.MaxRecords = 20
	if changes, _ = count(t, open(t, cfg)); changes > 20 || changes < 18 {
		t.Errorf("%d records after a start that allows 20", changes)
	}
}

func TestRefusalsDoNotPushOutChanges(t *testing.T) {
	l := open(t, audit.Config{Dir: t.TempDir(), MaxRecords: 80})
	add(t, l, change(0))
	for i := range 100 {
		add(t, l, refused(i))
	}
	if changes, refusals := count(t, l); changes != 1 || refusals < 19 || refusals > 20 {
		t.Errorf("%d changes and %d refusals, want 1 and at most 20", changes, refusals)
	}
}

func TestRecordsGoWhenTheyAreTooOld(t *testing.T) {
	day := 24 * time.Hour
	l := open(t, audit.Config{Dir: t.TempDir(), MaxAge: 40 * day})
	for i := range 100 {
		rec := change(0)
		rec.Time = start.Add(time.Duration(i) * day)
		add(t, l, rec)
	}
	list := read(t, l, audit.Query{})
	oldest := start.Add(99 * day).Sub(list[0].Time)
	if oldest < 40*day || oldest > 42*day {
		t.Errorf("the oldest record is %v old, want 40 days or little more", oldest)
	}
}

func TestSegmentsAreBoundedInBytes(t *testing.T) {
	dir := t.TempDir()
	l := open(t, audit.Config{Dir: dir, MaxBytes: 2 << 20})
	rec := change(0)
	rec.Reason = strings.Repeat("\x01", 5000) // JSON needs six bytes for each
	for range 400 {
		add(t, l, rec)
	}
	var size int64
	for _, path := range segmentsOf(t, dir, "changes") {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 2<<20 || size < 3<<19 {
		t.Errorf("the segments have %d bytes, want at most 2 MiB and nearly that", size)
	}
	if got := read(t, l, audit.Query{Limit: 1})[0].Reason; len(got) > 1024 {
		t.Errorf("a reason of %d bytes is kept", len(got))
	}
}

func TestQueries(t *testing.T) {
	l := open(t, audit.Config{Dir: t.TempDir(), MaxRecords: 200})
	for i := range 20 {
		rec := change(i)
		if i%2 == 1 {
			rec.Who, rec.Outcome = "root (uid 0)", mgmt.AuditRefused
		}
		add(t, l, rec)
	}
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Second) }
	for name, c := range map[string]struct {
		q    audit.Query
		want string
	}{
		"all":                {audit.Query{}, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"},
		"the earliest":       {audit.Query{Limit: 3}, "0 1 2"},
		"the latest":         {audit.Query{Limit: 3, Latest: true}, "17 18 19"},
		"since":              {audit.Query{Since: at(17)}, "17 18 19"},
		"a page":             {audit.Query{After: 5, Limit: 2}, "5 6"},
		"a user":             {audit.Query{User: "ann", Since: at(15)}, "16 18"},
		"a user of the host": {audit.Query{User: "root (uid 0)", Since: at(15)}, "15 17 19"},
		"its name alone":     {audit.Query{User: "root", Since: at(15)}, ""},
		"the latest of one":  {audit.Query{User: "ann", Limit: 2, Latest: true}, "16 18"},
		"part of a name":     {audit.Query{User: "an"}, ""},
		"after the end":      {audit.Query{After: 20}, ""},
	} {
		var got []string
		for _, rec := range read(t, l, c.q) {
			got = append(got, rec.Subject)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, want %q", name, strings.Join(got, " "), c.want)
		}
	}
}

func TestWaitReturnsWhenThereIsARecord(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, audit.Config{Dir: dir})
		waited := make(chan error, 1)
		go func() { waited <- l.Wait(t.Context(), 1) }()
		add(t, l, change(0))
		synctest.Wait()
		select {
		case err := <-waited:
			t.Fatalf("Wait for the second record returned %v after the first", err)
		default:
		}
		add(t, l, change(1))
		if err := <-waited; err != nil {
			t.Errorf("Wait: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Wait(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait until its context is done: %v", err)
		}
		go func() { waited <- l.Wait(t.Context(), 2) }()
		synctest.Wait()
		l.Close()
		if err := <-waited; !errors.Is(err, audit.ErrClosed) {
			t.Errorf("Wait until the log is closed: %v", err)
		}
	})
}

func TestFileGetsEachLineAndMayBeMoved(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "audit.jsonl")
	l := open(t, audit.Config{Dir: dir, File: file})
	lines := func(path string) int {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "\n")
	}
	add(t, l, change(0), refused(1))
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	add(t, l, change(2))
	if moved, now := lines(file+".1"), lines(file); moved != 2 || now != 1 {
		t.Errorf("the moved file has %d lines and the new one %d, want 2 and 1", moved, now)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	// A program that copies the file and empties it leaves the file in place.
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	add(t, l, change(3))
	if now := lines(file); now != 1 {
		t.Errorf("the emptied file has %d lines, want 1", now)
	}
	// A line that was not written whole does not spoil the next one.
	l.Close()
	if err := os.WriteFile(file, []byte(`{"version":1,"se`), 0o640); err != nil {
		t.Fatal(err)
	}
	add(t, open(t, audit.Config{Dir: dir, File: file}), change(4))
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "se\n{\"version\":1,\"seq\":5,") {
		t.Errorf("the file has %q, %v", text, err)
	}
}

func TestRecordIsKeptAlthoughTheFileCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	l := open(t, audit.Config{Dir: dir, File: filepath.Join(dir, "missing", "audit.jsonl")})
	if err := l.Append(change(0)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("append: %v, want an error about the file", err)
	}
	if got := subjects(t, l); got != "0" {
		t.Errorf("records %q, want 0", got)
	}
}
