package etcdstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
)

// These are the requests of the history that the test records.
type (
	saveRequest struct {
		token    int64
		replaces store.Revision
		value    int
	}
	loadRequest  struct{}
	takeRequest  struct{}
	leaveRequest struct{ token int64 }
)

// answer is what a request returns.
type answer struct {
	outcome string // "done", "conflict", or "lost": nobody knows
	rev     store.Revision
	value   int
	token   int64
}

// shared is the state of the model.
type shared struct {
	rev   store.Revision
	value int
	token int64 // of the lead
}

// step is what the engine promises: it is one register with a revision, and one lead.
func step(state, request, result any) (bool, any) {
	s, a := state.(shared), result.(answer)
	switch r := request.(type) {
	case loadRequest:
		return a.rev == s.rev && a.value == s.value, s
	case takeRequest:
		if s.token != 0 {
			return false, s
		}
		s.token = a.token
		return true, s
	case leaveRequest:
		if s.token == r.token {
			s.token = 0
		}
		return true, s
	case saveRequest:
		holds := r.token == s.token && r.replaces == s.rev
		switch {
		case a.outcome == "conflict":
			return !holds, s
		case holds:
			s.rev, s.value = s.rev+1, r.value
			return true, s
		}
		return a.outcome == "lost", s // one that was lost may count, or not
	}
	panic("unknown request")
}

// history is what clients have seen.
type history struct {
	began time.Time
	mu    sync.Mutex
	all   []porcupine.Operation
	lost  int
}

// record makes a request and keeps it with its answer.
func (h *history) record(client int, request any, do func() answer) answer {
	call := time.Since(h.began)
	a := do()
	end := time.Since(h.began).Nanoseconds()
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.outcome == "lost" {
		if _, ok := request.(loadRequest); ok {
			return a // it has seen nothing
		}
		h.lost++
		end = math.MaxInt64 // it may come to count at any time
	}
	h.all = append(h.all, porcupine.Operation{ClientId: client, Input: request, Call: call.Nanoseconds(), Output: a, Return: end})
	return a
}

func (h *history) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all)
}

// clients use a cluster as several controllers do.
type clients struct {
	*cluster
	*history
	names []string
	token atomic.Int64 // of the last lead
	value atomic.Int64
}

// any returns a member that runs.
func (c *clients) any(r *rand.Rand) *etcdstore.Engine {
	for {
		c.cluster.mu.Lock()
		e := c.engines[c.names[r.IntN(len(c.names))]]
		c.cluster.mu.Unlock()
		if e != nil {
			return e
		}
	}
}

const requestTimeout = 2 * time.Second

// entries returns the entries of a value. Some are more than one transaction can have, and
// some are in chunks. All of them say which value they are of.
func entries(value int) []store.Change {
	text := strconv.Itoa(value)
	changes := append(put("a", text), put("z", text)...)
	switch value % 4 {
	case 1:
		for i := range 120 {
			changes = append(changes, put(fmt.Sprintf("many/%d", i), text)...)
		}
	case 2:
		changes = append(changes, put("large", text+strings.Repeat(" ", 40<<10))...)
	}
	return changes
}

func (c *clients) load(ctx context.Context, e *etcdstore.Engine) answer {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list, rev, err := e.Store("part", quorum.Fence{}).Load(ctx, "")
	if err != nil {
		return answer{outcome: "lost"}
	}
	a := answer{outcome: "done", rev: rev}
	seen := map[string]string{}
	for _, entry := range list {
		seen[entry.Key] = strings.TrimSpace(string(entry.Value))
	}
	if len(list) > 0 {
		a.value, err = strconv.Atoi(seen["a"])
	}
	want := map[string]string{}
	for _, change := range entries(a.value) {
		want[change.Key] = strings.TrimSpace(string(change.Value))
	}
	for key, value := range want {
		if a.rev > 0 && seen[key] != value {
			c.t.Errorf("revision %d: entry %s is %q, want %q of the same Save", rev, key, seen[key], value)
		}
	}
	if err != nil {
		c.t.Error(err)
	}
	return a
}

