package happenings_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
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

// FuzzLines reads lines with any content: of a segment, and of an agent. What can be read is
// read again from what is written of it. An agent's records are about that agent's instance,
// in order, and end where the agent says.
func FuzzLines(f *testing.F) {
	form1, err := os.ReadFile(filepath.Join("testdata/form-1/happenings-00000000000000000001.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(form1, false, uint64(3))
	f.Add(form1[:len(form1)-9], false, uint64(9))
	f.Add([]byte("{\"version\":1,\"seq\":9223372036854775807,\"time\":\"2026-01-01T00:00:00Z\",\"heard\":\"0000-01-01T00:00:00Z\",\"kind\":\"node\",\"node\":\"a\",\"sum\":\"\"}\n"), true, uint64(1<<63-1))
	f.Add([]byte("\n\n\x00\n{}"), true, uint64(0))
	f.Fuzz(func(t *testing.T, text []byte, sealed bool, last uint64) {
		if sealed {
			text = reseal(text)
		}
		list := happenings.Scan(text)
		var again []byte
		for _, r := range list {
			again = append(again, happenings.Encode(r)...)
		}
		if got := happenings.Scan(again); !slices.EqualFunc(list, got, same) {
			t.Errorf("read again: %+v, want %+v", got, list)
		}
		before := uint64(0)
		told := happenings.ReadBatch("sensor-1", happenings.Batch{Log: agentLog, Last: last, Lines: string(text)})
		for _, r := range told {
			if r.Instance != "sensor-1" && r.Instance != "" || r.Log != agentLog || r.LogSeq <= before || r.LogSeq > last || r.Who != "" {
				t.Errorf("an agent tells %+v after number %d, up to %d", r, before, last)
			}
			before = r.LogSeq
			if r.Kind != mgmt.HappenedNode && r.Kind != mgmt.HappenedLost {
				t.Errorf("an agent tells of kind %q", r.Kind)
			}
		}
		if before != last {
			t.Errorf("the batch ends with %d, want %d", before, last)
		}
	})
}

// same compares records whose long texts were cut.
func same(a, b happenings.Record) bool {
	return a.Seq == b.Seq && a.Time.Equal(b.Time) && a.Heard.Equal(b.Heard) && a.LogSeq == b.LogSeq && a.PID == b.PID && a.Operation == b.Operation
}
