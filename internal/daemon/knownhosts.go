package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// knownHosts keeps what agents have told about their hosts. An agent is asked when it joins,
// when a node of it starts to run, and when somebody wants to know the newest.
type knownHosts struct {
	wake chan struct{}

	mu    sync.Mutex
	stale map[mgmt.InstanceName]bool
	hosts map[mgmt.InstanceName]mgmt.HostReport
}

// The bounds of knownHosts.
const (
	hostsKept     = 10_000
	hostsAtOnce   = 16              // agents that are asked at a time
	hostsTimeout  = 5 * time.Second // for the answer of one agent
	hostsDelay    = time.Second     // from a change to the question: more nodes may start
	maxHostFacts  = 2 << 20         // bytes
	maxHostText   = 1 << 10         // bytes of each text
	maxHostValues = 50_000          // JSON values: ten for each node of an agent's nodeBook, and the host's
)

func newKnownHosts() *knownHosts {
	return &knownHosts{
		wake: make(chan struct{}, 1), stale: map[mgmt.InstanceName]bool{}, hosts: map[mgmt.InstanceName]mgmt.HostReport{},
	}
}

// changed says that an agent has something new to tell.
func (k *knownHosts) changed(instance mgmt.InstanceName) {
	k.mu.Lock()
	if len(k.stale) < hostsKept {
		k.stale[instance] = true
	}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// follow asks the agents that have changed, until ctx is done.
func (k *knownHosts) follow(ctx context.Context, ask func(context.Context, mgmt.InstanceName)) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-k.wake:
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(hostsDelay):
		}
		k.mu.Lock()
		changed := slices.Sorted(maps.Keys(k.stale))
		clear(k.stale)
		k.mu.Unlock()
		eachAtOnce(changed, hostsAtOnce, func(instance mgmt.InstanceName) { ask(ctx, instance) })
	}
}

// eachAtOnce calls do for each item, for some of them at a time, and returns when all calls
// have.
func eachAtOnce[T any](items []T, most int, do func(T)) {
	var all sync.WaitGroup
	turns := make(chan struct{}, most)
	for _, item := range items {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			do(item)
		})
	}
	all.Wait()
}

// told notes what an agent has told, or why it has not.
func (k *knownHosts) told(instance mgmt.InstanceName, facts *mgmt.HostFacts, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	host, known := k.hosts[instance]
	if !known && len(k.hosts) >= hostsKept {
		return
	}
	host.Instance, host.Err = instance, ""
	if err != nil {
		host.Err = err.Error()
	} else {
		host.Facts, host.Heard = facts, time.Now()
	}
	k.hosts[instance] = host
}

// read returns what is known of the instances of a snapshot. It forgets all others.
func (k *knownHosts) read(snap *mgmt.Snapshot) []mgmt.HostReport {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.hosts, func(name mgmt.InstanceName, _ mgmt.HostReport) bool { return snap.Instance(name) == nil })
	list := make([]mgmt.HostReport, 0, len(snap.Instances))
	for _, in := range snap.Instances {
		host := k.hosts[in.Name]
		host.Instance, host.Present = in.Name, in.Peer != ""
		if !host.Present {
			host.Err = fmt.Sprintf("the agent of instance %s is not connected", in.Name)
		}
		list = append(list, host)
	}
	return list
}

// askHost asks an agent about its host.
func (c *Controller) askHost(ctx context.Context, instance mgmt.InstanceName) {
	ctx, cancel := context.WithTimeoutCause(ctx, hostsTimeout, fmt.Errorf("instance %s did not answer within %v", instance, hostsTimeout))
	defer cancel()
	var facts mgmt.HostFacts
	s, err := c.stream(ctx, forUsers, instance, mgmt.StreamHost, nil)
	if err == nil {
		facts, err = readHost(s)
	}
	if known, ok := errors.AsType[*mgmt.StreamError](err); ok && known.Code == mgmt.StreamNotFound {
		return // there is no such instance
	}
	c.port.hosts.told(instance, &facts, err)
}

// readHost reads what an agent tells of its host, and closes the stream. An agent that was
// taken over can tell anything.
func readHost(s io.ReadCloser) (facts mgmt.HostFacts, err error) {
	defer s.Close()
	text, err := io.ReadAll(io.LimitReader(s, maxHostFacts+1))
	switch {
	case err != nil:
		return facts, err
	case len(text) > maxHostFacts:
		return facts, errors.New("the agent's answer is too long")
	}
	if err := mgmt.ReadJSON(text, maxHostValues, &facts); err != nil {
		return mgmt.HostFacts{}, fmt.Errorf("the agent's answer is not understood: %v", err)
	}
	facts.Cut(maxHostText)
	return facts, nil
}

// Hosts returns what is known of the hosts of all instances, sorted by name. With fresh, the
// agents that are connected are asked first. Any goroutine may call it while Run runs.
func (c *Controller) Hosts(ctx context.Context, who mgmt.Principal, fresh bool) ([]mgmt.HostReport, error) {
	row, _ := access.StreamRow(mgmt.StreamHost)
	if why := c.cfg.forbids(who, row, ""); why != "" {
		return nil, &mgmt.StreamError{Code: mgmt.StreamForbidden, Text: why}
	}
	snap, err := c.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if fresh {
		var present []mgmt.InstanceName
		for _, in := range snap.Instances {
			if in.Peer != "" {
				present = append(present, in.Name)
			}
		}
		eachAtOnce(present, hostsAtOnce, func(instance mgmt.InstanceName) { c.askHost(ctx, instance) })
	}
	return c.port.hosts.read(snap), nil
}
