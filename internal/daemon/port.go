package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// ErrEnded is the error of calls of a Controller that has ended.
var ErrEnded = errors.New("the controller has ended")

// port connects other parts of this program with a controller's loop.
type port struct {
	submitted chan *submission
	withdrawn chan mgmt.PeerID // the asker of a submission that is not waited for
	snapshots chan snapshot
	instances chan instanceQuestion
	term      atomic.Uint64 // the greatest of Raise
	raised    chan struct{} // it has changed
	ended     chan struct{} // is closed when the controller has ended
	askers    atomic.Uint64 // counts them
	stirs     stirs
	// unsaved is why the latest save has failed. It points to nil if the save has
	// succeeded.
	unsaved atomic.Pointer[error]
	// fetching is nil until the controller runs.
	fetching atomic.Pointer[fetching]
	hosts    *knownHosts
	follows  *following // nil: no samples are kept
}

// stirs tells goroutines that wait for a change of the core.
type stirs struct {
	mu sync.Mutex
	// next is closed when the core has got an event. It is nil if nobody waits.
	next chan struct{}
}

// await returns a channel that is closed when the core has got an event.
func (s *stirs) await() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

// tell wakes everybody who waits.
func (s *stirs) tell() {
	s.mu.Lock()
	next := s.next
	s.next = nil
	s.mu.Unlock()
	if next != nil {
		close(next)
	}
}

// stirring is a core that wakes everybody who waits for a change of it.
type stirring struct {
	*controller.Machine
	stirs *stirs
}

func (s stirring) Step(now time.Time, ev controller.Event) []controller.Effect {
	defer s.stirs.tell()
	return s.Machine.Step(now, ev)
}

// submission is a request that does not come from the bus. To the core, its asker
// is a client that is connected until the request is answered.
type submission struct {
	asker   mgmt.PeerID
	user    mgmt.Principal
	request mgmt.Request
	answer  chan mgmt.Response // has room for one
}

// snapshot takes the answer to a call of Snapshot. It has room for one.
type snapshot chan *mgmt.Snapshot

// instanceQuestion asks for one instance. answer has room for one; nil means that there is none.
type instanceQuestion struct {
	name   mgmt.InstanceName
	answer chan *mgmt.ObservedInstance
}

func newPort() *port {
	return &port{
		submitted: make(chan *submission), withdrawn: make(chan mgmt.PeerID),
		snapshots: make(chan snapshot), instances: make(chan instanceQuestion), raised: make(chan struct{}, 1), hosts: newKnownHosts(), ended: make(chan struct{}),
	}
}

// Submit makes a request on behalf of a user, as if a client had sent it, and
// returns the answer. A refusal is an answer, too. If ctx is done first, Submit
// returns its cause, and a change that was requested goes on. Any goroutine may
// call Submit while Run runs.
func (c *Controller) Submit(ctx context.Context, user mgmt.Principal, request mgmt.Request) (mgmt.Response, error) {
	if _, ok := mgmt.AsRequest(request); !ok || mgmt.KindOf(request).May == mgmt.NoUser {
		return nil, fmt.Errorf("%T is not a request that users make of a controller", request)
	}
	s := &submission{
		asker: mgmt.PeerID(fmt.Sprintf("submission %d", c.port.askers.Add(1))), user: user, request: request,
		answer: make(chan mgmt.Response, 1),
	}
	select {
	case c.port.submitted <- s:
	case <-c.port.ended:
		return nil, ErrEnded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case answer := <-s.answer:
		return answer, nil
	case <-c.port.ended:
		return nil, ErrEnded
	case <-ctx.Done():
	}
	select {
	case c.port.withdrawn <- s.asker:
	case <-c.port.ended:
	}
	return nil, context.Cause(ctx)
}

// Snapshot returns what the controller knows of its cluster at this moment. It
// shares the parts that have not changed with the latest Snapshot. Any goroutine
// may call Snapshot while Run runs.
func (c *Controller) Snapshot(ctx context.Context) (*mgmt.Snapshot, error) {
	s := make(snapshot, 1)
	select {
	case c.port.snapshots <- s:
		return <-s, nil
	case <-c.port.ended:
		return nil, ErrEnded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// instance returns what the controller knows of one instance at this moment, as Snapshot does, or
// nil. It costs no more if there are many. Any goroutine may call it while Run runs.
func (c *Controller) instance(ctx context.Context, name mgmt.InstanceName) (*mgmt.ObservedInstance, error) {
	q := instanceQuestion{name, make(chan *mgmt.ObservedInstance, 1)}
	select {
	case c.port.instances <- q:
		return <-q.answer, nil
	case <-c.port.ended:
		return nil, ErrEnded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Changed returns a channel that is closed when the next Snapshot may differ from one that
// is taken now, or when the controller has ended. Take the channel first and the Snapshot
// then, so that no change is missed. Any goroutine may call Changed.
func (c *Controller) Changed() <-chan struct{} { return c.port.stirs.await() }

// Unsaved returns why the latest save of the state has failed. It returns nil if it has
// succeeded, or if there was none. Any goroutine may call it.
func (c *Controller) Unsaved() error {
	if err := c.port.unsaved.Load(); err != nil {
		return *err
	}
	return nil
}

// submissions are those that the core has not answered yet.
type submissions map[mgmt.PeerID]*submission

// begin returns the core's event for a submission.
func (waiting submissions) begin(s *submission) controller.Event {
	waiting[s.asker] = s
	return controller.FromClient{Client: s.asker, Principal: s.user, Msg: s.request}
}

// withdraw returns the core's event for a submission whose caller no longer waits.
func (waiting submissions) withdraw(asker mgmt.PeerID) controller.Event {
	delete(waiting, asker)
	return controller.ClientGone{Client: asker}
}

// answer hands the core's reply to the caller of Submit. It returns the core's next
// event: the asker is gone. It drops texts about progress.
func (waiting submissions) answer(s *submission, msg mgmt.Message) *controller.Event {
	response, ok := msg.(mgmt.Response)
	if !ok {
		return nil
	}
	s.answer <- response
	return new(waiting.withdraw(s.asker))
}
