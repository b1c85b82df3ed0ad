package daemon_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/notify"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

// seen is a cluster with one worker, which a test changes.
type seen struct {
	mu      sync.Mutex
	state   mgmt.State
	changed chan struct{}
	peer    mgmt.PeerID
	asked   int // for certificates
	certs   map[mgmt.PeerID]*x509.Certificate
	// away says that another controller is away. Nil: there is none.
	away *bool
}

func (s *seen) PeerCertificates() map[mgmt.PeerID]*x509.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return maps.Clone(s.certs)
}

func (s *seen) Snapshot(context.Context) (*mgmt.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := &mgmt.Snapshot{Deployed: &mgmt.ConfigRevision{Revision: 1}, Instances: []*mgmt.ObservedInstance{{
		Name: "a", Standing: mgmt.Ready, Peer: s.peer, Nodes: []mgmt.ObservedNode{{NodeStatus: mgmt.NodeStatus{Node: "w", State: s.state}}},
	}}}
	snap.Deployed.Config = mgmt.Configuration{Instances: []mgmt.Instance{{Name: "a"}}, Nodes: []mgmt.Node{{Name: "w", Instance: "a"}}}
	return snap, nil
}

func (s *seen) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

func (s *seen) set(state mgmt.State) { s.change(func() { s.state = state }) }

func (s *seen) change(to func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// watching is a part that watches a cluster and tells a webhook.
type watching struct {
	*daemon.Alerts
	log  *happenings.Log
	told *notify.Dispatcher
	stop func()
}

func watch(t *testing.T, dir, url string, cluster *seen) *watching {
	t.Helper()
	log, err := happenings.Open(happenings.Config{Dir: filepath.Join(dir, "happenings")})
	if err != nil {
		t.Fatal(err)
	}
	told, err := notify.New(notify.Config{
		Log: log, Dir: filepath.Join(dir, "receivers"), Receivers: []notify.Receiver{{Name: "pager", Kind: mgmt.ReceiverWebhook, URL: url}},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := daemon.AlertsConfig{
		Log: log, Dir: dir, Receivers: told, Pause: time.Millisecond,
		Core: alerting.Config{Rules: map[mgmt.AlertRule]alerting.Rule{mgmt.RuleNodeCrashed: {Hold: 50 * time.Millisecond}, mgmt.RuleControllerAway: {}}},
	}
	if cluster.away != nil {
		cfg.Controllers = otherControllers{cluster}
	}
	alerts, err := daemon.OpenAlerts(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	parts.Go(func() { daemon.RunAlerts(ctx, alerts, cluster) })
	parts.Go(func() { told.Run(ctx) })
	w := &watching{alerts, log, told, sync.OnceFunc(func() {
		cancel()
		parts.Wait()
		log.Close()
	})}
	t.Cleanup(w.stop)
	return w
}

// A node crashes, the webhook hears of it, the watch is stopped and begins anew, and then the
// node runs again. Each is told once.
func TestAWebhookHearsOfACrashAndItsEndAcrossARestart(t *testing.T) {
	heard := make(chan string, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m notify.Message
		json.NewDecoder(r.Body).Decode(&m)
		heard <- m.ID + " " + m.State
	}))
	defer hook.Close()
	dir, cluster := t.TempDir(), &seen{state: mgmt.Running}
	w := watch(t, dir, hook.URL, cluster)
	// The acknowledgement of an alert that is not there says that the watch has begun.
	if answer, err := w.Ask(t.Context(), mgmt.Principal{Name: "ann", Role: mgmt.Operator}, access.AcknowledgeAlert{ID: "x"}); err != nil {
		t.Fatal(answer, err)
	}
	cluster.set(mgmt.Crashed)
	if got := patience.Next(t, heard, "a message"); got != "node-crashed/a/w firing" {
		t.Fatalf("heard %s", got)
	}
	for changed := w.told.Changed(); w.told.Receivers()[0].Delivered == 0; changed = w.told.Changed() {
		patience.Closed(t, changed, "the note that it was told") // else the next one tells it again
	}
	w.stop()
	w = watch(t, dir, hook.URL, cluster)
	answer, err := w.Ask(t.Context(), mgmt.Principal{Name: "ann", Role: mgmt.Operator}, access.AcknowledgeAlert{ID: "node-crashed/a/w", Note: "on it"})
	if a, ok := answer.(access.Acknowledged); err != nil || !ok || a.Acknowledged.Note != "on it" {
		t.Fatalf("answered %+v, %v", answer, err)
	}
	cluster.set(mgmt.Running)
	if got := patience.Next(t, heard, "a message"); got != "node-crashed/a/w resolved" {
		t.Fatalf("heard %s", got)
	}
	if a := w.Book().Alerts; len(a) != 1 || a[0].State != mgmt.AlertResolved {
		t.Errorf("alerts %+v", a)
	}
	list, err := w.log.Read(happenings.Query{Kind: mgmt.HappenedAlert})
	if err != nil || len(list) != 3 {
		t.Errorf("the log has %+v, %v", list, err)
	}
}

// otherControllers are the controllers of a cluster, of which one may be away.
type otherControllers struct{ *seen }

func (o otherControllers) Report(context.Context) (*mgmt.ControllersReport, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	one := mgmt.ControllerMember{Name: "hub-2", Role: mgmt.ControllerFollows}
	if *o.away {
		one.Role = mgmt.ControllerAway
	}
	return &mgmt.ControllersReport{Members: []mgmt.ControllerMember{one}}, nil
}

func TestTheAlertsHearOfAControllerThatIsAway(t *testing.T) {
	heard := make(chan string, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m notify.Message
		json.NewDecoder(r.Body).Decode(&m)
		heard <- m.ID + " " + m.State
	}))
	defer hook.Close()
	cluster := &seen{state: mgmt.Running, away: new(true)}
	watch(t, t.TempDir(), hook.URL, cluster)
	for _, state := range []string{"firing", "resolved"} {
		if got := patience.Next(t, heard, "a message"); got != "controller-away/hub-2 "+state {
			t.Fatalf("heard %s", got)
		}
		cluster.change(func() { *cluster.away = false })
	}
}

