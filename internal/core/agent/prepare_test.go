package agent_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// prepare asks whether these nodes could be deployed: within 5 s, of 10 s for
// all of it.
func (w *world) prepare(id mgmt.ReqID, nodes ...mgmt.Node) {
	w.t.Helper()
	w.ask(mgmt.AgentPrepareRequest{ReqID: id, Config: configuration(nodes...), Look: 5 * time.Second, Whole: 10 * time.Second})
}

func TestWhatWasPreparedIsDeployedWithoutAnotherLook(t *testing.T) {
	w := running(t, looking, nodes("worker")...)
	saved := w.saved
	w.sight.after = time.Second
	w.prepare("p", changed(node("worker")))
	w.run(2 * time.Second)
	w.expect(`
		0s look at [worker]
		1s answer prepare p: [ok]
	`)
	if diff := cmp.Diff(saved, w.saved, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("what is saved has changed:\n%s", diff)
	}
	w.fates["worker"] = fate{mute: true}
	w.deploy("d", changed(node("worker")))
	w.run(time.Minute)
	w.expect(`
		2s save 1 nodes
		2s worker: RUNNING to PENDING
		2s stop worker
		2s start worker
		10s answer deploy d: [worker failed (cluster node worker still starting)]
		1m2s log node worker still starting after 1m0s
	`)
}

func TestPreparationWithFindingsChangesNothing(t *testing.T) {
	w := running(t, looking, nodes("worker")...)
	w.sight.findings = []mgmt.Finding{{Problem: "no room"}, {Node: "worker", Problem: "port is taken"}}
	w.prepare("p", changed(node("worker")))
	w.run(time.Minute)
	w.expect(`
		0s look at [worker]
		0s answer prepare p: [failed (preflight failed, nothing was changed; node worker: port is taken), failed (no room), worker failed (port is taken)]
	`)
	w.deploy("d", changed(node("worker")))
	w.run(time.Minute)
	w.expect(`
		1m0s look at [worker]
		1m0s answer deploy d: [failed (preflight failed, nothing was changed; node worker: port is taken), failed (no room), worker failed (port is taken)]
	`)
}

func TestPreparationOfWhatNeedsNoLookIsAnsweredAtOnce(t *testing.T) {
	for name, ask := range map[string]func(*world){
		"the same again":             func(w *world) { w.prepare("p", nodes("worker")...) },
		"nothing at all":             func(w *world) { w.prepare("p") },
		"where nothing is looked at": func(w *world) { w.boot(agent.Config{}); w.skip(); w.prepare("p", changed(node("worker"))) },
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, looking, nodes("worker")...)
			ask(w)
			w.expect("0s answer prepare p: [ok]")
		})
	}
}

func TestPreparationThatIsNoConfigurationForAnyAgent(t *testing.T) {
	w := running(t, looking, nodes("worker")...)
	w.prepare("p", node("w"), node("w"))
	w.expect("0s answer prepare p: [failed (multiple nodes named 'w')]")
}

func TestPreparationIsAnsweredWithinTheTimeThatWasGiven(t *testing.T) {
	w := newWorld(t, strict)
	w.sight.blind = true
	w.prepare("p", nodes("worker")...)
	w.run(time.Minute)
	w.expect(`
		0s look at [worker]
		5s answer prepare p: [failed (preflight took too long, nothing was changed)]
	`)
	w.ask(mgmt.AgentPrepareRequest{ReqID: "for ever", Config: configuration(nodes("worker")...), Look: 1000 * time.Hour})
	w.run(time.Hour)
	w.expect(`
		1m0s look at [worker]
		11m0s answer prepare for ever: [failed (preflight took too long, nothing was changed)]
	`)
}

func TestPreparationThatIsNotFinishedInTimeIsNoObstacle(t *testing.T) {
	w := newWorld(t, looking)
	w.sight.blind = true
	w.prepare("p", nodes("worker")...)
	w.run(time.Minute)
	w.expect(`
		0s look at [worker]
		4.75s log deployment p goes on without a complete preflight of node worker, which was not finished in time
		4.75s answer prepare p: [ok]
	`)
}

func TestPreparationCountsForItsOwnDeploymentAlone(t *testing.T) {
	worker := changed(node("worker"))
	for name, before := range map[string]func(*world){
		"of another configuration": func(w *world) { w.prepare("p", node("worker"), node("logger")) },
		"too long ago": func(w *world) {
			w.prepare("p", worker)
			w.run(31 * time.Second)
		},
		"of another controller": func(w *world) {
			w.step(agent.PeerAdded{Peer: "other"})
			w.step(agent.FromController{Peer: "other", Msg: mgmt.AgentPrepareRequest{
				ReqID: "p", Config: configuration(worker), Look: time.Second, Whole: time.Second}})
			w.run(time.Second)
			w.step(agent.PeerAdded{Peer: controller})
		},
		"before another one that failed": func(w *world) {
			w.prepare("p", worker)
			w.run(time.Second)
			w.sight.findings = refusals
			w.prepare("q", worker)
		},
		"before another deployment": func(w *world) {
			w.prepare("p", worker)
			w.run(time.Second)
			w.deploy("d", node("worker"))
		},
		"before its connection was lost": func(w *world) {
			w.prepare("p", worker)
			w.run(time.Second)
			w.step(agent.PeerLost{Peer: controller})
			w.step(agent.PeerAdded{Peer: controller})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, looking, nodes("worker")...)
			before(w)
			w.run(time.Second)
			w.sight, w.trace = sight{}, nil
			w.epoch = w.now
			w.deploy("d", worker)
			if len(w.trace) == 0 || w.trace[0] != "0s    look at [worker]" {
				t.Errorf("deployed without a look: %q", w.trace)
			}
		})
	}
}

func TestDeploymentSupersedesAPreparation(t *testing.T) {
	w := newWorld(t, looking)
	w.sight.after = time.Second
	w.step(agent.PeerAdded{Peer: controller, Fleet: true})
	w.skip()
	w.prepare("p", nodes("worker")...)
	w.deploy("d", nodes("worker")...)
	w.run(10 * time.Second)
	w.expect(`
		0s look at [worker]
		0s answer prepare p: [failed (superseded by deployment d)]
		0s look at [worker]
		1s save 1 nodes
		1s worker: STOPPED to PENDING
		1s start worker
		1s hello host to worker#1
		1s worker: PENDING to RUNNING
		1s answer deploy d: [worker ok]
	`)
}

func TestPreparationCountsForHalfAMinute(t *testing.T) {
	worker := changed(node("worker"))
	w := running(t, looking, nodes("worker")...)
	w.prepare("p", worker)
	w.run(30 * time.Second)
	w.skip()
	w.deploy("d", worker)
	if len(w.trace) == 0 || w.trace[0] != "30s   save 1 nodes" {
		t.Errorf("not deployed without another look: %q", w.trace)
	}
}
