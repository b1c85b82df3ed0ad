package daemon

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/loop"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/notify"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

// AlertsConfig has the parts and the settings of Alerts. Log and Dir are required.
type AlertsConfig struct {
	Core alerting.Config
	// Log is the log of happenings of the controller.
	Log *happenings.Log
	// Dir is the directory of the state, of which nobody else knows, unless there is a Keep.
	Dir string
	// Keep keeps the state for the controllers of a cluster. Nil means a file in Dir.
	Keep Keep
	// Receivers are told. Nil tells nobody.
	Receivers *notify.Dispatcher
	// Samples may be nil: then no rule knows what hosts measure.
	Samples *samples.Store
	// Authority may be nil. Certificates are further ones whose end matters. CertificateLife
	// is how long those of the authority are valid.
	Authority       *Authority
	Certificates    []alerting.Certificate
	CertificateLife time.Duration
	Audit           *audit.Recorder
	// Controllers may be nil: then the controller has no others.
	Controllers Members
	// Pause is how long the cluster is not looked at again after a look. Zero means 200 ms.
	Pause time.Duration
	// Logger gets the log records. Nil discards them.
	Logger *slog.Logger
}

// Members knows the controllers of a cluster.
type Members interface {
	// Report must not wait for other hosts.
	Report(ctx context.Context) (*mgmt.ControllersReport, error)
	// Changed returns a channel that is closed when the next Report may differ.
	Changed() <-chan struct{}
}

// Keep keeps a text. The error of its Load wraps fs.ErrNotExist if there is none.
type Keep interface {
	Load() ([]byte, error)
	Save(text []byte) error
}

// alertsState is the file that keeps the state of alerts.
type alertsState string

// Load is the method of Keep.
func (path alertsState) Load() ([]byte, error) {
	return durable.ReadRegular(string(path), maxAlertsFile)
}

// Save is the method of Keep.
func (path alertsState) Save(text []byte) error {
	return durable.Replace(string(path), string(path)+".new", text)
}

// Alerts watches a cluster. Any goroutine may call Book, Ask and Changed.
type Alerts struct {
	cfg   AlertsConfig
	core  *alerting.Machine
	loop  *loop.Loop[alerting.Event, alerting.Effect]
	book  atomic.Pointer[mgmt.AlertBook]
	stirs stirs
	asked chan alertQuestion
	ended chan struct{}
	// What follows belongs to the goroutine of Run.
	waiting map[uint64]chan access.Answer
	count   uint64
	shown   shownCertificates
	looks   looks
	sampled uint64 // the number of the newest sample that the core has got
	tests   sync.WaitGroup
	tested  chan alerting.Reply
}

type alertQuestion struct {
	who    mgmt.Principal
	req    access.AlertRequest
	answer chan access.Answer // has room for one
}

const (
	alertsFile    = "alerts.json"
	maxAlertsFile = 64 << 20
)

// OpenAlerts reads the state of alerts. If the state is damaged, it says so and begins anew. It
// returns an error if a newer program has written it.
func OpenAlerts(cfg AlertsConfig) (*Alerts, error) {
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	cfg.Pause = cmp.Or(cfg.Pause, 200*time.Millisecond)
	a := &Alerts{
		cfg: cfg, asked: make(chan alertQuestion), ended: make(chan struct{}), waiting: map[uint64]chan access.Answer{},
		tested: make(chan alerting.Reply), shown: shownCertificates{},
	}
	if a.cfg.Keep == nil {
		a.cfg.Keep = alertsState(filepath.Join(cfg.Dir, alertsFile))
	}
	if err := a.restore(); err != nil {
		return nil, err
	}
	a.loop = loop.New(a.core, a.perform)
	a.publish()
	return a, nil
}

