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

// Nodes are killed, and their alerts reach webhooks. One of these is away while the controller
// is killed. Afterwards it gets everything, in order and once. Others fail, hang and are slow
// meanwhile, and nobody waits for them.
func TestAlertsReachReceiversOverAKilledController(t *testing.T) {
	t.Parallel()
	pager, well, slow, hanging := newWebhook(t), newWebhook(t), newWebhook(t), newWebhook(t)
	slow.slow, hanging.slow = 200*time.Millisecond, time.Hour
	receivers := map[string]any{}
	for name, h := range map[string]*webhook{"pager": pager, "well": well, "slow": slow, "hanging": hanging} {
		receivers[name] = map[string]string{"url": h.URL + "/hook", "severity": "critical", "timeout": "1m"}
	}
	receivers["failing"] = map[string]any{"command": []string{"/bin/false"}, "severity": "critical"}
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
	f := runFleet(t, env...)
	f.deploy(twoInstances(configured("manager", "left", "MANAGER"), configured("worker-1", "left", "WORKER"), configured("worker-2", "right", "WORKER")))
	const one, two = "node-crashed/left/worker-1", "node-crashed/right/worker-2"
	crash := func(node string) {
		t.Helper()
		if err := syscall.Kill(int(f.up()[node]), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	hears := func(h *webhook, times int, id, state string) {
		t.Helper()
		f.await(state+" of "+id+" reaches a webhook", func() error { return h.has(times, id, state) })
	}

	crash("worker-1")
	hears(pager, 1, one, "firing")
	hears(pager, 1, one, "resolved")
	hears(well, 1, one, "resolved")

	pager.setDown(true)
	crash("worker-1")
	hears(well, 2, one, "firing")
	crash("worker-2")
	hears(well, 1, two, "firing")
	for name, waiting := range map[string]int{"pager": 2, "failing": 4, "hanging": 4} {
		f.await("messages wait for "+name, func() error {
			r, err := f.receiverOf(name)
			if err == nil && (r.Waiting < waiting || r.Delivered > 0 && name != "pager" || !r.Failing && name != "hanging") {
				err = fmt.Errorf("%+v", r)
			}
			return err
		})
	}

	f.kill("controller")
	f.start("controller")
	pager.setDown(false)
	for _, h := range []*webhook{pager, well, slow} {
		hears(h, 2, one, "resolved")
		hears(h, 1, two, "resolved")
	}
	want := f.toldAlerts()
	if got := pager.all(); !slices.Equal(got, want) {
		t.Errorf("the receiver that was away has taken\n%v\nwant\n%v", got, want)
	}
	for name, h := range map[string]*webhook{"well": well, "slow": slow} {
		// The controller may have been killed after they had taken a message.
		got := h.all()
		once := slices.CompactFunc(slices.Clone(got), func(a, b told) bool { return a.Seq == b.Seq })
		if len(got) > len(once)+1 || !slices.Equal(once, want) {
			t.Errorf("%s has taken\n%v\nwant\n%v", name, got, want)
		}
	}
	if got := hanging.all(); len(got) > 0 {
		t.Errorf("what hangs has taken %v", got)
	}
	f.await("everything waits for what fails", func() error {
		r, err := f.receiverOf("failing")
		if err == nil && (r.Delivered != 0 || r.Waiting != len(want) || r.Lost != 0) {
			err = fmt.Errorf("%+v, want %d waiting", r, len(want))
		}
		return err
	})
	// The controller keeps how far each was told in files for its own user alone.
	for _, path := range []string{"receivers", "receivers/pager.json", "alerts.json"} {
		found, err := filepath.Glob(filepath.Join(f.script.dir, "controller", "nodes", "*", path))
		if err != nil || len(found) != 1 {
			t.Errorf("%s: %v, %v", path, found, err)
			continue
		}
		if info, err := os.Stat(found[0]); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
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
