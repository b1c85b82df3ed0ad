package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// shares are the places of streams that last: a limited number, and so many of one user. If
// all are taken, a user with fewer of them gets the oldest of the user with the most. So no
// user can keep the others out, and users who have the same do not push each other out.
type shares struct {
	limit, ofOne int
	what         string // as in "event streams"

	mu    sync.Mutex
	taken []*share // oldest first
}

// share is the place of one stream. over is done when the stream must end.
type share struct {
	user string
	over context.Context
	end  context.CancelFunc
}

// enter takes a place for a stream of a user. The stream gives it back with leave.
func (s *shares) enter(user string) (*share, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{}
	most := ""
	for _, one := range s.taken {
		if counts[one.user]++; counts[one.user] > counts[most] {
			most = one.user
		}
	}
	switch {
	case counts[user] >= s.ofOne:
		return nil, later(http.StatusTooManyRequests, fmt.Sprintf("%s has %d %s already: end one of them", user, counts[user], s.what))
	case len(s.taken) < s.limit:
	case counts[user]+1 >= counts[most]:
		return nil, later(http.StatusServiceUnavailable, fmt.Sprintf("there are %d %s already: try again in 10 s", len(s.taken), s.what))
	default:
		i := slices.IndexFunc(s.taken, func(one *share) bool { return one.user == most })
		s.taken[i].end()
		s.taken = slices.Delete(s.taken, i, i+1)
	}
	one := &share{user: user}
	one.over, one.end = context.WithCancel(context.Background())
	s.taken = append(s.taken, one)
	return one, nil
}

// leave gives a place back. It does nothing if another user has it already.
func (s *shares) leave(one *share) {
	one.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = slices.DeleteFunc(s.taken, func(o *share) bool { return o == one })
}

// gaveWay says why a stream ends whose place another user has.
func (s *shares) gaveWay() string {
	return fmt.Sprintf("it gives way to another user, who has fewer of the %d %s that there may be", s.limit, s.what)
}

// later refuses a request that may succeed in a while.
func later(status int, why string) error {
	return huma.ErrorWithHeaders(problem(status, why), http.Header{"Retry-After": {"10"}})
}

// takePlace takes a place, and waits for one until ctx is done. A place that is free is taken
// even if ctx is done already: a slow host refuses nobody whom it can serve.
func takePlace(ctx context.Context, places chan<- struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
	}
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// follows are the shares of those who follow the outputs of nodes, for each instance.
type follows struct {
	limit int

	mu sync.Mutex
	at map[string]*shares
}

// enter takes a place for somebody who follows an output on an instance. Streams that do not
// last, such as the facts of the host, need the rest of the streams that an agent sends.
func (f *follows) enter(instance, user string) (*shares, *share, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.at[instance]
	if all == nil {
		all = &shares{limit: f.limit, ofOne: f.limit, what: "outputs of instance " + instance + " that are followed"}
		f.at[instance] = all
	}
	one, err := all.enter(user)
	return all, one, err
}

// leave gives a place back.
func (f *follows) leave(instance string, all *shares, one *share) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if all.leave(one); len(all.taken) == 0 && f.at[instance] == all {
		delete(f.at, instance)
	}
}
