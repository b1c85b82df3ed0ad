package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corenode "github.com/zeekfleet/zeekfleet/internal/core/node"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// errTimeout is the cause of a call's context after Config.Timeout.
var errTimeout = errors.New("timed out")

// calls runs the functions of Config. Only the loop's goroutine may call its
// methods.
type calls struct {
	cfg      Config
	returned chan corenode.Returned // has room for every call that is not answered
	slots    chan struct{}          // has an element for every function that runs
	running  sync.WaitGroup
}

func newCalls(cfg Config) *calls {
	return &calls{
		cfg:      cfg,
		returned: make(chan corenode.Returned, cfg.MaxCalls),
		slots:    make(chan struct{}, cfg.MaxCalls),
	}
}

// start starts a call. The channel returned gets its outcome after Config.Timeout at
// the latest.
func (c *calls) start(ctx context.Context, call corenode.Call) {
	if call.Action != mgmt.GetIDValue {
		dispatch := c.cfg.Dispatches[call.Action]
		c.run(ctx, call, func(ctx context.Context) (any, error) { return dispatch(ctx, call.Args) })
		return
	}
	val, err := c.identifier(call.Args[0])
	if f, ok := asFunc(val); ok {
		c.run(ctx, call, f)
		return
	}
	c.report(call, val, err)
}

// run calls f for a call, unless too many functions run already.
func (c *calls) run(ctx context.Context, call corenode.Call, f Func) {
	select {
	case c.slots <- struct{}{}:
	default: // functions that have overrun their time still run
		c.report(call, nil, errors.New("too many dispatches in flight"))
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, errTimeout)
	overdue := fmt.Errorf("dispatch %s %v", call.Action, errTimeout)
	var once sync.Once
	c.running.Go(func() {
		defer cancel()
		val, err := f(ctx)
		<-c.slots
		if err != nil && context.Cause(ctx) == errTimeout {
			err = overdue // one text for all functions
		}
		once.Do(func() { c.report(call, val, err) })
	})
	c.running.Go(func() {
		<-ctx.Done()
		if context.Cause(ctx) == errTimeout {
			once.Do(func() { c.report(call, nil, overdue) })
		}
	})
}

// identifier returns the entry of an identifier.
func (c *calls) identifier(id string) (any, error) {
	if id == ClusterNode {
		return c.cfg.Name, nil
	}
	val, ok := c.cfg.Identifiers[id]
	if !ok {
		return nil, ErrUnknownID
	}
	return val, nil
}

// asFunc returns an entry of Config.Identifiers as a Func. It returns false if the
// entry is no Func, or nil.
func asFunc(val any) (Func, bool) {
	switch f := val.(type) {
	case Func:
		return f, f != nil
	case func(context.Context) (any, error):
		return f, f != nil
	}
	return nil, false
}

// report sends a call's outcome to the loop. It does not block.
func (c *calls) report(call corenode.Call, val any, err error) {
	r := corenode.Returned{Call: call.Call}
	switch {
	case err != nil:
		r.Err = err.Error()
	case val == nil && call.Action == mgmt.GetIDValue:
		r.Err = ErrNoValue.Error()
	default:
		text := appendJSON(nil, val)
		if len(text) > c.cfg.MaxValue {
			r.Err = fmt.Sprintf("value of %d bytes is longer than the limit of %d", len(text), c.cfg.MaxValue)
			break
		}
		r.Data = string(text)
	}
	if r.Err == "" && r.Data == "" {
		r.Err = "no reason given"
	}
	c.returned <- r
}

// wait returns when every function has returned.
func (c *calls) wait() { c.running.Wait() }
