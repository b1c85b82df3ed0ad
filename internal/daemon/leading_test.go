package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/quorum/quorumtest"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// cohort is some controllers over one store in memory. Their terms save again and again.
type cohort struct {
	t       *testing.T
	shared  *quorumtest.Cluster
	mu      sync.Mutex
	members map[string]*cohortMember
	deaf    sync.Map // by name: it hears nobody
	amiss   sync.Map // by name: its clock is wrong, and it believes nobody's certificate
}

func (c *cohort) member(name string) *cohortMember {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.members[name]
}

type cohortMember struct {
	*daemon.Leading
	engine *quorumtest.Engine
	end    context.CancelFunc
	ended  chan error
	up     atomic.Bool
	silent atomic.Bool // it answers nobody
	fails  atomic.Bool
	mu     sync.Mutex
	causes []error // of the ends of its terms
	views  []daemon.LeadingView
}

func (m *cohortMember) note(add func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	add()
}

func (m *cohortMember) whyEnded() (causes []error) {
	m.note(func() { causes = slices.Clone(m.causes) })
	return causes
}

func newCohort(t *testing.T, names ...string) *cohort {
	c := &cohort{t: t, shared: quorumtest.NewCluster(names...), members: map[string]*cohortMember{}}
	for _, name := range names {
		c.start(name)
		time.Sleep(time.Second) // the first one leads
	}
	return c
}

func (c *cohort) start(name string) {
	m := &cohortMember{engine: c.shared.Engine(name), ended: make(chan error, 1)}
	m.Leading = daemon.NewLeading(daemon.LeadingConfig{
		Name: name, Engine: m.engine,
		Pulse: func(ctx context.Context, of string) error {
			time.Sleep(time.Millisecond)
			other := c.member(of)
			if _, deaf := c.deaf.Load(name); deaf || other.silent.Load() {
				<-ctx.Done()
				return context.Cause(ctx)
			}
			if _, amiss := c.amiss.Load(name); amiss {
				return fmt.Errorf("its certificate has expired: %w", daemon.ErrDisbelieved)
			}
			if _, amiss := c.amiss.Load(of); amiss {
				return errors.New("remote error: tls: bad certificate")
			}
			if !other.up.Load() {
				return &testError{syscall.ECONNREFUSED}
			}
			return other.Pulse()
		},
		Run:     m.term,
		Changed: func(v daemon.LeadingView) { m.note(func() { m.views = append(m.views, v) }) },
	})
	ctx, cancel := context.WithCancel(c.t.Context())
	m.end = cancel
	m.up.Store(true)
	c.mu.Lock()
	c.members[name] = m
	c.mu.Unlock()
	go func() { m.ended <- m.Run(ctx) }()
}

type testError struct{ error }

func (e *testError) Unwrap() error { return e.error }

// term saves until it is told to end, or a save fails.
func (m *cohortMember) term(ctx context.Context, lead quorum.Lead) error {
	if m.fails.Load() {
		return errors.New("no space")
	}
	part := m.engine.Store("controller", quorum.Fence{Token: lead.Token})
	entries, rev, err := part.Load(ctx, "")
	for n := len(entries); err == nil && ctx.Err() == nil; n++ {
		saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		var next store.Revision
		if next, err = part.Save(saving, []store.Change{{Key: fmt.Sprintf("%06d", n), Value: []byte(lead.Member)}}, rev); err == nil {
			rev = next
		}
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			n, err = n-1, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	m.note(func() { m.causes = append(m.causes, err) })
	return err
}

// kill ends a controller as SIGKILL does, as far as others can see.
func (c *cohort) kill(name string) {
	c.members[name].engine.Close()
	c.stop(name)
}

// stop ends a controller.
func (c *cohort) stop(name string) {
	c.t.Helper()
	m := c.members[name]
	if !m.up.Swap(false) {
		return
	}
	m.end()
	if err := <-m.ended; !errors.Is(err, context.Canceled) {
		c.t.Errorf("%s: Run: got %v, want the cause of its end", name, err)
	}
}

func (c *cohort) close() {
	for name := range c.members {
		c.stop(name)
	}
}

// leads waits until a controller leads and has saved, and checks that this takes no longer than within.
func (c *cohort) leads(name string, within time.Duration) daemon.LeadingView {
	c.t.Helper()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		lead := c.shared.Lead()
		if saves := c.shared.Writes(); lead.Member == name && len(saves) > 0 && saves[len(saves)-1].Fence.Token == lead.Token {
			return c.members[name].View()
		}
		if time.Since(begun) > within {
			c.t.Fatalf("%s does not lead after %v: %+v does", name, within, lead)
		}
	}
}