func (a *Alerts) restore() error {
	file, inFile := a.cfg.Keep.(alertsState)
	path := cmp.Or(string(file), "the shared state of alerts")
	text, err := a.cfg.Keep.Load()
	if err != nil && !inFile && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("load the shared state of alerts: %w", err) // it is there, and the next try may have it
	}
	if errors.Is(err, fs.ErrNotExist) {
		a.core, err = alerting.New(a.cfg.Core, nil)
		return err
	}
	if err == nil {
		var object []byte
		var sealed bool
		if object, sealed, err = durable.Unseal(text); err == nil {
			a.core, err = alerting.New(a.cfg.Core, object)
		}
		if err == nil && !sealed {
			err = errors.New("it has no checksum")
		}
	}
	if _, newer := errors.AsType[*form.NewerError](err); newer {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err == nil {
		return nil
	}
	if !inFile {
		a.cfg.Logger.Warn("the state of alerts is damaged: it begins anew, without silences and acknowledgements", "path", path, "err", err)
		a.core, err = alerting.New(a.cfg.Core, nil)
		return err
	}
	aside := path + ".damaged"
	a.cfg.Logger.Warn("the state of alerts is damaged: it begins anew, without silences and acknowledgements", "path", path, "kept", aside, "err", err)
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("put the damaged state of alerts aside: %w", err)
	}
	a.core, err = alerting.New(a.cfg.Core, nil)
	return err
}

// Book returns what is known of alerts. It must not be changed.
func (a *Alerts) Book() *mgmt.AlertBook {
	book := *a.book.Load()
	if a.cfg.Receivers != nil {
		book.Receivers = a.cfg.Receivers.Receivers()
	}
	return &book
}

// Changed returns a channel that is closed when the next Book may differ.
func (a *Alerts) Changed() <-chan struct{} { return a.stirs.await() }

