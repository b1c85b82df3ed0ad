package proc_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// sample has a value in every field.
var sample = proc.Record{
	Name: "worker-1", Launch: 7, PID: 4711, StartTicks: 1126726, BootID: "00c3d44e-7952-4f66-8987-3f807532fcd5",
	Executable: "/usr/bin/zeek", Fingerprint: "1:022f", Started: time.Date(2026, 11, 29, 20, 58, 22, 333265801, time.UTC),
	Stdout: proc.Output{Path: "/var/lib/zeekfleet/nodes/worker-1/stdout", Offset: 1},
	Stderr: proc.Output{Path: "/var/lib/zeekfleet/nodes/worker-1/stderr", Offset: 17},
}

// If this file must change, add a new form.
func TestRecordIsWrittenInForm1(t *testing.T) {
	want := must(os.ReadFile("testdata/record-1.json"))
	if got := proc.EncodeRecord(sample); !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, err := proc.DecodeRecord(want); got != sample || err != nil {
		t.Errorf("read: %v\n%s", err, cmp.Diff(sample, got))
	}
}

func TestRecordsOfForm0AreRead(t *testing.T) {
	files, err := filepath.Glob("../../testdata/state-d751308/*/nodes/*/processes/*.json")
	if err != nil || len(files) < 8 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		r, err := proc.DecodeRecord(must(os.ReadFile(file)))
		complete := r.PID > 1 && r.StartTicks > 0 && r.BootID != "" && r.Executable != "" && len(r.Fingerprint) == 32 &&
			!r.Started.IsZero() && r.Stdout.Path != "" && r.Stderr.Path != "" && r.Launch > 0
		if err != nil || !complete || !strings.HasPrefix(filepath.Base(file), r.Name+".") {
			t.Errorf("%s: %+v, %v", file, r, err)
		}
	}
}

func TestDecodeRecordRefusesOtherForms(t *testing.T) {
	object, _, err := durable.Unseal(proc.EncodeRecord(sample))
	if err != nil {
		t.Fatal(err)
	}
	text := string(object)
	for name, tt := range map[string]struct{ text, err string }{
		"form 1 without a checksum": {text, "it is damaged: it does not match its checksum"},
		"a field that form 1 does not have": {
			string(durable.Seal([]byte(strings.Replace(text, "{", `{"colour":"blue",`, 1)))), `it is damaged: json: unknown field "colour"`,
		},
		"a newer form": {
			string(durable.Seal([]byte(strings.Replace(text, `"version":1`, `"version":2`, 1)))),
			"written by a newer zeekfleet (form 2, known are up to 1); run that zeekfleet, or a later one",
		},
		"a newer form with another checksum": {
			`{"version":2,"sha256":"e3b0"}`, "written by a newer zeekfleet (form 2, known are up to 1); run that zeekfleet, or a later one",
		},
		"form 0 with a field of form 1": {`{"name":"worker-1","fingerprint":"1:022f"}`, `it is damaged: json: unknown field "fingerprint"`},
	} {
		if _, err := proc.DecodeRecord([]byte(tt.text)); err == nil || err.Error() != tt.err {
			t.Errorf("%s: got %v, want %s", name, err, tt.err)
		}
	}
}
