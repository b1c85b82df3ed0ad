package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Dispatcher delivers alerts. Any goroutine may call its methods.
type Dispatcher struct {
	cfg    Config
	queues []*queue

	mu      sync.Mutex
	changed chan struct{} // closed when a status changes; nil: nobody waits
}

// New reads the cursors and returns a Dispatcher, which can run once. A new receiver is told of
// nothing that is in the log already. The error names the receiver that is wrong, or the cursor
// that a newer zeekfleet has written.
func New(cfg Config) (*Dispatcher, error) {
	d := &Dispatcher{cfg: cfg.withDefaults()}
	names := map[string]bool{}
	for _, r := range cfg.Receivers {
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("receiver %q of alerts: %w", r.Name, err)
		}
		if names[r.Name] {
			return nil, fmt.Errorf("receiver %q of alerts: there are two with this name", r.Name)
		}
		names[r.Name] = true
		d.queues = append(d.queues, newQueue(d.cfg, r))
	}
	if len(d.queues) > MaxReceivers {
		return nil, fmt.Errorf("there are more than %d receivers of alerts", MaxReceivers)
	}
	for _, q := range d.queues {
		if err := q.restore(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Receivers returns the receivers, and how they are.
func (d *Dispatcher) Receivers() []mgmt.AlertReceiver {
	list := make([]mgmt.AlertReceiver, 0, len(d.queues))
	for _, q := range d.queues {
		list = append(list, q.status())
	}
	return list
}

// Changed returns a channel that is closed when Receivers may return something else.
func (d *Dispatcher) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.changed
}

func (d *Dispatcher) change() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// ErrNoReceiver says that no receiver has a name.
var ErrNoReceiver = errors.New("the settings have no receiver of alerts with this name")

// Test sends a test to a receiver, once and beside what waits.
func (d *Dispatcher) Test(ctx context.Context, name string) error {
	for _, q := range d.queues {
		if q.Name == name {
			return q.attempt(ctx, testMessage(d.cfg.Controller, time.Now()))
		}
	}
	return ErrNoReceiver
}

// Run delivers until ctx is done, and returns its cause.
func (d *Dispatcher) Run(ctx context.Context) error {
	from := d.cfg.Log.Newest()
	var all sync.WaitGroup
	defer all.Wait()
	for _, q := range d.queues {
		from = min(from, q.reached)
		all.Go(func() { q.run(ctx, d.change) })
	}
	return d.read(ctx, from)
}

// read hands the alerts of the log to the queues, until ctx is done.
func (d *Dispatcher) read(ctx context.Context, after uint64) error {
	for {
		if err := d.cfg.Log.Wait(ctx, after); err != nil {
			if ctx.Err() == nil {
				<-ctx.Done() // the log was closed: the daemon ends
			}
			return context.Cause(ctx)
		}
		upto := d.cfg.Log.Newest()
		for {
			list, err := d.cfg.Log.Read(happenings.Query{After: after, Kind: mgmt.HappenedAlert, Limit: happenings.MaxLimit})
			if err != nil {
				d.cfg.Logger.Error("alerts cannot be read in the log: receivers are not told", "err", err)
				break
			}
			if len(list) > 0 {
				upto = max(upto, list[len(list)-1].Seq)
			}
			full := len(list) == happenings.MaxLimit
			if full {
				after = list[len(list)-1].Seq
			} else {
				after = upto
			}
			for _, q := range d.queues {
				q.add(list, after)
			}
			if !full {
				break
			}
		}
		after = max(after, upto)
		d.change()
	}
}
