package controller_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// storing is a controller with its disk, and without agents.
type storing struct {
	t      *testing.T
	core   *controller.Machine
	now    time.Time
	stored coretest.Stored
	full   bool                // the disk
	saved  []controller.Change // by the latest step, beside operations and the state that has only these
	failed bool                // the latest request
}

func newStoring(t *testing.T, cfg controller.Config, stored coretest.Stored) *storing {
	t.Helper()
	s := &storing{t: t, now: epoch, stored: stored}
	s.core = controller.New(cfg, s.state(), newRand())
	return s
}

// state returns the state that is stored.
func (s *storing) state() controller.State {
	s.t.Helper()
	state, err := controller.Restore(s.stored)
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

func (s *storing) step(ev controller.Event) {
	s.saved = nil
	for queue := []controller.Event{ev}; len(queue) > 0; queue = queue[1:] {
		for _, e := range s.core.Step(s.now, queue[0]) {
			switch e := e.(type) {
			case controller.Save:
				changes := slices.DeleteFunc(slices.Clone(e.Changes), func(c controller.Change) bool { return strings.HasPrefix(c.Key, "operation/") })
				if len(changes) > 1 || len(s.saved) == 0 {
					s.saved = changes
				}
				if s.full {
					queue = append(queue, controller.Saved{Err: "disk full"})
					continue
				}
				s.stored = s.stored.After(e.Changes)
				queue = append(queue, controller.Saved{})
			case controller.Reply:
				results := e.Msg.(mgmt.Response).Outcomes()
				s.failed = !results[len(results)-1].Success
			}
		}
	}
}

func (s *storing) ask(request mgmt.Request) {
	s.now = s.now.Add(time.Second)
	s.step(controller.FromClient{Client: "c", Principal: user("ann"), Msg: request})
}

// deploy stages and deploys a configuration without instances, which needs no
// agents.
func (s *storing) deploy(id string) {
	s.t.Helper()
	s.ask(mgmt.StageConfigurationRequest{ReqID: "s", Config: mgmt.Configuration{ID: id}})
	if s.ask(mgmt.DeployRequest{ReqID: "d"}); s.failed {
		s.t.Fatalf("%s is not deployed", id)
	}
}

// keys returns what the latest step has saved: "-" precedes a key that it has
// deleted.
func (s *storing) keys() []string {
	var keys []string
	for _, c := range s.saved {
		if c.Value == nil {
			c.Key = "-" + c.Key
		}
		keys = append(keys, c.Key)
	}
	return keys
}

func (s *storing) wantSaved(keys ...string) {
	s.t.Helper()
	if got := s.keys(); !slices.Equal(got, keys) {
		s.t.Errorf("saved are %v, want %v", got, keys)
	}
}

// text returns the values by their keys, for a golden file.
func text(stored coretest.Stored) string {
	var all strings.Builder
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		fmt.Fprintf(&all, "%s\n%s\n", key, stored[key])
	}
	return all.String()
}

// read returns the values of a golden file.
func read(t *testing.T, path string) coretest.Stored {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stored := coretest.Stored{}
	for pair := range slices.Chunk(bytes.Split(bytes.TrimSuffix(all, []byte("\n")), []byte("\n")), 2) {
		stored[string(pair[0])] = pair[1]
	}
	return stored
}

// readForm0 returns the one value of form 0.
func readForm0(t *testing.T, path string) coretest.Stored {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return coretest.Stored{"state": all}
}

// Forms 0 and 1 are what zeekfleet wrote until 2026-11. Form 2 is what today's makes of
// them.
func TestAStateOfAnEarlierFormIsReadAndWrittenInForm2(t *testing.T) {
	for golden2, stored := range map[string]coretest.Stored{
		"form2_of_0.txt": readForm0(t, "testdata/stored/form0.json"),
		"form2_of_1.txt": read(t, "testdata/stored/form1.txt"),
	} {
		s := newStoring(t, controller.Config{}, stored)
		s.step(controller.Tick{})
		golden.Check(t, "testdata/stored/"+golden2, text(s.stored), *update)
		again := newStoring(t, controller.Config{}, s.stored)
		again.step(controller.Tick{})
		again.wantSaved() // nothing: it is in form 2
	}
}

