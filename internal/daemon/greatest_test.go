package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// greatest returns a configuration with as many nodes as there may be, on one
// instance. Each round changes every node.
func greatest(round int) mgmt.Configuration {
	c := mgmt.Configuration{ID: fmt.Sprint("round ", round), Instances: []mgmt.Instance{{Name: "sensor", Host: mgmt.UnknownHost}}}
	for i := range mgmt.DefaultMaxNodes {
		c.Nodes = append(c.Nodes, mgmt.Node{
			Name: mgmt.NodeName(fmt.Sprintf("worker-%05d", i)), Instance: "sensor", Role: mgmt.Worker, State: mgmt.Running,
			Interface: new("af_packet::eth0"), CPUAffinity: new(int64(i % 64)), Env: map[string]string{"ROUND": fmt.Sprint(round)},
		})
	}
	return c
}

// A configuration of the greatest size is staged, deployed, changed and, after a
// restart, there again. The history keeps as many as its bytes allow.
func TestTheGreatestConfigurationsAreKept(t *testing.T) {
	st, err := boltstore.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), boltstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	const rounds, room = 3, 4 << 20
	live := func(ask func(c *daemon.Controller)) {
		broker := listen(t)
		c := daemon.NewController(daemon.ControllerConfig{
			Core: controller.Config{HistoryBytes: room}, Store: st, Broker: broker, SaveTimeout: time.Minute,
		})
		cluster := &testCluster{t: t, peers: broker.Addr().String()}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		cluster.obedientAgent("sensor")
		ask(c)
		end()
		<-done
	}
	live(func(c *daemon.Controller) {
		for round := range rounds {
			if r := outcome(t, c, ann, mgmt.StageConfigurationRequest{ReqID: "s", Config: greatest(round)}); !r.Success {
				t.Fatalf("round %d is not staged: %+v", round, r)
			}
			answer, err := c.Submit(t.Context(), ann, mgmt.StagedDeployRequest{ReqID: "d", Patience: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			results := answer.Outcomes()
			if last := results[len(results)-1]; !last.Success {
				t.Fatalf("round %d is not deployed: %+v", round, last)
			}
		}
	})
	live(func(c *daemon.Controller) {
		snap, err := c.Snapshot(t.Context())
		if err != nil || snap.Deployed == nil || len(snap.Deployed.Config.Nodes) != mgmt.DefaultMaxNodes {
			t.Fatalf("after the restart: %v", err)
		}
		kept, bytes := 0, 0
		for _, past := range snap.History {
			revision, err := c.Revision(t.Context(), past.Revision)
			if _, missing := errors.AsType[*mgmt.NoRevisionError](err); missing == past.Kept {
				t.Errorf("revision %d: %+v, %v", past.Revision, past, err)
			}
			if past.Kept {
				kept++
				bytes += past.Bytes
				if revision.Config.ID != past.ID || len(revision.Config.Nodes) != past.Nodes {
					t.Errorf("revision %d has configuration %s with %d nodes", past.Revision, revision.Config.ID, len(revision.Config.Nodes))
				}
			}
		}
		if kept == 0 || kept >= rounds-1 || bytes > room || len(snap.History) != rounds-1 {
			t.Errorf("the history has %d revisions, and %d configurations with %d bytes", len(snap.History), kept, bytes)
		}
	})
}
