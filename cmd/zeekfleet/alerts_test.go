package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// told is what a receiver of alerts gets.
type told struct {
	Seq   uint64
	State string
	ID    string
}

// webhook is a receiver of alerts. It keeps what it has taken.
type webhook struct {
	*httptest.Server
	mu    sync.Mutex
	down  bool
	slow  time.Duration
	taken []told
}

func newWebhook(t *testing.T) *webhook {
	h := &webhook{}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m told
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	slow := h.slow
	h.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.taken = append(h.taken, m)
}

func (h *webhook) setDown(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

// has returns an error unless the receiver has taken that an alert has had a state so often.
func (h *webhook) has(times int, id, state string) error {
	found := 0
	for _, m := range h.all() {
		if m.ID == id && m.State == state {
			found++
		}
	}
	if found < times {
		return fmt.Errorf("it was told %d times that %s is %s, want %d", found, id, state, times)
	}
	return nil
}

func (h *webhook) all() []told {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.taken)
}

// receiverOf returns how a receiver is.
func (f *fleet) receiverOf(name string) (api.AlertReceiver, error) {
	list, err := f.client.AlertReceivers(f.Context())
	for _, r := range list {
		if r.Name == name {
			return r, err
		}
	}
	return api.AlertReceiver{}, fmt.Errorf("no receiver %s, %v", name, err)
}

// alerted is a fleet with receivers of alerts.
type alerted struct {
	*fleet
	pager, well, slow, hanging *webhook
}

// runAlerted starts a fleet that tells webhooks, and a command that fails, of crashes alone.
func runAlerted(t *testing.T) *alerted {
	t.Helper()
	a := &alerted{pager: newWebhook(t), well: newWebhook(t), slow: newWebhook(t), hanging: newWebhook(t)}
	a.slow.slow, a.hanging.slow = 200*time.Millisecond, time.Hour
	receivers := map[string]any{"failing": map[string]any{"command": []string{"/bin/false"}, "severity": "critical"}}
	for name, h := range map[string]*webhook{"pager": a.pager, "well": a.well, "slow": a.slow, "hanging": a.hanging} {
		receivers[name] = map[string]string{"url": h.URL + "/hook", "severity": "critical", "timeout": "1m"}
	}
	text, err := json.Marshal(receivers)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"ZEEKFLEET_NODE_KIND=embedded", "ZEEKFLEET_ALERT_NODE_CRASHED=hold=100ms", "ZEEKFLEET_ALERT_RECEIVERS=" + string(text)}
	for _, rule := range mgmt.AlertRules() {
		if rule != mgmt.RuleNodeCrashed { // a slow machine, or one with a full disk, would make some
			env = append(env, "ZEEKFLEET_ALERT_"+strings.ToUpper(strings.ReplaceAll(string(rule), "-", "_"))+"=off")
		}
	}
	a.fleet = runFleet(t, env...)
	return a
}

// crash kills a node.
func (a *alerted) crash(node string) {
	a.Helper()
	if err := syscall.Kill(int(a.up()[node]), syscall.SIGKILL); err != nil {
		a.Fatal(err)
	}
}

// hears waits until a webhook was told that an alert has had a state so often.
func (a *alerted) hears(h *webhook, times int, id, state string) {
	a.Helper()
	a.await(state+" of "+id+" reaches a webhook", func() error { return h.has(times, id, state) })
}

// receiver waits until something is so of a receiver.
func (a *alerted) receiver(name string, so func(r api.AlertReceiver) bool) {
	a.Helper()
	a.await("receiver "+name+" is as it must be", func() error {
		r, err := a.receiverOf(name)
		if err == nil && !so(r) {
			err = fmt.Errorf("%+v", r)
		}
		return err
	})
}

