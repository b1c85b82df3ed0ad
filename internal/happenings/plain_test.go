package happenings_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TestPlainLinesAreReadFast checks which lines are read without the general decoder.
func TestPlainLinesAreReadFast(t *testing.T) {
	all := happenings.Record{Log: "l", LogSeq: 3, Happening: mgmt.Happening{
		Seq: 7, Time: time.Unix(1, 0), Heard: time.Unix(2, 5), Kind: mgmt.HappenedNode, Instance: "sensor-1", Node: "worker-1",
		Operation: 4, Revision: 5, From: "RUNNING", To: "CRASHED", Cause: "killed by SIGKILL (9)", Who: "CN=ops", PID: 123,
		Alert: "disk-full/a/spool", Severity: mgmt.AlertWarning,
	}}
	object, _, err := durable.Unseal(bytes.TrimSuffix(happenings.Encode(all), []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		string(object):                              true,
		`{"version":1}`:                             true,
		`{"pid":0,"pid":1}`:                         true,
		`{}`:                                        false,
		`{"version":1,"version":1}`:                 false,
		`{"version":1,"Kind":"a"}`:                  false,
		`{"version":1,"new":"a"}`:                   false,
		`{"version":1,"kind":"a\n"}`:                false,
		`{"version":1,"kind":"\u00e9"}`:             false,
		`{"version":1,"kind":null}`:                 false,
		`{"version":01}`:                            false,
		`{"version":1,"pid":-1}`:                    false,
		`{"version":1,"pid":9223372036854775808}`:   false,
		`{"version":1,"kind":"a"} `:                 false,
		`{"version":1,}`:                            false,
		`{"version":1`:                              false,
		`{"version":`:                               false,
		`{"version`:                                 false,
		`{"version":1}}`:                            false,
		`{"version":"1"}`:                           false,
		`{"version":1 ,"kind":"a"}`:                 false,
		`{"version":1,"kind":"a",,"node":"worker"}`: false,
	} {
		if plain, right := happenings.ReadBothWays([]byte(text)); plain != want || !right {
			t.Errorf("%s is read fast: %v, want %v; as the general decoder reads it: %v", text, plain, want, right)
		}
	}
}

// FuzzPlainLines compares the two ways to read a line.
func FuzzPlainLines(f *testing.F) {
	f.Add([]byte(`{"version":1,"seq":7,"time":"a","heard":"b","kind":"node","instance":"s","node":"w","pid":5}`))
	f.Add([]byte(`{"operation":1,"revision":2,"from":"","to":"b","cause":"c","who":"d","log":"e","log_seq":0}`))
	f.Fuzz(func(t *testing.T, object []byte) {
		if _, right := happenings.ReadBothWays(object); !right {
			t.Errorf("%q is not read as the general decoder reads it", object)
		}
	})
}
