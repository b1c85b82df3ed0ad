package ledger_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/ledger"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

type request = ledger.Request[mgmt.NodeName, string]

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func key(asker mgmt.PeerID, id mgmt.ReqID) ledger.Key { return ledger.Key{Asker: asker, ID: id} }

// opened returns a ledger in which requests with these keys are in flight.
func opened(limits ledger.Limits, keys ...ledger.Key) *ledger.Ledger[mgmt.NodeName, string] {
	l := ledger.New[mgmt.NodeName, string](limits)
	for _, k := range keys {
		l.Open(&request{Key: k})
	}
	return l
}

func TestJudge(t *testing.T) {
	two := ledger.Limits{Requests: 2}
	shared := ledger.Limits{Requests: 2, Shared: true}
	for name, test := range map[string]struct {
		limits ledger.Limits
		open   []ledger.Key
		key    ledger.Key
		want   ledger.Refusal
	}{
		"an ID of the greatest length is taken":     {ledger.Limits{IDBytes: 3}, nil, key("a", "123"), ledger.Admitted},
		"a longer ID is refused":                    {ledger.Limits{IDBytes: 3}, nil, key("a", "1234"), ledger.LongID},
		"an empty ID is one like any other":         {two, []ledger.Key{key("a", "")}, key("a", ""), ledger.IDInUse},
		"an ID in flight is refused":                {two, []ledger.Key{key("a", "1")}, key("a", "1"), ledger.IDInUse},
		"two askers may use one ID":                 {two, []ledger.Key{key("a", "1")}, key("b", "1"), ledger.Admitted},
		"an asker may have as many as it may":       {ledger.Limits{PerAsker: 2}, []ledger.Key{key("a", "1")}, key("a", "2"), ledger.Admitted},
		"an asker may have no more":                 {ledger.Limits{PerAsker: 1}, []ledger.Key{key("a", "1")}, key("a", "2"), ledger.AskerFull},
		"other askers do not count for that":        {ledger.Limits{PerAsker: 1}, []ledger.Key{key("b", "1")}, key("a", "2"), ledger.Admitted},
		"a ledger takes as many as it may":          {two, []ledger.Key{key("a", "1")}, key("b", "2"), ledger.Admitted},
		"a full ledger takes no more":               {two, []ledger.Key{key("a", "1"), key("a", "2")}, key("b", "3"), ledger.Full},
		"a full, shared one takes a newcomer's":     {shared, []ledger.Key{key("a", "1"), key("a", "2")}, key("b", "3"), ledger.Admitted},
		"and none of an asker that has its share":   {shared, []ledger.Key{key("a", "1"), key("b", "2")}, key("b", "3"), ledger.Full},
		"a ledger without limits takes any request": {ledger.Limits{}, []ledger.Key{key("a", "1")}, key("a", "2"), ledger.Admitted},
	} {
		t.Run(name, func(t *testing.T) {
			if got := opened(test.limits, test.open...).Judge(test.key); got != test.want {
				t.Errorf("Judge: got %v, want %v", got, test.want)
			}
		})
	}
}

func TestOpeningARequestTwicePanics(t *testing.T) {
	l := opened(ledger.Limits{}, key("a", "1"))
	defer func() {
		if recover() == nil {
			t.Error("Open did not panic")
		}
	}()
	l.Open(&request{Key: key("a", "1")})
}

func TestAClosedRequestIsForgotten(t *testing.T) {
	l := ledger.New[mgmt.NodeName, string](ledger.Limits{Requests: 1, PerAsker: 1})
	r := &request{Key: key("a", "1"), Deadline: epoch}
	r.Await("w")
	l.Open(r)
	if !l.Holds(r) || l.Holds(&request{Key: r.Key}) {
		t.Error("the ledger holds the request that was opened, and no other: got otherwise")
	}
	if !l.Close(r) {
		t.Error("Close of an open request: got false")
	}
	if l.Close(r) || l.Holds(r) {
		t.Error("Close, or Holds, of a closed request: got true")
	}
	_, due := l.Next()
	if got := l.Judge(key("a", "1")); got != ledger.Admitted || l.Len() != 0 || due || len(l.Awaiting("w")) > 0 || len(l.Due(epoch)) > 0 {
		t.Errorf("after Close the ledger still has the request; Judge says %v", got)
	}
}

// ids returns the IDs of requests, in their order.
func ids(requests []*request) []mgmt.ReqID {
	var list []mgmt.ReqID
	for _, r := range requests {
		list = append(list, r.ID)
	}
	return list
}

