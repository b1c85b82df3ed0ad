package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// turns bounds what goes on at a time, for everybody together and for each one. Those for whom
// there is no place wait.
type turns struct {
	all  chan struct{}
	each int
	busy string // what is said to those who have waited in vain

	mu sync.Mutex
	of map[string]*turnsOf
}

type turnsOf struct {
	places chan struct{}
	users  int
}

func newTurns(all, each int, busy string) *turns {
	return &turns{all: make(chan struct{}, all), each: each, busy: busy, of: map[string]*turnsOf{}}
}

// enter takes a place for somebody, and waits for one if there is none. The caller gives it
// back with done.
func (t *turns) enter(ctx context.Context, who string, wait time.Duration) (done func(), err error) {
	patience, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	one := t.join(who)
	busy := huma.ErrorWithHeaders(problem(http.StatusServiceUnavailable, t.busy), http.Header{"Retry-After": {"10"}})
	if !takePlace(patience, one.places) {
		t.leave(who, one)
		return nil, busy
	}
	if !takePlace(patience, t.all) {
		<-one.places
		t.leave(who, one)
		return nil, busy
	}
	return sync.OnceFunc(func() {
		<-t.all
		<-one.places
		t.leave(who, one)
	}), nil
}

func (t *turns) join(who string) *turnsOf {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.of[who]
	if one == nil {
		one = &turnsOf{places: make(chan struct{}, t.each)}
		t.of[who] = one
	}
	one.users++
	return one
}

func (t *turns) leave(who string, one *turnsOf) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(t.of, who)
	}
}
