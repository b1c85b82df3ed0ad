package agent_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func stats(id mgmt.ReqID) mgmt.AgentDispatchRequest {
	return mgmt.AgentDispatchRequest{ReqID: id, Action: []string{"get_stats"}}
}

func announce(peer mgmt.PeerID, node mgmt.NodeName, dispatches ...string) agent.Event {
	return agent.FromNode{Peer: peer, Msg: mgmt.NotifyDispatches{Node: node, Dispatches: dispatches}}
}

func TestNodesAreNotAskedForWhatTheyAnnouncedNotToHave(t *testing.T) {
	w := running(t, agent.Config{}, nodes("new", "old", "silent")...)
	w.step(announce("new#1", "new", "get_id_value", "get_stats"))
	w.step(announce("old#2", "old", "get_id_value"))
	w.ask(stats("q1"))
	w.run(0)
	w.expect(`
		0s ask [new#1 silent#3] [get_stats] of []
		0s answer dispatch q1: [new ok "new", old failed (dispatch get_stats unknown), silent ok "silent"]
	`)
}

func TestAnnouncementsOfOthersDispatchesAreIgnored(t *testing.T) {
	for name, ev := range map[string]agent.Event{
		"another node's":          announce("a#1", "b", "get_id_value"),
		"one before the hello":    announce("stranger", "a", "get_id_value"),
		"one of no peer there is": announce("nobody", "a", "get_id_value"),
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, agent.Config{}, nodes("a", "b")...)
			w.step(agent.PeerAdded{Peer: "stranger"})
			w.skip()
			w.step(ev)
			w.ask(stats("q1"))
			w.run(0)
			w.expect(`
				0s ask [a#1 b#2] [get_stats] of []
				0s answer dispatch q1: [a ok "a", b ok "b"]
			`)
		})
	}
}

func TestAnnouncementIsForgottenWithItsPeering(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.step(announce("worker#1", "worker", "get_id_value"))
	w.kill("worker")
	w.run(2 * time.Second)
	w.skip()
	w.ask(stats("q1"))
	if !slices.ContainsFunc(w.trace, func(line string) bool { return strings.Contains(line, "ask [worker#2]") }) {
		t.Errorf("got %q", w.trace)
	}
}

func TestAnnouncementsAreKeptUpToTheLimits(t *testing.T) {
	cfg := agent.Config{MaxDispatches: 2, MaxDispatchBytes: 3}
	for name, tt := range map[string]struct {
		announced []string
		kept      bool // the last of them
	}{
		"as many as there may be":  {[]string{"a", "b"}, true},
		"one more":                 {[]string{"a", "b", "c"}, false},
		"as long a name as may be": {[]string{"abc"}, true},
		"one byte more":            {[]string{"abcd"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, cfg, nodes("worker")...)
			w.step(announce("worker#1", "worker", tt.announced...))
			w.ask(mgmt.AgentDispatchRequest{ReqID: "q1", Action: tt.announced[len(tt.announced)-1:]})
			asked := slices.ContainsFunc(w.trace, func(line string) bool { return strings.Contains(line, "ask [worker#1]") })
			if asked != tt.kept {
				t.Errorf("node asked: %t, want %t; got %q", asked, tt.kept, w.trace)
			}
		})
	}
}

func TestAnnouncementsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 101)
	many := append(slices.Repeat([]string{"get_id_value"}, 100), "get_stats")
	for name, dispatches := range map[string][]string{"too long a name": {long}, "too many": many} {
		t.Run(name, func(t *testing.T) {
			w := running(t, agent.Config{}, nodes("worker")...)
			w.step(announce("worker#1", "worker", dispatches...))
			last := dispatches[len(dispatches)-1]
			w.ask(mgmt.AgentDispatchRequest{ReqID: "q1", Action: []string{last}})
			want := "0s    answer dispatch q1: [worker failed (dispatch " + last[:min(len(last), 100)] + " unknown)]"
			if !slices.Contains(w.trace, want) {
				t.Errorf("got %q, want %q among it", w.trace, want)
			}
		})
	}
}
