package crash_test

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/crash"
)

// sample returns a record with a value in every field.
func sample() crash.Record {
	r := nth("worker-1", 7)
	r.Exit = crash.Exit{Text: "signal SIGSEGV (core dumped)", Known: true, Code: 1, Signal: 11, CoreDumped: true}
	r.Stdout, r.Stderr = "listening on eth0\n", "fatal error: it is over\n"
	r.Fingerprint, r.Plan = "1:022f", worker()
	r.Program, r.Version, r.Dir = "/opt/zeek/bin/zeek", "8.2.2", "/state/nodes/worker-1"
	r.Core, r.Backtrace, r.Note, r.Pending = "/state/nodes/worker-1/core", "#0 main", "a note", true
	return r
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var addresses = cmpopts.EquateComparable(netip.Addr{})

// If this file must change, add a new form.
func TestRecordIsWrittenInForm1(t *testing.T) {
	want := read(t, "testdata/crash-1.json")
	if got, err := crash.EncodeRecord(sample()); !bytes.Equal(got, want) || err != nil {
		t.Errorf("%v, got\n%s", err, got)
	}
	got, err := crash.DecodeRecord(want)
	if diff := cmp.Diff(sample(), got, addresses); diff != "" || err != nil {
		t.Errorf("read: %v (-want +got):\n%s", err, diff)
	}
}

func TestRecordOfForm0IsRead(t *testing.T) {
	files, err := filepath.Glob("../../testdata/state-d751308/zeek/nodes/sensor-1/crashes/worker/*.json")
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	got, err := crash.DecodeRecord(read(t, files[0]))
	if err != nil || got.Plan == nil || got.Plan.Node.Name != "worker" || len(got.Plan.Cluster) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	got.Plan = nil
	want := crash.Record{
		Node: "worker", Launch: 3, PID: 3120, When: time.Date(2026, 11, 29, 20, 58, 21, 241411794, time.UTC), Uptime: 70069986,
		Exit:   crash.Exit{Text: "signal SIGKILL", Known: true, Signal: 9},
		Stderr: "listening on lo\n", Fingerprint: "022f751056cbd41bfeeea5c58219f6a9",
		Program: "/var/lib/zeekfleet-fixture/bin/zeek", Version: "8.2.2", Dir: "/var/lib/zeekfleet-fixture/state/nodes/worker",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// List returns the other records, and its error names the record of a newer zeekfleet.
func TestRecordOfANewerFormStays(t *testing.T) {
	s, dir := newStoreIn(t)
	add(t, s, nth("worker-1", 1), nth("worker-1", 2))
	second := nth("worker-1", 2)
	path := filepath.Join(dir, "worker-1", second.When.UTC().Format("20060102T150405.000000000Z")+"-2.json")
	newer := []byte(`{"version":2,"node":"worker-1"}`)
	if err := os.WriteFile(path, newer, 0o600); err != nil {
		t.Fatal(err)
	}
	records, err := s.List("worker-1")
	want := "crash record " + path + ": written by a newer zeekfleet (form 2, known are up to 1); run that zeekfleet, or a later one"
	if len(records) != 1 || records[0].Launch != 1 || err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %d records, %v\nwant %s", len(records), err, want)
	}
	add(t, s, nth("worker-1", 3))
	if got := read(t, path); !bytes.Equal(got, newer) {
		t.Errorf("the file became %s", got)
	}
}

func newStoreIn(t *testing.T) (*crash.Store, string) {
	dir := t.TempDir()
	return open(t, crash.Config{Dir: dir}), dir
}