// An organisation signs the certificates of agents: the controller knows those that agents show.
func TestTheEndOfACertificateThatAnAgentHasShownIsTold(t *testing.T) {
	heard := make(chan string, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m notify.Message
		json.NewDecoder(r.Body).Decode(&m)
		heard <- m.ID + " " + m.State
	}))
	defer hook.Close()
	ends := func(in time.Duration) *x509.Certificate {
		return &x509.Certificate{NotBefore: time.Now().Add(-300 * 24 * time.Hour), NotAfter: time.Now().Add(in)}
	}
	cluster := &seen{state: mgmt.Running, peer: "first", certs: map[mgmt.PeerID]*x509.Certificate{
		"first": ends(10 * 24 * time.Hour), "stranger": ends(time.Hour), "second": ends(300 * 24 * time.Hour),
	}}
	watch(t, t.TempDir(), hook.URL, cluster)
	if got := patience.Next(t, heard, "a message"); got != "certificate-ends/a/agent/a firing" {
		t.Fatalf("heard %s", got)
	}
	// While the agent is away, its certificate is as before.
	cluster.change(func() { cluster.peer = "" })
	// It comes back with a new certificate.
	cluster.change(func() { cluster.peer = "second" })
	if got := patience.Next(t, heard, "a message"); got != "certificate-ends/a/agent/a resolved" {
		t.Fatalf("heard %s", got)
	}
	cluster.mu.Lock()
	defer cluster.mu.Unlock()
	if cluster.asked != 2 {
		t.Errorf("the certificates of all peers were asked for %d times, want 2", cluster.asked)
	}
}

func TestADamagedStateOfAlertsIsPutAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "alerts.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.OpenAlerts(daemon.AlertsConfig{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path + ".damaged"); err != nil || string(text) != "{" {
		t.Errorf("kept %q, %v", text, err)
	}
}

