package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/leading"
	"github.com/zeekfleet/zeekfleet/internal/loop"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

var (
	// ErrNotLeading says that a controller does not lead.
	ErrNotLeading = errors.New("this controller does not lead")
	// ErrDisbelieved says that this controller does not believe the certificate of another one.
	ErrDisbelieved = errors.New("its certificate is not believed here")
	// ErrTermOver is the cause of the end of a term's context. The error says why, too.
	ErrTermOver = errors.New("the term of this controller is over")
	// ErrInOrder is part of that cause if the controller leads until the term has closed, for
	// two seconds at most.
	ErrInOrder = errors.New("it ends in good order")
)

// LeadingConfig has the parts and the settings of Leading. Name, Engine and Run are required.
type LeadingConfig struct {
	// Name is the name of this controller.
	Name string
	// Core has times. Its Name is not used.
	Core leading.Config
	// Engine has the election and the members.
	Engine interface {
		quorum.Election
		quorum.Membership
	}
	// Pulse asks the controller with this name whether it leads. It returns an error that wraps
	// ErrNotLeading if that one says that it does not, and one that wraps ErrDisbelieved if this
	// controller does not believe that one's certificate. Nil asks nobody: then a lead ends only
	// when its session does.
	Pulse func(ctx context.Context, of string) error
	// Run is a term: it opens, runs and closes what a controller that leads has. It returns when
	// ctx is done, with the cause of ctx or without an error; or earlier, with the error that
	// ends the term.
	Run func(ctx context.Context, term quorum.Lead) error
	// Changed is told who leads. It must not wait. It may be nil.
	Changed func(LeadingView)
	// CallTimeout bounds each call of the store. Zero means 2 s.
	CallTimeout time.Duration
	// PulseTimeout bounds each question to the controller that leads. After one that was lost
	// there must be time for another one before leading.Config.Silence is over. Zero means 750 ms.
	PulseTimeout time.Duration
	// Well is how long ago the last good renewal of the session may have begun for this
	// controller to say that it leads. Zero means 3 s.
	Well time.Duration
	// Logger gets the log records. Nil discards them.
	Logger *slog.Logger
}

// LeadingView is who leads.
type LeadingView = leading.View

// Leading lets a controller lead or follow. Any goroutine may call its methods but Run.
type Leading struct {
	cfg    LeadingConfig
	core   *leading.Machine
	loop   *loop.Loop[leading.Event, leading.Effect]
	events chan leading.Event
	ended  chan struct{} // closed when Run takes no more events
	view   atomic.Pointer[LeadingView]
	stirs  stirs
	behind atomic.Bool
	nudge  chan struct{} // has something when behind has changed
	// What follows belongs to the goroutine of Run.
	run     context.Context // of everything that Run has started
	parts   sync.WaitGroup
	unwatch context.CancelFunc
	endTerm context.CancelCauseFunc // of the newest term
}

// NewLeading returns a Leading that does nothing until Run is called.
func NewLeading(cfg LeadingConfig) *Leading {
	cfg.Core.Name = cfg.Name
	cfg.CallTimeout = cmp.Or(cfg.CallTimeout, 2*time.Second)
	cfg.PulseTimeout = cmp.Or(cfg.PulseTimeout, 750*time.Millisecond)
	cfg.Well = cmp.Or(cfg.Well, 3*time.Second)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	l := &Leading{
		cfg: cfg, events: make(chan leading.Event), ended: make(chan struct{}), nudge: make(chan struct{}, 1),
		core: leading.New(cfg.Core, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))),
	}
	l.view.Store(new(LeadingView))
	l.loop = loop.New(l.core, l.perform)
	return l
}

// errResigned ends the loop.
var errResigned = errors.New("stopped")

// Run leads or follows until ctx is done. Then it closes its term, if it leads, and resigns, so
// that the next one leads at once. It leaves nothing running.
func (l *Leading) Run(ctx context.Context) error {
	run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer l.parts.Wait()
	defer cancel(ErrEnded)
	defer close(l.ended)
	l.run = run
	err := l.loop.Step(run, leading.Tick{})
	stop := ctx.Done()
	if err == nil {
		err = l.loop.Run(run, func(due <-chan time.Time) (leading.Event, bool) {
			select {
			case <-stop:
				stop = nil
				return leading.Stop{}, true
			case <-due:
				return leading.Tick{}, true
			case <-l.nudge:
				return leading.Standing{Behind: l.behind.Load()}, true
			case ev := <-l.events:
				return ev, true
			}
		})
	}
	if errors.Is(err, errResigned) {
		return context.Cause(ctx)
	}
	return err
}

// View returns who leads, as far as this controller knows.
func (l *Leading) View() LeadingView { return *l.view.Load() }

// ViewChanged returns a channel that is closed when the next View may differ.
func (l *Leading) ViewChanged() <-chan struct{} { return l.stirs.await() }

// Pulse returns nil if this controller leads, and the store knows it. It is the answer to the
// other controllers. The error wraps ErrNotLeading.
func (l *Leading) Pulse() error {
	switch v := l.View(); {
	case v.Holds && time.Since(v.Renewed) < l.cfg.Well:
		return nil
	case v.Holds:
		return fmt.Errorf("%w: its session with the store was renewed %v ago", ErrNotLeading, time.Since(v.Renewed).Round(time.Millisecond))
	default:
		return ErrNotLeading
	}
}