// Nodes are killed, and their alerts reach webhooks. One of these is away while the controller
// is killed. Afterwards it gets everything, in order and once. Others fail, hang and are slow
// meanwhile, and nobody waits for them.
func TestAlertsReachReceiversOverAKilledController(t *testing.T) {
	t.Parallel()
	a := runAlerted(t)
	a.deploy(twoInstances(configured("manager", "left", "MANAGER"), configured("worker-1", "left", "WORKER"), configured("worker-2", "right", "WORKER")))
	const one, two = "node-crashed/left/worker-1", "node-crashed/right/worker-2"
	a.crash("worker-1")
	a.hears(a.pager, 1, one, "firing")
	a.hears(a.pager, 1, one, "resolved")
	a.hears(a.well, 1, one, "resolved")

	a.pager.setDown(true)
	a.crash("worker-1")
	a.hears(a.well, 2, one, "firing")
	a.crash("worker-2")
	a.hears(a.well, 1, two, "firing")
	a.receiver("pager", func(r api.AlertReceiver) bool { return r.Failing && r.Waiting >= 2 })
	a.receiver("failing", func(r api.AlertReceiver) bool { return r.Failing && r.Waiting >= 4 && r.Delivered == 0 })
	a.receiver("hanging", func(r api.AlertReceiver) bool { return r.Waiting >= 4 && r.Delivered == 0 })

	a.kill("controller")
	a.start("controller")
	a.pager.setDown(false)
	for _, h := range []*webhook{a.pager, a.well, a.slow} {
		a.hears(h, 2, one, "resolved")
		a.hears(h, 1, two, "resolved")
	}
	want := a.toldAlerts()
	if got := a.pager.all(); !slices.Equal(got, want) {
		t.Errorf("the receiver that was away has taken\n%v\nwant\n%v", got, want)
	}
	for name, h := range map[string]*webhook{"well": a.well, "slow": a.slow} {
		// The controller may have been killed after they had taken a message.
		got := h.all()
		once := slices.CompactFunc(slices.Clone(got), func(a, b told) bool { return a.Seq == b.Seq })
		if len(got) > len(once)+1 || !slices.Equal(once, want) {
			t.Errorf("%s has taken\n%v\nwant\n%v", name, got, want)
		}
	}
	if got := a.hanging.all(); len(got) > 0 {
		t.Errorf("what hangs has taken %v", got)
	}
	a.receiver("failing", func(r api.AlertReceiver) bool { return r.Delivered == 0 && r.Waiting == len(want) && r.Lost == 0 })
	a.keepsToItself("receivers", "receivers/pager.json", "alerts.json")
}

// keepsToItself checks that no other user may read files of the controller.
func (f *fleet) keepsToItself(paths ...string) {
	f.Helper()
	for _, path := range paths {
		found, err := filepath.Glob(filepath.Join(f.script.dir, "controller", "nodes", "*", path))
		if err != nil || len(found) != 1 {
			f.Errorf("%s: %v, %v", path, found, err)
			continue
		}
		if info, err := os.Stat(found[0]); err != nil || info.Mode().Perm()&0o077 != 0 {
			f.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

// toldAlerts returns what receivers are to be told, as the log of the controller has it.
func (f *fleet) toldAlerts() (all []told) {
	f.Helper()
	for _, e := range f.events(0) {
		if e.Kind == api.EventAlert && (e.To == "firing" || e.To == "resolved") && strings.HasPrefix(e.Alert, "node-crashed/") {
			all = append(all, told{e.Seq, e.To, e.Alert})
		}
	}
	return all
}

// People copy the commands of hints into a shell at three in the morning.
func TestCommandsInHintsExist(t *testing.T) {
	for _, rule := range mgmt.AlertRules() {
		hint := mgmt.AlertHint(&mgmt.Alert{Rule: rule, Instance: "sensor-1", Node: "worker-1", Subject: "eth0"})
		for part := range strings.SplitSeq(hint, ";") {
			_, command, ok := strings.Cut(part, "zeekfleet ")
			if !ok {
				continue
			}
			root := newRootCommand(streams{strings.NewReader(""), &strings.Builder{}, &strings.Builder{}}, "")
			found, args, err := root.Find(strings.Fields(command))
			if err != nil || found == root {
				t.Errorf("%s: there is no command zeekfleet %s", rule, command)
			} else if err := found.ParseFlags(args); err != nil {
				t.Errorf("%s: zeekfleet %s: %v", rule, command, err)
			}
		}
	}
}