// inCohort runs a test with three controllers, of which c1 leads.
func inCohort(t *testing.T, test func(t *testing.T, c *cohort)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCohort(t, "c1", "c2", "c3")
		defer c.close()
		c.leads("c1", 0)
		c.members["c3"].SetBehind(true) // so c2 is the next one
		time.Sleep(time.Second)
		test(t, c)
		c.check()
	})
}

// check checks that the terms of the saves never decrease, and that nobody but the leader
// believes that it leads.
func (c *cohort) check() {
	c.t.Helper()
	synctest.Wait()
	var last quorumtest.Write
	for _, w := range c.shared.Writes() {
		if w.Term < last.Term || w.Fence.Token < last.Fence.Token {
			c.t.Errorf("a save %+v after %+v", w, last)
		}
		last = w
	}
	for name, m := range c.members {
		if v := m.View(); m.up.Load() && v.Leads != (name == c.shared.Lead().Member) {
			c.t.Errorf("%s sees %+v, and %+v leads", name, v, c.shared.Lead())
		}
	}
}

func TestAControllerThatStopsHandsOver(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		begun := time.Now()
		c.stop("c1")
		v := c.leads("c2", 200*time.Millisecond-time.Since(begun))
		if v.Term != 2 || !v.Leads {
			t.Errorf("c2 sees %+v, want that it leads in term 2", v)
		}
		causes := c.members["c1"].whyEnded()
		if len(causes) != 1 || !errors.Is(causes[0], daemon.ErrTermOver) || !strings.Contains(causes[0].Error(), "the controller stops") {
			t.Errorf("the causes of the ends of the terms of c1: got %v", causes)
		}
	})
}

func TestAControllerThatIsKilledIsReplaced(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		c.kill("c1") // this takes the time of a stop without the store
		c.leads("c2", time.Second)
		c.start("c1")
		time.Sleep(10 * time.Second)
		if v := c.members["c1"].View(); v.Leader != "c2" || v.Term != 2 {
			t.Errorf("c1, started again: got %+v, want that c2 leads in term 2", v)
		}
	})
}

func TestAControllerThatDoesNotAnswerIsReplaced(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		c.members["c1"].silent.Store(true)
		c.leads("c2", 2*time.Second)
		time.Sleep(time.Second)
		causes := c.members["c1"].whyEnded()
		if len(causes) != 1 || !errors.Is(causes[0], daemon.ErrTermOver) {
			t.Errorf("the causes of the ends of the terms of c1: got %v, want ErrTermOver", causes)
		}
	})
}

func TestOneThatDoubtsIsNotEnough(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		c.deaf.Store("c2", true)
		time.Sleep(30 * time.Second)
		c.leads("c1", 0)
		if lead := c.shared.Lead(); !slices.Equal(lead.Doubts, []string{"c2"}) {
			t.Errorf("got %+v, want that c2 doubts", lead)
		}
		c.deaf.Clear()
		time.Sleep(time.Second)
		if lead := c.shared.Lead(); lead.Term != 1 || len(lead.Doubts) > 0 {
			t.Errorf("got %+v, want that nobody doubts", lead)
		}
	})
}

func TestAControllerThatBelievesNobodyIsReplaced(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		c.amiss.Store("c1", true)
		c.leads("c2", 2*time.Second)
		time.Sleep(time.Minute)
		c.leads("c2", 0)
	})
}

// A controller whose own clock is wrong ends no lead, even if no other one follows.
func TestOneThatBelievesNobodyIsNotEnough(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		c.kill("c3")
		time.Sleep(10 * time.Second)
		c.amiss.Store("c2", true)
		time.Sleep(time.Minute)
		if lead := c.shared.Lead(); lead.Member != "c1" || lead.Term != 1 || !slices.Equal(lead.Doubts, []string{"c2"}) {
			t.Errorf("got %+v, want that c1 leads in term 1, and that c2 doubts it", lead)
		}
		c.amiss.Delete("c2")
		time.Sleep(time.Second)
		if lead := c.shared.Lead(); len(lead.Doubts) > 0 {
			t.Errorf("with a clock that is right: got %+v, want that nobody doubts", lead)
		}
	})
}