// HandOver lets another controller lead: the one with the name, or any if the name is empty. This
// one closes its term, resigns, and does not take the lead for a while. HandOver returns when
// another controller leads, with the name of that one. It returns ErrNotLeading if this controller
// does not lead.
func (l *Leading) HandOver(ctx context.Context, to string) (leader string, err error) {
	if !l.View().Leads {
		return "", ErrNotLeading
	}
	token := l.View().Token
	if err := l.post(ctx, leading.HandOver{To: to}); err != nil {
		return "", err
	}
	for {
		changed := l.ViewChanged()
		if v := l.View(); v.Token != token && v.Leader != "" {
			return v.Leader, nil
		}
		select {
		case <-changed:
		case <-l.ended:
			return "", ErrEnded // it has resigned
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// Raise says that an agent has obeyed a controller of this term. If this controller leads in a
// smaller one, its term becomes greater.
func (l *Leading) Raise(ctx context.Context, seen uint64) {
	_ = l.post(ctx, leading.TermSeen{Term: seen}) // the agent says it again
}

// SetBehind says whether the copies of this controller lack the latest. While they do, it leaves
// the lead to others, if there are any.
func (l *Leading) SetBehind(behind bool) {
	if l.behind.Swap(behind) != behind {
		select {
		case l.nudge <- struct{}{}:
		default: // Run looks already
		}
	}
}

// post hands an event to the loop.
func (l *Leading) post(ctx context.Context, ev leading.Event) error {
	select {
	case l.events <- ev:
		return nil
	case <-l.ended:
		return ErrEnded
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// perform performs an effect. It waits for nothing.
func (l *Leading) perform(ctx context.Context, effect leading.Effect) (*leading.Event, error) {
	switch e := effect.(type) {
	case leading.Watch:
		l.watch(e.ID)
	case leading.Ask:
		l.ask(e)
	case leading.Open:
		l.open(e.Lead)
	case leading.Depose:
		l.cfg.Logger.Info("the term of this controller ends", "why", e.Why)
		l.endTerm(causeOf(e)) // there is one term at a time
	case leading.Changed:
		l.changed(e.View)
	case leading.Note:
		logNote(ctx, l.cfg.Logger, e)
	case leading.Stopped:
		return nil, errResigned
	default:
		l.call(effect)
	}
	return nil, nil
}

// termOver is the cause of the end of a term.
type termOver struct {
	why     string
	inOrder bool
}

func causeOf(e leading.Depose) error { return &termOver{e.Why, e.InOrder} }

func (t *termOver) Error() string { return ErrTermOver.Error() + ": " + t.why }

func (t *termOver) Is(target error) bool {
	return target == ErrTermOver || t.inOrder && target == ErrInOrder
}

// changed publishes who leads.
func (l *Leading) changed(v LeadingView) {
	old := *l.view.Swap(&v)
	l.stirs.tell()
	old.Renewed = v.Renewed
	if old == v {
		return
	}
	if l.cfg.Changed != nil {
		l.cfg.Changed(v)
	}
	if v.Leader != old.Leader || v.Term != old.Term || v.Leads != old.Leads {
		l.cfg.Logger.Info("who leads has changed", "leader", cmp.Or(v.Leader, "nobody"), "term", v.Term, "self", v.Leads)
	}
}

// open runs a term beside the loop.
func (l *Leading) open(lead quorum.Lead) {
	ctx, cancel := context.WithCancelCause(l.run)
	l.endTerm = cancel
	l.parts.Go(func() {
		defer cancel(nil)
		err := l.cfg.Run(ctx, lead)
		_ = l.post(l.run, termEnded(ctx, lead.Token, err))
	})
}

// ask asks the controller that leads.
func (l *Leading) ask(e leading.Ask) {
	l.parts.Go(func() {
		ctx, cancel := context.WithTimeout(l.run, l.cfg.PulseTimeout)
		defer cancel()
		d := leading.Done{ID: e.ID}
		if l.cfg.Pulse != nil {
			if err := l.cfg.Pulse(ctx, e.Of); err != nil {
				d.How, d.Why = heard(err), err.Error()
			}
		}
		_ = l.post(l.run, d)
	})
}

// heard returns what the error of a Pulse says of the controller that leads.
func heard(err error) leading.Outcome {
	switch {
	case errors.Is(err, ErrNotLeading), errors.Is(err, syscall.ECONNREFUSED):
		return leading.Refused
	case errors.Is(err, ErrDisbelieved):
		return leading.Disbelieved
	}
	return leading.Failed
}

// watch watches who leads, in place of the watch before.
func (l *Leading) watch(id uint64) {
	if l.unwatch != nil {
		l.unwatch()
	}
	ctx, cancel := context.WithCancel(l.run)
	l.unwatch = cancel
	l.parts.Go(func() {
		defer cancel()
		err := l.cfg.Engine.WatchLead(ctx, func(lead quorum.Lead) {
			_ = l.post(ctx, leading.Saw{Watch: id, Lead: lead})
		})
		if err == nil {
			err = errPartEnded
		}
		_ = l.post(l.run, leading.WatchEnded{Watch: id, Why: err.Error()})
	})
}
