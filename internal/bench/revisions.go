package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"runtime"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// manyRevisions is how many revisions a controller describes.
const manyRevisions = 10_000

// revisions measures a controller with as many revisions as it describes: how long it
// takes to start, to save one more, to list them, and to read one.
func revisions(ctx context.Context, dir string) ([]figure, error) {
	past := newPast()
	for range manyRevisions {
		past.deploy()
	}
	// The core alone: what it decides and encodes for one more.
	saves := make([]time.Duration, 0, 100)
	for range cap(saves) {
		began := time.Now()
		past.deploy()
		saves = append(saves, time.Since(began))
	}
	figures := []figure{atMost("10,000 revisions: one more is deployed, the core alone, p50", ms(quantile(saves, 0.5)), "ms", 20)}

	path := filepath.Join(dir, "revisions.db")
	if err := past.keep(ctx, path); err != nil {
		return nil, err
	}
	was, began := heap(), time.Now()
	st, err := boltstore.Open(ctx, path, boltstore.Config{})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	c := daemon.NewController(daemon.ControllerConfig{Store: st})
	life, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(life) }()
	defer func() { end(); <-ended }()
	if _, err := c.Snapshot(ctx); err != nil {
		return nil, err
	}
	figures = append(figures,
		atMost("10,000 revisions: the controller starts", ms(time.Since(began)), "ms", 1000),
		atMost("10,000 revisions: memory", float64(heap()-was)/(1<<20), "MiB", 10))
	more, err := asked(ctx, c)
	return append(figures, more...), err
}

// asked measures what users ask for.
func asked(ctx context.Context, c *daemon.Controller) ([]figure, error) {
	user := mgmt.Principal{Name: "ann", Role: mgmt.Operator}
	var lists, snapshots, reads, stages []time.Duration
	for i := range 20 {
		began := time.Now()
		answer, err := c.Submit(ctx, user, mgmt.GetHistoryRequest{ReqID: "h"})
		if err != nil || !answer.Outcomes()[0].Success {
			return nil, fmt.Errorf("get history: %v", err)
		}
		lists = append(lists, time.Since(began))
		began = time.Now()
		snap, err := c.Snapshot(ctx)
		if err != nil || len(snap.History) != manyRevisions {
			return nil, errors.Join(errors.New("the history is not complete"), err)
		}
		snapshots = append(snapshots, time.Since(began))
		began = time.Now()
		if _, err := c.Revision(ctx, snap.History[manyRevisions-1-i*40].Revision); err != nil {
			return nil, err
		}
		reads = append(reads, time.Since(began))
		began = time.Now()
		if answer, err = c.Submit(ctx, user, mgmt.StageConfigurationRequest{ReqID: "s", Config: snap.Deployed.Config}); err != nil || !answer.Outcomes()[0].Success {
			return nil, fmt.Errorf("stage: %v", err)
		}
		stages = append(stages, time.Since(began))
	}
	return []figure{
		atMost("10,000 revisions: history over the WebSocket, without the network, p50", ms(quantile(lists, 0.5)), "ms", 50),
		atMost("10,000 revisions: history over HTTP, without the network, p50", ms(quantile(snapshots, 0.5)), "ms", 50),
		atMost("10,000 revisions: an earlier one is read, p50", ms(quantile(reads, 0.5)), "ms", 50),
		atMost("10,000 revisions: a configuration is staged and synced, p50", ms(quantile(stages, 0.5)), "ms", 50),
	}, nil
}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// pastCluster makes revisions: its agent does all that it is told.
type pastCluster struct {
	core   *controller.Machine
	values map[string][]byte
	now    time.Time
	made   int
}

// newPast returns a cluster of which nothing is deployed yet.
func newPast() *pastCluster {
	past := &pastCluster{values: map[string][]byte{}, now: time.Now()}
	past.core = controller.New(controller.Config{}, controller.State{}, rand.New(rand.NewPCG(1, 2)))
	past.step(controller.PeerAdded{Peer: "sensor", Addr: netip.MustParseAddrPort("192.0.2.1:40000")})
	past.step(controller.FromAgent{Peer: "sensor", Instance: "sensor", Msg: mgmt.NotifyAgentHello{Instance: "sensor", ID: "sensor", APIVersion: mgmt.APIVersion}})
	return past
}

// deploy deploys one more configuration of forty nodes.
func (p *pastCluster) deploy() {
	p.made++
	p.now = p.now.Add(time.Minute)
	config := mgmt.Configuration{ID: fmt.Sprintf("configuration %d", p.made), Instances: []mgmt.Instance{{Name: "sensor", Host: mgmt.UnknownHost}}}
	for i := range 40 {
		config.Nodes = append(config.Nodes, mgmt.Node{
			Name: mgmt.NodeName(fmt.Sprintf("worker-%d", i)), Instance: "sensor", Role: mgmt.Worker, State: mgmt.Running,
			Interface: new("af_packet::eth0"), Env: map[string]string{"ROUND": fmt.Sprint(p.made)},
		})
	}
	p.step(controller.FromClient{Client: "ann", Principal: mgmt.Principal{Name: "ann", Role: mgmt.Operator}, Msg: mgmt.ChangeRequest{
		ReqID: "c", Config: config, Note: fmt.Sprintf("what was changed in round %d", p.made),
	}})
}

func (p *pastCluster) step(ev controller.Event) {
	for queue := []controller.Event{ev}; len(queue) > 0; queue = queue[1:] {
		for _, e := range p.core.Step(p.now, queue[0]) {
			switch e := e.(type) {
			case controller.Save:
				for _, c := range e.Changes {
					if p.values[c.Key] = c.Value; c.Value == nil {
						delete(p.values, c.Key)
					}
				}
				queue = append([]controller.Event{queue[0], controller.Saved{}}, queue[1:]...)
			case controller.ToAgent:
				if request, ok := e.Msg.(mgmt.Request); ok {
					queue = append(queue, controller.FromAgent{Peer: e.Peer, Instance: e.Instance, Msg: obeyed(request)})
				}
			}
		}
	}
}

func obeyed(request mgmt.Request) mgmt.Message {
	results := []mgmt.Result{{Success: true}}
	if deploy, ok := request.(mgmt.AgentDeployRequest); ok {
		results = nil
		for _, n := range deploy.Config.Nodes {
			results = append(results, mgmt.Result{Success: true, Node: n.Name})
		}
	}
	return request.Answer(request.RequestID(), results...)
}

// keep writes the state into a file.
func (p *pastCluster) keep(ctx context.Context, path string) error {
	st, err := boltstore.Open(ctx, path, boltstore.Config{})
	if err != nil {
		return err
	}
	var changes []store.Change
	for key, value := range p.values {
		changes = append(changes, store.Change{Key: key, Value: value})
	}
	_, err = st.Save(ctx, changes, 0)
	return errors.Join(err, st.Close())
}