func TestAControllerWithoutItsStoreGivesUp(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		m := c.members["c1"]
		m.engine.Cut(true)
		time.Sleep(4*time.Second + time.Millisecond)
		if v := m.View(); v.Leads {
			t.Errorf("4 s without the store: got %+v, want that it does not lead", v)
		}
		if err := m.Pulse(); !errors.Is(err, daemon.ErrNotLeading) {
			t.Errorf("Pulse: got %v, want ErrNotLeading", err)
		}
		c.leads("c2", time.Second)
		m.engine.Cut(false)
		time.Sleep(3 * time.Second)
		if v := m.View(); v.Leader != "c2" {
			t.Errorf("with the store again: got %+v, want that c2 leads", v)
		}
	})
}

func TestAnswersOfTheStoreAreLost(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		for range 5 {
			for _, m := range c.members {
				m.engine.LoseAnswers(true)
			}
			time.Sleep(7 * time.Second)
			for _, m := range c.members {
				m.engine.LoseAnswers(false)
			}
			time.Sleep(20 * time.Second)
			c.leads(c.shared.Lead().Member, 0)
			c.check()
		}
	})
}

func TestHandOver(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		if _, err := c.members["c2"].HandOver(t.Context(), ""); !errors.Is(err, daemon.ErrNotLeading) {
			t.Errorf("HandOver of one that follows: got %v, want ErrNotLeading", err)
		}
		if _, err := c.members["c1"].HandOver(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		c.leads("c2", 200*time.Millisecond)
		m := c.members["c2"]
		m.note(func() {
			if !m.views[len(m.views)-1].Leads {
				t.Errorf("c2 was told %+v", m.views)
			}
		})
	})
}

func TestTheControllerThatIsNamedLeads(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		c.members["c3"].SetBehind(false)
		if leader, err := c.members["c1"].HandOver(t.Context(), "c3"); leader != "c3" || err != nil {
			t.Errorf("c1 hands over to c3: %s leads, %v", leader, err)
		}
		c.stop("c1")
		began := time.Now()
		leader, err := c.members["c3"].HandOver(t.Context(), "c1") // which is gone
		if took := time.Since(began); leader != "c2" || err != nil || took < time.Second || took > 1500*time.Millisecond {
			t.Errorf("c3 hands over to one that is gone: %s leads after %v, %v", leader, took, err)
		}
	})
}

func TestATermThatFailsIsLeftToAnotherController(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		c.members["c2"].fails.Store(true)
		c.members["c3"].fails.Store(true)
		c.members["c1"].HandOver(t.Context(), "")
		time.Sleep(200 * time.Millisecond)
		if v := c.members["c2"].View(); v.Leads {
			t.Errorf("c2, whose term fails: got %+v", v)
		}
		c.leads("c1", 7*time.Second)
	})
}

func TestTermsAreRaised(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		c.members["c1"].Raise(t.Context(), 41)
		time.Sleep(100 * time.Millisecond)
		if v := c.members["c3"].View(); v.Term != 42 || v.Leader != "c1" {
			t.Errorf("c3 sees %+v, want that c1 leads in term 42", v)
		}
	})
}

func TestBrokenWatchesBeginAnew(t *testing.T) {
	inCohort(t, func(t *testing.T, c *cohort) {
		for _, m := range c.members {
			m.engine.Break()
		}
		time.Sleep(2 * time.Second)
		c.members["c1"].HandOver(t.Context(), "")
		c.leads("c2", time.Second)
	})
}

func TestTheStoreOfTheSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCohort(t)
		c.shared.External = true
		for _, name := range []string{"c1", "c2", "c3"} {
			c.start(name)
			if err := c.members[name].engine.Announce(t.Context(), name, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		defer c.close()
		c.leads("c1", 0)
		c.members["c1"].silent.Store(true)
		time.Sleep(2 * time.Second)
		if lead := c.shared.Lead(); lead.Member != "c2" && lead.Member != "c3" {
			t.Errorf("got %+v, want that another one leads", lead)
		}
		c.check()
	})
}