// A state without a checksum may be one that a person has changed.
func TestAStateOfAlertsWithoutItsChecksumIsPutAside(t *testing.T) {
	dir := t.TempDir()
	path, text := filepath.Join(dir, "alerts.json"), `{"version":1,"silence":7}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.OpenAlerts(daemon.AlertsConfig{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(path + ".damaged"); err != nil || string(kept) != text {
		t.Errorf("kept %q, %v", kept, err)
	}
}

func TestAStateOfAlertsOfANewerZeekfleetIsRefusedAndStays(t *testing.T) {
	for name, text := range map[string][]byte{
		"sealed":   durable.Seal([]byte(`{"version":99,"alerts":7}`)),
		"unsealed": []byte(`{"version":99}`), // another form may have another checksum
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "alerts.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := daemon.OpenAlerts(daemon.AlertsConfig{Dir: dir})
		if newer, ok := errors.AsType[*form.NewerError](err); !ok || newer.Form != 99 || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		entries, err := os.ReadDir(dir)
		if kept, _ := os.ReadFile(path); err != nil || len(entries) != 1 || string(kept) != string(text) {
			t.Errorf("%s: kept %q, %v, %v", name, kept, entries, err)
		}
	}
}

func TestTheAlertsHearWhetherAClockIsKeptRight(t *testing.T) {
	for line, want := range map[string]bool{`{"unsynced":true}`: true, `{}`: false} { // older agents tell nothing of it
		sample, err := daemon.ReadSample([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if got := daemon.HostOfAlerts(samples.Host{Instance: "a", Sample: sample}); got.Unsynced != want {
			t.Errorf("of %s the alerts hear %+v", line, got)
		}
	}
}

// alertsKeep keeps the state of alerts in memory, as the controllers of a cluster share it.
type alertsKeep struct {
	text []byte
	err  error
}

func (k *alertsKeep) Load() ([]byte, error) {
	if k.text == nil && k.err == nil {
		return nil, fs.ErrNotExist
	}
	return k.text, k.err
}

func (k *alertsKeep) Save(text []byte) error {
	k.text = text
	return nil
}

func TestTheNextControllerKnowsTheSilencesOfTheOneBefore(t *testing.T) {
	log, err := happenings.Open(happenings.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	shared := &alertsKeep{}
	lead := func(ask func(a *daemon.Alerts)) error {
		a, err := daemon.OpenAlerts(daemon.AlertsConfig{Log: log, Keep: shared})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { daemon.RunAlerts(ctx, a, &seen{state: mgmt.Running}) })
		ask(a)
		cancel()
		run.Wait()
		return nil
	}
	err = lead(func(a *daemon.Alerts) {
		who := mgmt.Principal{Name: "ann", Role: mgmt.Operator}
		if answer, err := a.Ask(t.Context(), who, access.MakeSilence{Instance: "a", Life: time.Hour, Note: "n"}); err != nil {
			t.Fatal(answer, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	silences := 0
	if err := lead(func(a *daemon.Alerts) { silences = len(a.Book().Silences) }); err != nil || silences != 1 {
		t.Errorf("the next one knows %d silences, %v", silences, err)
	}
	shared.err = errors.New("no majority")
	if err := lead(func(*daemon.Alerts) {}); err == nil || !strings.Contains(err.Error(), "load the shared state of alerts: no majority") {
		t.Errorf("a state that cannot be read now: %v", err)
	}
	shared.err, shared.text = nil, []byte("{")
	if err := lead(func(a *daemon.Alerts) { silences = len(a.Book().Silences) }); err != nil || silences != 0 {
		t.Errorf("with a damaged state there are %d silences, %v", silences, err)
	}
	shared.text = durable.Seal([]byte(`{"version":99}`))
	if err := lead(func(*daemon.Alerts) {}); err == nil {
		t.Error("the state of a newer program is taken")
	}
}

// A look at a cluster takes longer the more instances there are. So there are fewer looks.
func TestTheAlertsLookMoreRarelyAtALargeCluster(t *testing.T) {
	for _, tc := range []struct {
		instances        int
		ago, least, want time.Duration
	}{
		{10, 0, 0, 0},
		{10, 0, time.Second, time.Second},
		{100, 0, 0, 20 * time.Millisecond},
		{5_000, 0, 0, time.Second},
		{5_000, 400 * time.Millisecond, 0, 600 * time.Millisecond},
		{5_000, 400 * time.Millisecond, 700 * time.Millisecond, 700 * time.Millisecond},
		{5_000, time.Minute, 0, 0},
		{100_000, 0, 0, 5 * time.Second},
	} {
		if got := daemon.LookWait(tc.instances, tc.ago, tc.least); got != tc.want {
			t.Errorf("%d instances, a look %v ago, and at least %v: %v, want %v", tc.instances, tc.ago, tc.least, got, tc.want)
		}
	}
}
