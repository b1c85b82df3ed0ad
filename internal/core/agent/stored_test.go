package agent_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// told is what an agent saves that was told to run a worker.
var told = agent.State{Desired: configuration(node("worker")), Told: true}

func restore(t *testing.T, value string) agent.State {
	t.Helper()
	s, err := agent.Restore(map[string][]byte{"state": []byte(value)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantState(t *testing.T, want, got agent.State) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(mgmt.UnknownHost)); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

// A change of the text is a new form. A program of before reads what has no term.
func TestStateIsWrittenInItsForms(t *testing.T) {
	told := told
	told.Stopped, told.Paused = []mgmt.NodeName{"worker", "worker-2"}, []mgmt.NodeName{"worker-3"}
	t.Run("form 2, without a term", func(t *testing.T) { wantWritten(t, told, "form2.json") })
	told.Term = 7
	t.Run("form 3, with a term", func(t *testing.T) { wantWritten(t, told, "form3.json") })
}

func wantWritten(t *testing.T, told agent.State, file string) {
	changes := told.Changes()
	path := filepath.Join("testdata", "stored", file)
	if *update {
		if err := os.WriteFile(path, append(changes[0].Value, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []agent.Change{{Key: "state", Value: []byte(strings.TrimSuffix(string(text), "\n"))}}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	wantState(t, told, restore(t, string(text)))
}

func TestStateIsReadFromForm1(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "stored", "form1.json"))
	if err != nil {
		t.Fatal(err)
	}
	wantState(t, told, restore(t, string(text)))
}

// In form 0 a state may lack the word whether it was told. A configuration that is
// not empty was.
func TestStateIsReadFromForm0(t *testing.T) {
	worker := `{"ID":"config","Instances":[{"Name":"host","Host":"0.0.0.0","ListenPort":null}],"Nodes":[{"Name":"worker","Instance":"host",` +
		`"Role":"WORKER","State":"RUNNING","Port":null,"Scripts":null,"Options":null,"Interface":null,"CPUAffinity":null,"Env":null,"MetricsPort":null}]}`
	empty := `{"ID":"","Instances":null,"Nodes":null}`
	for name, tt := range map[string]struct {
		text string
		want agent.State
	}{
		"told what to run":                  {`{"Desired":` + worker + `,"Told":true}`, told},
		"of an agent that did not write it": {`{"Desired":` + worker + `}`, told},
		"told to run nothing":               {`{"Desired":` + empty + `,"Told":true}`, agent.State{Told: true}},
		"told nothing":                      {`{"Desired":` + empty + `}`, agent.State{}},
	} {
		t.Run(name, func(t *testing.T) { wantState(t, tt.want, restore(t, tt.text)) })
	}
}

// These were saved by commit d751308.
func TestStatesThatWereSavedAreRead(t *testing.T) {
	for name, nodes := range map[string]int{"embedded-sensor-1.json": 3, "untold-sensor-1.json": 2, "zeek-sensor-1.json": 3} {
		text, err := os.ReadFile(filepath.Join("../../../testdata/state-d751308/documents", name))
		if err != nil {
			t.Fatal(err)
		}
		if s := restore(t, string(text)); !s.Told || len(s.Desired.Nodes) != nodes {
			t.Errorf("%s: told %t, %d nodes, want %d", name, s.Told, len(s.Desired.Nodes), nodes)
		}
	}
}

// Commit d751308 started the processes in the records, with fingerprints of version
// 0. Each has the plan that the saved state has.
func TestProcessesThatWereRecordedRunOn(t *testing.T) {
	const saved = "../../../testdata/state-d751308"
	for _, name := range []string{"embedded", "untold", "zeek"} {
		document, err := os.ReadFile(filepath.Join(saved, "documents", name+"-sensor-1.json"))
		if err != nil {
			t.Fatal(err)
		}
		found := recordedProcesses(t, filepath.Join(saved, name, "nodes/sensor-1/processes"))
		m := agent.New(agent.Config{Name: "sensor-1"}, restore(t, string(document)), nil)
		for _, e := range decided(m.Step(time.Unix(0, 0), agent.Adopted{Processes: found})) {
			switch e.(type) {
			case agent.Use, agent.Limit:
				continue
			}
			t.Errorf("%s: the agent adopts the processes and does %T %+v", name, e, e)
		}
	}
}

func recordedProcesses(t *testing.T, dir string) []agent.Process {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("records in %s: %v, %v", dir, files, err)
	}
	var found []agent.Process
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rec struct {
			Name        mgmt.NodeName
			Launch      uint64
			PID         int64
			Fingerprint mgmt.Fingerprint `json:"plan_hash"`
		}
		if err := json.Unmarshal(text, &rec); err != nil {
			t.Fatal(err)
		}
		found = append(found, agent.Process{Node: rec.Name, Launch: rec.Launch, PID: rec.PID, Fingerprint: rec.Fingerprint})
	}
	return found
}

func TestNothingStoredIsTheZeroState(t *testing.T) {
	s, err := agent.Restore(nil)
	if err != nil {
		t.Fatal(err)
	}
	wantState(t, agent.State{}, s)
}

func TestStateThatIsNotUnderstoodIsRefused(t *testing.T) {
	for name, tt := range map[string]struct{ key, value, want string }{
		"newer form":          {"state", `{"version":4,"told":true}`, `value "state": written by a newer zeekfleet (form 4, known are up to 3); run that zeekfleet, or a later one`},
		"unknown field":       {"state", `{"version":3,"bundles":[]}`, `value "state": form 3: json: unknown field "bundles"`},
		"field of form 3":     {"state", `{"version":2,"term":7}`, `value "state": form 2: json: unknown field "term"`},
		"term beyond reason":  {"state", `{"version":3,"term":9223372036854775809}`, `value "state": form 3: term 9223372036854775809 is more than 9223372036854775808`},
		"field of form 2":     {"state", `{"version":1,"stopped":[]}`, `value "state": form 1: json: unknown field "stopped"`},
		"unknown field, old":  {"state", `{"Desired":{},"Bundles":[]}`, `value "state": form 0: json: unknown field "Bundles"`},
		"damaged":             {"state", `{"version":1,`, `value "state": not a JSON object: unexpected end of JSON input`},
		"value of a new kind": {"bundles", `{}`, `value "bundles" is not known`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := agent.Restore(map[string][]byte{tt.key: []byte(tt.value)}); err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}