func TestRequestsOfAnAskerThatLeavesAreForgotten(t *testing.T) {
	l := opened(ledger.Limits{}, key("a", "2"), key("b", "1"), key("a", "1"))
	if got, want := ids(l.Leave("a")), []mgmt.ReqID{"2", "1"}; !slices.Equal(got, want) {
		t.Errorf("Leave: got %v, want %v", got, want)
	}
	if got, want := ids(l.All()), []mgmt.ReqID{"1"}; !slices.Equal(got, want) {
		t.Errorf("All after Leave: got %v, want %v", got, want)
	}
	if got := l.Leave("a"); got != nil {
		t.Errorf("Leave of an asker without requests: got %v", ids(got))
	}
}

func TestRequestsAreDueInTheOrderOfTheirDeadlines(t *testing.T) {
	l := ledger.New[mgmt.NodeName, string](ledger.Limits{})
	for id, deadline := range []time.Time{epoch.Add(2), {}, epoch.Add(1), epoch.Add(2), epoch.Add(3)} {
		l.Open(&request{Key: key("a", mgmt.ReqID('0'+rune(id))), Deadline: deadline})
	}
	if got, ok := l.Next(); !ok || !got.Equal(epoch.Add(1)) {
		t.Errorf("Next: got %v, %t", got, ok)
	}
	if got := l.Due(epoch); got != nil {
		t.Errorf("Due before all deadlines: got %v", ids(got))
	}
	if got, want := ids(l.Due(epoch.Add(2))), []mgmt.ReqID{"2", "0", "3"}; !slices.Equal(got, want) {
		t.Errorf("Due: got %v, want %v", got, want)
	}
}

func TestARequestWaitsUntilEverythingIsSettled(t *testing.T) {
	l := ledger.New[mgmt.NodeName, string](ledger.Limits{})
	r := &request{Key: key("a", "1"), Detail: "detail"}
	l.Open(r)
	if !r.Settled() {
		t.Error("a request that waits for nothing is not settled")
	}
	r.Await("w2")
	r.Await("w1")
	if got, want := r.Awaited(), []mgmt.NodeName{"w1", "w2"}; !slices.Equal(got, want) {
		t.Errorf("Awaited: got %v, want %v", got, want)
	}
	if got := ids(l.Awaiting("w1")); !slices.Equal(got, []mgmt.ReqID{"1"}) {
		t.Errorf("Awaiting: got %v", got)
	}
	r.Settle("w1", mgmt.Result{Node: "w1"})
	r.Settle("w9", mgmt.Result{Node: "w9"}, mgmt.Result{Node: "w8"})
	if r.Settled() || r.Awaits("w1") || !r.Awaits("w2") || len(l.Awaiting("w1")) > 0 {
		t.Errorf("after w1 is settled: waits for %v", r.Awaited())
	}
	r.Settle("w2")
	want := []mgmt.Result{{Node: "w1"}, {Node: "w9"}, {Node: "w8"}}
	if diff := cmp.Diff(want, r.Results); diff != "" || !r.Settled() {
		t.Errorf("settled: %t, results (-want +got):\n%s", r.Settled(), diff)
	}
}

func TestLegsAreFoundUntilTheyAreClosed(t *testing.T) {
	var legs ledger.Legs[string]
	rng := rand.New(rand.NewPCG(1, 2))
	first, second := legs.Open(rng, "first"), legs.Open(rng, "second")
	if leg, ok := legs.Find(first); !ok || leg != "first" {
		t.Errorf("Find: got %q, %t", leg, ok)
	}
	want := []string{"first", "second"}
	if second < first {
		slices.Reverse(want)
	}
	if got := legs.All(); !slices.Equal(got, want) {
		t.Errorf("All: got %v, want %v", got, want)
	}
	legs.Close(first)
	if _, ok := legs.Find(first); ok || legs.Len() != 1 {
		t.Errorf("after Close: found %t, %d legs", ok, legs.Len())
	}
}

// sameTwice draws every number twice.
type sameTwice struct {
	source rand.Source
	drawn  []uint64
	at     int
}

func (s *sameTwice) Uint64() uint64 {
	if s.at < 18 {
		s.drawn = append(s.drawn, s.source.Uint64())
		s.at++
		return s.drawn[s.at-1]
	}
	if s.at < 36 {
		s.at++
		return s.drawn[s.at-19]
	}
	return s.source.Uint64()
}

func TestNoTwoOpenLegsHaveOneID(t *testing.T) {
	var legs ledger.Legs[int]
	rng := rand.New(&sameTwice{source: rand.NewPCG(1, 2)})
	if first, second := legs.Open(rng, 1), legs.Open(rng, 2); first == second {
		t.Errorf("both legs have the ID %s", first)
	}
}