// Ask makes a request about alerts.
func (a *Alerts) Ask(ctx context.Context, who mgmt.Principal, req access.AlertRequest) (access.Answer, error) {
	q := alertQuestion{who, req, make(chan access.Answer, 1)}
	select {
	case a.asked <- q:
	case <-a.ended:
		return nil, ErrEnded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case answer := <-q.answer:
		return answer, nil
	case <-a.ended:
		return nil, ErrEnded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (a *Alerts) publish() {
	a.book.Store(a.core.Book(time.Now()))
	a.stirs.tell()
}

// watched is the cluster as Alerts sees it.
type watched interface {
	Snapshot(ctx context.Context) (*mgmt.Snapshot, error)
	Changed() <-chan struct{}
	// PeerCertificates returns the certificates that connected peers have shown.
	PeerCertificates() map[mgmt.PeerID]*x509.Certificate
}

// run watches a cluster until ctx is done.
func (a *Alerts) run(ctx context.Context, cluster watched) error {
	defer close(a.ended)
	defer a.tests.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	look, measured := time.NewTimer(0), time.NewTimer(0)
	measured.Stop()
	defer look.Stop()
	defer measured.Stop()
	if err := a.replay(ctx); err != nil {
		return err
	}
	authority := a.authorityChanges()
	defer authority.stop()
	var clusterChanged, logGrown, sampled, receivers <-chan struct{}
	members := a.membersAtFirst()
	return a.loop.Run(ctx, func(due <-chan time.Time) (alerting.Event, bool) {
		select {
		case <-ctx.Done():
			return nil, false
		case <-due:
			return alerting.Tick{}, true
		case <-clusterChanged:
			clusterChanged = nil
			look.Reset(a.looks.wait(time.Now(), a.cfg.Pause))
		case <-logGrown:
			logGrown = nil
			look.Reset(a.looks.wait(time.Now(), 0)) // the cluster first: an operation may explain a crash
		case <-sampled:
			sampled = nil
			measured.Reset(a.cfg.Pause)
		case <-measured.C:
			sampled = a.samplesChanged() // before they are read
			return a.hosts(), true
		case <-members:
			members = a.cfg.Controllers.Changed()
			if report, err := a.cfg.Controllers.Report(ctx); err == nil {
				return alerting.Members{Report: report}, true
			}
		case <-receivers:
			receivers = a.receiversChanged()
			a.stirs.tell()
		case <-authority.changed:
			return a.certificatesNow(ctx, cluster)
		case <-look.C:
			clusterChanged, logGrown = cluster.Changed(), a.cfg.Log.Grown()
			if receivers == nil {
				sampled, receivers = a.samplesChanged(), a.receiversChanged()
			}
			snap, err := cluster.Snapshot(ctx)
			if err != nil {
				return nil, false // the controller ends
			}
			a.looks.looked(time.Now(), len(snap.Instances))
			if err := a.seen(ctx, cluster, snap); err != nil {
				cancel(err)
				return nil, false
			}
			return a.news()
		case q := <-a.asked:
			a.count++
			a.waiting[a.count] = q.answer
			return alerting.Asked{ID: a.count, Who: q.who, Request: q.req}, true
		case r := <-a.tested:
			a.reply(r)
		}
		return nil, false
	})
}

// certificatesNow returns the certificates whose end matters. It reports false if the controller
// ends.
func (a *Alerts) certificatesNow(ctx context.Context, cluster watched) (alerting.Event, bool) {
	snap, err := cluster.Snapshot(ctx)
	if err != nil {
		return nil, false
	}
	return a.certificates(snap), true
}

// seen hands the cluster to the core.
func (a *Alerts) seen(ctx context.Context, cluster watched, snap *mgmt.Snapshot) error {
	if a.shown.update(snap, cluster.PeerCertificates) {
		if err := a.loop.Step(ctx, a.certificates(snap)); err != nil {
			return err
		}
	}
	return a.loop.Step(ctx, alerting.Seen{Snapshot: snap})
}

// membersAtFirst returns a channel that is closed if there are other controllers: they are to be
// looked at.
func (a *Alerts) membersAtFirst() <-chan struct{} {
	if a.cfg.Controllers == nil {
		return nil
	}
	now := make(chan struct{})
	close(now)
	return now
}

// looks says when the cluster may be looked at. A look takes longer the more instances there
// are, and so do the pauses between two of them.
type looks struct {
	last      time.Time
	instances int
}

const (
	fewInstances = 10                     // for which there are no such pauses
	lookPause    = 200 * time.Microsecond // for each instance
	maxLookPause = 5 * time.Second
)

func (l *looks) looked(now time.Time, instances int) { l.last, l.instances = now, instances }

// wait returns how long the next look must wait, which is not less than least.
func (l *looks) wait(now time.Time, least time.Duration) time.Duration {
	if l.instances <= fewInstances {
		return least
	}
	pause := min(maxLookPause, time.Duration(l.instances)*lookPause)
	return max(least, pause-now.Sub(l.last))
}

func (a *Alerts) samplesChanged() <-chan struct{} {
	if a.cfg.Samples == nil {
		return nil
	}
	return a.cfg.Samples.Changed()
}

func (a *Alerts) receiversChanged() <-chan struct{} {
	if a.cfg.Receivers == nil {
		return nil
	}
	return a.cfg.Receivers.Changed()
}

// maxReplay bounds the happenings that are read at once.
const maxReplay = 5000

// read returns happenings after those that the core has read, and whether there may be more.
func (a *Alerts) read(replayed bool) (alerting.Logged, bool, error) {
	log, after := a.core.Log()
	newest := a.cfg.Log.Newest()
	ev := alerting.Logged{Log: a.cfg.Log.ID(), Upto: newest, Replayed: replayed}
	if log != ev.Log || after > newest {
		return ev, false, nil // another log than before: what it has was not told by us
	}
	list, err := a.cfg.Log.Read(happenings.Query{After: after, Limit: maxReplay})
	if err != nil {
		return ev, false, err
	}
	for _, r := range list {
		ev.Records = append(ev.Records, r.Happening)
	}
	if len(list) == maxReplay {
		ev.Upto = list[len(list)-1].Seq
	}
	return ev, len(list) == maxReplay, nil
}

// replay reads what was written since the state was saved.
func (a *Alerts) replay(ctx context.Context) error {
	for more := true; more; {
		ev, again, err := a.read(true)
		if err != nil {
			a.cfg.Logger.Warn("what was told of alerts lately cannot be read: some may be told twice", "err", err)
			ev.Log = a.cfg.Log.ID()
		}
		more = again
		if err := a.loop.Step(ctx, ev); err != nil {
			return err
		}
	}
	return nil
}

// news returns what the log has got.
func (a *Alerts) news() (alerting.Event, bool) {
	_, after := a.core.Log()
	if a.cfg.Log.Newest() == after {
		return nil, false
	}
	ev, _, err := a.read(false)
	if err != nil {
		a.cfg.Logger.Warn("alerts cannot read what has happened", "err", err)
		return nil, false
	}
	return ev, true
}

func (a *Alerts) perform(ctx context.Context, effect alerting.Effect) (*alerting.Event, error) {
	switch e := effect.(type) {
	case alerting.Tell:
		return a.tell(e), nil
	case alerting.Save:
		saved := alerting.Saved{}
		if err := a.cfg.Keep.Save(durable.Seal(e.State)); err != nil {
			saved.Err = err.Error()
		}
		return new(alerting.Event(saved)), nil
	case alerting.Changed:
		a.publish()
	case alerting.Test:
		a.test(ctx, e)
	case alerting.Reply:
		a.reply(e)
	case alerting.Audit:
		a.cfg.Audit.Record(e.Record)
	case alerting.Note:
		logNote(ctx, a.cfg.Logger, e)
	default:
		panic(fmt.Sprintf("daemon: unhandled effect %T", effect))
	}
	return nil, nil
}

// tell writes alerts into the log.
func (a *Alerts) tell(e alerting.Tell) *alerting.Event {
	now := time.Now()
	list := make([]happenings.Record, len(e.List))
	for i, h := range e.List {
		h.Heard = now
		list[i] = happenings.Record{Happening: h}
	}
	if err := a.cfg.Log.Append(list); err != nil {
		a.cfg.Logger.Error("alerts cannot be written into the log: they are told later", "err", err)
		return new(alerting.Event(alerting.Untold(e)))
	}
	return nil
}

func (a *Alerts) reply(r alerting.Reply) {
	if answer := a.waiting[r.ID]; answer != nil {
		answer <- r.Answer
		delete(a.waiting, r.ID)
	}
}

// test sends a test to a receiver, beside everything else.
func (a *Alerts) test(ctx context.Context, e alerting.Test) {
	a.tests.Go(func() {
		var answer access.Answer = access.Done{}
		err := notify.ErrNoReceiver
		if a.cfg.Receivers != nil {
			err = a.cfg.Receivers.Test(ctx, e.Name)
		}
		switch {
		case errors.Is(err, notify.ErrNoReceiver):
			answer = access.Refusal{Why: access.NotFound, Reason: err.Error()}
		case err != nil:
			answer = access.Refusal{Why: access.Undelivered, Reason: fmt.Sprintf("receiver %s has not taken the test: %v", e.Name, err)}
		}
		select {
		case a.tested <- alerting.Reply{ID: e.ID, Answer: answer}:
		case <-ctx.Done():
		}
	})
}

// hosts returns what hosts have measured since it was called last.
func (a *Alerts) hosts() alerting.Event {
	var ev alerting.Sampled
	var list []samples.Host
	list, a.sampled = a.cfg.Samples.Since(a.sampled, time.Now())
	for _, h := range list {
		ev.Hosts = append(ev.Hosts, hostOf(h))
	}
	return ev
}

func hostOf(h samples.Host) alerting.Host {
	one := alerting.Host{Instance: h.Instance, Heard: h.Heard, Skew: h.Skew, Unsynced: h.Sample.Unsynced, Disks: h.Sample.Disks}
	for i, in := range h.Sample.Interfaces {
		r := h.Interfaces[i]
		one.Interfaces = append(one.Interfaces, alerting.Flow{
			Name: in.Name, Capture: in.Capture, Link: in.Up && in.Link, Known: r.Known, Packets: r.Packets, DropShare: r.DropShare,
		})
	}
	for i, n := range h.Sample.Nodes {
		r := h.Nodes[i]
		if n.Zeek == nil || n.Interface == "" {
			continue // it captures nothing, or tells nothing
		}
		one.Nodes = append(one.Nodes, alerting.Flow{
			Name: string(n.Node), Interface: n.Interface, Capture: true, Known: r.Known, Packets: r.Packets, DropShare: r.DropShare,
		})
	}
	return one
}
