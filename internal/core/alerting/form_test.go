package alerting_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Each form of the state that was ever written is in testdata. Each field of form 1 has a value
// there.
func TestStatesOfEveryFormAreRead(t *testing.T) {
	text, err := os.ReadFile("testdata/form1.json")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, alerting.Config{})
	w.begin(alerting.Config{}, text)
	if log, upto := w.m.Log(); log != "l" || upto != 9 {
		t.Errorf("read up to %d of the log %q", upto, log)
	}
	if again := w.m.Encode(); !bytes.Equal(again, bytes.TrimSpace(text)) {
		t.Errorf("written as\n%s\nwant\n%s", again, text)
	}
	w.now = epoch.Add(time.Hour)
	states := map[string]mgmt.AlertState{}
	for _, a := range w.m.Book(w.now).Alerts {
		states[a.ID] = a.State
	}
	if len(states) != 4 || states["node-crashed/a/w-1"] != mgmt.AlertResolved || states["crash-loop/a/w-1"] != mgmt.AlertFiring || states["disk-full/a/spool"] != mgmt.AlertFiring || states["link-down/b/interface/eth1"] != mgmt.AlertResolved {
		t.Errorf("alerts %v", states)
	}
	if a := w.alert("crash-loop/a/w-1"); a.Acknowledged == nil || a.Acknowledged.Who != "ann" || a.Acknowledged.Note != "on it" || a.Hint == "" {
		t.Errorf("%+v", a)
	}
	if a := w.alert("disk-full/a/spool"); a.Value != 91 || a.Limit != 90 || a.Unit != "%" || a.Silenced == nil || a.Silenced.ID != 2 {
		t.Errorf("%+v", a)
	}
	// The next silence has the number 3.
	got, ok := w.ask(ann, access.MakeSilence{Node: "w-1", Life: time.Hour}).(access.Silenced)
	if !ok || got.ID != 3 {
		t.Errorf("answered %+v", w.answer)
	}
}