// The configurations of form 1 are read in their form. Only what form 1 lacks is written.
func TestAConversionOfForm1WritesNoConfiguration(t *testing.T) {
	s := newStoring(t, controller.Config{}, read(t, "testdata/stored/form1.txt"))
	s.step(controller.Tick{})
	s.wantSaved("revision/0000000000000002", "revision/0000000000000004", "revision/0000000000000006", "state")
}

func TestAReaderReadsTheSameAgain(t *testing.T) {
	files, err := filepath.Glob("testdata/stored/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		stored := read(t, file)
		want, err := controller.Restore(stored)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		reader := controller.NewReader()
		for range 3 {
			if got, err := reader.Restore(stored); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: the Reader reads %+v (%v), Restore reads %+v", file, got, err, want)
			}
		}
	}
}

func TestAStateOfForm1IsRead(t *testing.T) {
	stored := read(t, "testdata/stored/form1.txt")
	got, err := controller.Restore(stored)
	if err != nil {
		t.Fatal(err)
	}
	if s, d := got.Staged, got.Deployed; s.Config.ID != "third" || s.Revision != 7 || d.Config.ID != "second" || d.Revision != 6 ||
		d.Who != "unknown" || !d.When.Equal(epoch.Add(6_123_456_789)) || len(d.Config.Nodes) != 1 || got.Ready.Config.ID != "third" {
		t.Errorf("staged is %+v, deployed is %+v, ready is %+v", s, d, got.Ready)
	}
	if got.Revision != 7 || !slices.Equal(got.Refused, []mgmt.InstanceName{"b"}) || len(got.Leaving) != 1 || got.Leaving[0].Instance.Name != "c" {
		t.Errorf("revision is %d, refused %v, leaving %v", got.Revision, got.Refused, got.Leaving)
	}
	var past []string
	for _, p := range got.History {
		past = append(past, fmt.Sprintf("%s r%d by %s: %d nodes, %d bytes", p.ID, p.Revision, p.Who, p.Nodes, p.Bytes))
	}
	want := []string{
		fmt.Sprintf("first r2 by unknown: 0 nodes, %d bytes", len(stored["deployed/0000000000000002"])),
		fmt.Sprintf("second r4 by unknown: 1 nodes, %d bytes", len(stored["deployed/0000000000000004"])),
	}
	if diff := cmp.Diff(want, past); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

// The fixtures were written by zeekfleet d751308.
func TestStatesOfEarlierProgramsAreRead(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/state-d751308/documents/*-controller.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s := newStoring(t, controller.Config{}, readForm0(t, file))
			before := s.state()
			s.step(controller.Tick{})
			after := s.state()
			if revision(before.Deployed) != revision(after.Deployed) || len(before.History) != len(after.History) || before.Revision != after.Revision {
				t.Errorf("read was %+v, written is %+v", before, after)
			}
		})
	}
}

func revision(e *controller.Entry) uint64 {
	if e == nil {
		return 0
	}
	return e.Revision
}

func TestAConversionThatCannotBeSavedIsTriedAgain(t *testing.T) {
	s := newStoring(t, controller.Config{}, readForm0(t, "testdata/stored/form0.json"))
	s.full = true
	s.step(controller.Tick{})
	if _, ok := s.stored["staged"]; ok || len(s.saved) == 0 {
		t.Fatalf("stored are %v, saved were %v", slices.Sorted(maps.Keys(s.stored)), s.keys())
	}
	s.full = false
	s.ask(mgmt.StageConfigurationRequest{ReqID: "s", Config: mgmt.Configuration{ID: "x"}})
	s.wantSaved("deployed/0000000000000002", "deployed/0000000000000004", "deployed/0000000000000006", "ready",
		"revision/0000000000000002", "revision/0000000000000004", "revision/0000000000000006", "staged", "state")
	if at, ok := s.core.NextWake(); ok && at.Before(s.now.Add(time.Hour)) {
		t.Errorf("after the state was saved the machine wakes up at %v", at)
	}
}

// The deployed configuration becomes a predecessor before it has a value of form 1.
func TestADeploymentCompletesAConversionThatCouldNotBeSaved(t *testing.T) {
	const form0 = `{"Staged":{"Config":{"ID":"y"},"Revision":3},"Ready":{"Config":{"ID":"y"},"Revision":3},
		"Deployed":{"Config":{"ID":"x"},"Revision":2},"Revision":3}`
	s := newStoring(t, controller.Config{}, coretest.Stored{"state": []byte(form0)})
	s.full = true
	s.step(controller.Tick{})
	s.full = false
	s.ask(mgmt.DeployRequest{ReqID: "d"})
	s.wantSaved("deployed/0000000000000002", "deployed/0000000000000004",
		"revision/0000000000000002", "revision/0000000000000004", "staged", "state")
	past := s.state().History
	if len(past) != 1 || past[0].ID != "x" || past[0].Bytes != len(s.stored["deployed/0000000000000002"]) {
		t.Errorf("history is %+v", past)
	}
}

func TestValuesThatCannotBeUnderstoodAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		form   int
		change func(coretest.Stored)
		want   string
	}{
		"a newer state": {2, func(s coretest.Stored) { s["state"] = []byte(`{"version":3}`) },
			`value "state": ` + (&form.NewerError{Form: 3, Known: 2}).Error()},
		"a newer configuration": {2, func(s coretest.Stored) { s["staged"] = []byte(`{"version":3}`) },
			`value "staged": ` + (&form.NewerError{Form: 3, Known: 2}).Error()},
		"a newer description": {2, func(s coretest.Stored) { s["revision/0000000000000002"] = []byte(`{"version":3}`) },
			`value "revision/0000000000000002": ` + (&form.NewerError{Form: 3, Known: 2}).Error()},
		"a newer operation": {2, func(s coretest.Stored) { s["operation/0000000000000002"] = []byte(`{"version":3}`) },
			`value "operation/0000000000000002": ` + (&form.NewerError{Form: 3, Known: 2}).Error()},
		"a description without a form": {2, func(s coretest.Stored) { s["revision/0000000000000002"] = []byte(`{}`) },
			`value "revision/0000000000000002": it is not stored in form 0`},
		"a configuration without a form": {2, func(s coretest.Stored) { s["staged"] = []byte(`{}`) },
			`value "staged": a configuration is not stored in form 0`},
		"a field of form 0 that nobody wrote": {1, func(s coretest.Stored) { s["state"] = []byte(`{"Colour":7}`) },
			`value "state", form 0: json: unknown field "Colour"`},
		"a field of form 1 that nobody wrote": {1, func(s coretest.Stored) { s["state"] = []byte(`{"version":1,"colour":7}`) },
			`value "state": json: unknown field "colour"`},
		"a field of form 2 that nobody wrote": {2, func(s coretest.Stored) { s["state"] = []byte(`{"version":2,"colour":7}`) },
			`value "state": json: unknown field "colour"`},
		"a value of another name":              {2, func(s coretest.Stored) { s["bundle"] = []byte(`{}`) }, `value "bundle" is not known`},
		"a revision that is no number":         {2, func(s coretest.Stored) { s["revision/x"] = []byte(`{}`) }, `value "revision/x" is not known`},
		"a configuration that is lost":         {2, func(s coretest.Stored) { delete(s, "staged") }, `value "staged" is missing`},
		"a predecessor of form 1 that is lost": {1, func(s coretest.Stored) { delete(s, "deployed/0000000000000002") }, `value "deployed/0000000000000002" is missing`},
		"a description of the deployed one that is lost": {2, func(s coretest.Stored) { delete(s, "revision/0000000000000006") },
			`value "revision/0000000000000006" is missing`},
		"a deployed one of nobody":      {2, func(s coretest.Stored) { s["deployed/0000000000000005"] = s["staged"] }, `value "deployed/0000000000000005" is not known`},
		"another revision than is said": {2, func(s coretest.Stored) { s["staged"] = s["deployed/0000000000000006"] }, `value "staged" has revision 6, not 7`},
		"another description than is said": {2, func(s coretest.Stored) { s["revision/0000000000000002"] = s["revision/0000000000000004"] },
			`value "revision/0000000000000002" has revision 4`},
		"a description of the future": {2, func(s coretest.Stored) {
			s["revision/0000000000000009"] = bytes.Replace(s["revision/0000000000000006"], []byte(`"revision":6,`), []byte(`"revision":9,`), 1)
		}, `value "revision/0000000000000009": the history has revision 9, and 6 is deployed`},
		"a revision of the future": {2, func(s coretest.Stored) { replaceIn(s, `"revision":7,`, `"revision":6,`) },
			`value "state": revision 7 is there, and the last one is 6`},
		"a revision after which none comes": {2, func(s coretest.Stored) { replaceIn(s, `"revision":7,`, `"revision":18446744073709551615,`) },
			`value "state": revision 7 is there, and the last one is 18446744073709551615`},
		"the same revision twice": {1, func(s coretest.Stored) { replaceIn(s, `"revision":4,`, `"revision":2,`) },
			`value "state": the history has revision 2 before 2`},
		"no state": {2, func(s coretest.Stored) { delete(s, "state") }, `value "state": not a JSON object: unexpected end of JSON input`},
	} {
		t.Run(name, func(t *testing.T) {
			stored := read(t, map[int]string{1: "testdata/stored/form1.txt", 2: "testdata/stored/form2_of_1.txt"}[tt.form])
			reader := controller.NewReader()
			if _, err := reader.Restore(stored); err != nil {
				t.Fatal(err)
			}
			tt.change(stored)
			for _, restore := range []func(map[string][]byte) (controller.State, error){controller.Restore, reader.Restore} {
				if _, err := restore(stored); err == nil || err.Error() != tt.want {
					t.Errorf("Restore: got %v, want %s", err, tt.want)
				}
			}
		})
	}
}

func TestOnlyValuesThatChangeAreWritten(t *testing.T) {
	s := newStoring(t, controller.Config{History: 2, Contents: 1}, nil)
	s.ask(mgmt.StageConfigurationRequest{ReqID: "s", Config: mgmt.Configuration{ID: "x"}})
	s.wantSaved("ready", "staged", "state")
	s.ask(mgmt.DeployRequest{ReqID: "d"})
	s.wantSaved("deployed/0000000000000002", "-ready", "revision/0000000000000002", "state")
	s.deploy("y")
	s.wantSaved("deployed/0000000000000004", "-ready", "revision/0000000000000004", "state")
	s.deploy("z") // the oldest configuration goes
	s.wantSaved("-deployed/0000000000000002", "deployed/0000000000000006", "-ready", "revision/0000000000000006", "state")
	s.deploy("w") // the oldest description goes
	s.wantSaved("-deployed/0000000000000004", "deployed/0000000000000008", "-ready", "-revision/0000000000000002", "revision/0000000000000008", "state")
	s.ask(mgmt.DeployRequest{ReqID: "again"}) // the same revision
	s.wantSaved("state")
}

func TestHistoryIsBounded(t *testing.T) {
	probe := newStoring(t, controller.Config{}, nil)
	probe.deploy("1")
	size := len(probe.stored["deployed/0000000000000002"])
	for name, tt := range map[string]struct {
		cfg  controller.Config
		want []string // a configuration that is not kept has a minus
	}{
		"by its count":                   {controller.Config{History: 2}, []string{"3", "4"}},
		"by its configurations":          {controller.Config{Contents: 2}, []string{"-1", "-2", "3", "4"}},
		"by its bytes":                   {controller.Config{HistoryBytes: 3*size + 40}, []string{"-1", "2", "3", "4"}},
		"by fewer bytes":                 {controller.Config{HistoryBytes: 3*size - 1}, []string{"-1", "-2", "3", "4"}},
		"as each is too large":           {controller.Config{HistoryBytes: size - 1}, []string{"-1", "-2", "-3", "-4"}},
		"as none is wished for":          {controller.Config{Contents: -1}, []string{"-1", "-2", "-3", "-4"}},
		"to none, as none is wished for": {controller.Config{History: -1}, nil},
		"to what there is":               {controller.Config{History: 5}, []string{"1", "2", "3", "4"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStoring(t, tt.cfg, nil)
			for _, id := range []string{"1", "2", "3", "4", "5"} {
				s.deploy(id)
			}
			state := s.state()
			var got []string
			kept := 0
			for _, p := range state.History {
				if p.Kept {
					kept++
					got = append(got, p.ID)
				} else {
					got = append(got, "-"+p.ID)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("history is %v, want %v", got, tt.want)
			}
			if diff := cmp.Diff(state.History, s.core.Snapshot().History, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the snapshot has another history (-stored +snapshot):\n%s", diff)
			}
			values := 0
			for key := range s.stored {
				if !strings.HasPrefix(key, "operation/") {
					values++
				}
			}
			if values != 4+len(got)+kept { // state, staged, deployed and its description
				t.Errorf("stored are %v", slices.Sorted(maps.Keys(s.stored)))
			}
		})
	}
}

// replaceIn replaces a text in the value of the State.
func replaceIn(s coretest.Stored, old, new string) {
	s["state"] = bytes.Replace(s["state"], []byte(old), []byte(new), 1)
}

// A controller of before did not store which ports were assigned. What it has staged for
// the deployed configuration says so.
func TestAssignedPortsOfOlderEntries(t *testing.T) {
	const state = `{"version":2,"revision":2,"staged":1,"ready":%d,"deployed":2}`
	const entry = `{"version":%d,"revision":%d,"when":"2026-01-01T00:00:00Z","who":"ann","configuration":{"id":"%s","instances":[{"name":"a","host":"10.0.0.1"}],"nodes":[{"name":"m","instance":"a","role":"MANAGER","state":"RUNNING"%s}]}}`
	const ports = `,"port":"2200/tcp","metrics_port":"9900/tcp"`
	for name, tt := range map[string]struct {
		version, ready int
		staged, given  string
		want           mgmt.AssignedPorts
	}{
		"form 1":                       {1, 2, "x", `,"metrics_port":"9900/tcp"`, mgmt.AssignedPorts{Broker: []mgmt.NodeName{"m"}}},
		"form 2":                       {2, 2, "x", "", mgmt.AssignedPorts{Broker: []mgmt.NodeName{"m"}, Metrics: []mgmt.NodeName{"m"}}},
		"all are set":                  {2, 2, "x", ports, mgmt.AssignedPorts{}},
		"something else was staged":    {2, 1, "y", "", mgmt.AssignedPorts{}},
		"something else has that name": {2, 2, "y", "", mgmt.AssignedPorts{}},
	} {
		stored := coretest.Stored{
			"state":                     fmt.Appendf(nil, state, tt.ready),
			"staged":                    fmt.Appendf(nil, entry, tt.version, 1, tt.staged, tt.given),
			"deployed/0000000000000002": fmt.Appendf(nil, entry, tt.version, 2, "x", ports),
			"revision/0000000000000002": []byte(`{"version":2,"revision":2,"when":"2026-01-01T00:00:00Z","who":"ann","id":"x","instances":1,"nodes":1,"bytes":9}`),
		}
		if tt.ready == 1 {
			stored["ready"] = fmt.Appendf(nil, entry, tt.version, 1, tt.staged, ports)
		}
		s, err := controller.Restore(stored)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tt.want, s.Deployed.Assigned, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