func (c *clients) save(ctx context.Context, e *etcdstore.Engine, r saveRequest) answer {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := e.Store("part", quorum.Fence{Token: r.token}).Save(ctx, entries(r.value), r.replaces)
	switch {
	case err == nil:
		return answer{outcome: "done"}
	case errors.Is(err, store.ErrConflict):
		return answer{outcome: "conflict"}
	}
	return answer{outcome: "lost"}
}

// work loads and saves until ctx is done. It uses the newest lead that it knows, and
// sometimes goes on with an old one.
func (c *clients) work(ctx context.Context, client int) {
	r := rand.New(rand.NewPCG(uint64(client), 14))
	var rev store.Revision
	var token int64
	for ctx.Err() == nil {
		if r.IntN(4) > 0 || token == 0 {
			token = c.token.Load()
		}
		if r.IntN(2) == 0 {
			if a := c.record(client, loadRequest{}, func() answer { return c.load(ctx, c.any(r)) }); a.outcome == "done" {
				rev = a.rev
			}
			continue
		}
		request := saveRequest{token, rev, int(c.value.Add(1))}
		if a := c.record(client, request, func() answer { return c.save(ctx, c.any(r), request) }); a.outcome == "done" {
			rev++
		}
	}
}

// lead takes the lead and leaves it, again and again, until ctx is done.
func (c *clients) lead(ctx context.Context, client int) {
	r := rand.New(rand.NewPCG(uint64(client), 14))
	for ctx.Err() == nil {
		a := c.record(client, takeRequest{}, func() answer {
			var token int64
			until(c.t, "Take", func(ctx context.Context) error {
				e := c.any(r)
				session, err := e.Begin(ctx, "controller", ttl)
				if err != nil {
					return err
				}
				lead, err := e.Take(ctx, session, "controller", 0)
				token = lead.Token
				return err
			})
			return answer{outcome: "done", token: token}
		})
		c.token.Store(a.token)
		for n := c.size(); c.size() < n+40 && ctx.Err() == nil; {
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
		c.record(client, leaveRequest{a.token}, func() answer {
			until(c.t, "Resign", func(ctx context.Context) error {
				if err := c.any(r).Resign(ctx, quorum.Fence{Token: a.token}, ""); !errors.Is(err, quorum.ErrTaken) {
					return err
				}
				return nil
			})
			return answer{outcome: "done"}
		})
	}
}

// disturb stops members and cuts them off, one at a time.
func (c *clients) disturb(rounds int) {
	for round := range rounds {
		c.progress(40)
		name := c.names[round%len(c.names)]
		switch round % 3 {
		case 0:
			c.stop(name, (*etcdstore.Engine).Kill)
			c.progress(40)
			c.open(name, c.config(name))
		case 1:
			c.cluster.mu.Lock()
			e := c.engines[name]
			c.cluster.mu.Unlock()
			e.Cut()
			c.progress(40)
			e.Mend()
		case 2:
			c.stop(name, (*etcdstore.Engine).Close)
			c.progress(40)
			c.open(name, c.config(name))
		}
	}
	c.progress(40)
}

// progress waits for more requests with an answer.
func (c *clients) progress(more int) {
	n := c.size()
	until(c.t, "requests are answered", func(context.Context) error {
		if now := c.size(); now < n+more {
			return fmt.Errorf("%d of %d", now-n, more)
		}
		return nil
	})
}

// The engine is one register and one lead for all clients, whichever member they ask, while
// members are killed, stopped and cut off.
func TestHistoryIsLinearizable(t *testing.T) {
	t.Parallel()
	c := &clients{cluster: newCluster(t), history: &history{began: time.Now()}, names: []string{"one", "two", "three"}}
	c.change = func(cfg *etcdstore.Config) { cfg.Chunk = 16 << 10 }
	c.start(c.names...)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for client := range 4 {
		running.Go(func() { c.work(ctx, client) })
	}
	running.Go(func() { c.lead(ctx, 4) })
	c.disturb(4)
	cancel()
	running.Wait()
	t.Logf("%d requests, of which %d were lost, in %v", len(c.all), c.lost, time.Since(c.history.began))
	model := porcupine.Model{Init: func() any { return shared{} }, Step: step}
	if result := porcupine.CheckOperationsTimeout(model, c.all, time.Minute); result != porcupine.Ok {
		t.Errorf("the history is not linearizable: %v", result)
	}
}
