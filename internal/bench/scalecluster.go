package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// scaleTitle is what the figures of the large cluster begin with.
const scaleTitle = "40 agents (39 of them stand-ins), 20,000 nodes: "

func scaleInstance(i int) mgmt.InstanceName { return mgmt.InstanceName(fmt.Sprintf("sensor-%02d", i)) }

// scaleShare returns the nodes of an instance, as its agent knows them.
func scaleShare(i int) []mgmt.Node {
	nodes := make([]mgmt.Node, scaleNodes)
	for n := range nodes {
		nodes[n] = mgmt.Node{
			Name: mgmt.NodeName(fmt.Sprintf("worker-%02d-%03d", i, n)), Instance: scaleInstance(i), Role: mgmt.Worker, State: mgmt.Running,
		}
	}
	return nodes
}

// scaleConfiguration returns the configuration of a round. Each round changes all
// nodes but those of the first instance.
func scaleConfiguration(round int) client.Configuration {
	c := client.Configuration{ID: fmt.Sprint("round ", round)}
	for i := range scaleAgents {
		c.Instances = append(c.Instances, client.Instance{Name: client.InstanceName(scaleInstance(i)), Host: client.UnknownHost})
		env := map[string]string{"ROUND": fmt.Sprint(round)}
		if i == 0 {
			env = nil
		}
		for _, n := range scaleShare(i) {
			c.Nodes = append(c.Nodes, client.Node{
				Name: client.NodeName(n.Name), Instance: client.InstanceName(n.Instance), Role: client.Worker, State: client.Running,
				Interface: new("af_packet::eth0"), Env: env,
			})
		}
	}
	return c
}

// compareOld returns how long it takes to compare the plans of one instance with
// fingerprints of version 0, as an agent does that adopts processes of an older
// program.
func compareOld() time.Duration {
	c := mgmt.Configuration{ID: "old"}
	for i := range scaleAgents {
		c.Instances = append(c.Instances, mgmt.Instance{Name: scaleInstance(i), Host: mgmt.UnknownHost})
		c.Nodes = append(c.Nodes, scaleShare(i)...)
	}
	const fingerprint = "00000000000000000000000000000000"
	began := time.Now()
	plans := mgmt.PlansOf(c, scaleInstance(0))
	for name := range plans.All() {
		plans.Is(name, fingerprint)
	}
	return time.Since(began)
}

// lasting are goroutines that run on when their agent ends, as processes do.
type lasting struct {
	*goroutines

	mu      sync.Mutex
	started []proc.Record
}

// Adopt finds all nodes that were ever started.
func (l *lasting) Adopt(context.Context) (proc.Adoption, error) {
	return proc.Adoption{Running: l.recorded()}, nil
}

func (l *lasting) recorded() []proc.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.started)
}

func (l *lasting) Start(spec proc.Spec) error {
	l.mu.Lock()
	l.started = append(l.started, proc.Record{
		Name: spec.Name, Launch: spec.Launch, PID: len(l.started) + 1, Fingerprint: spec.Fingerprint, Started: time.Now(),
	})
	l.mu.Unlock()
	return l.goroutines.Start(spec)
}

// Run waits for the end of the agent. The nodes run elsewhere.
func (l *lasting) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
