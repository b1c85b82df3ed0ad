package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

const (
	idleNodes = 20
	idleTime  = 30 * time.Second
)

// sampling measures what samples cost while nothing else happens: the processors that an
// agent with twenty nodes and its controller use, and the memory of a day of samples.
func sampling(ctx context.Context, dir string) ([]figure, error) {
	used, err := idleProcessors(ctx, dir, "embedded", func(ctx context.Context, dir, name string) (*processes, error) {
		return startDaemons(ctx, dir, name, embeddedNodes)
	})
	return append(idleMemory(), used...), err
}

func idleProcessors(
	ctx context.Context, dir, kind string, start func(context.Context, string, string) (*processes, error),
) (figures []figure, err error) {
	p, err := start(ctx, dir, "idle-"+kind[:1])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	roles := map[client.NodeName]client.ClusterRole{"manager": client.Manager}
	for i := range idleNodes - 1 {
		roles[client.NodeName(fmt.Sprintf("worker-%d", i))] = client.Worker
	}
	config, err := portNodes("idle", roles)
	if err != nil {
		return nil, err
	}
	if err := deploy(ctx, p.client, config); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(3 * mgmt.SampleInterval): // what starts is not idle
	}
	used := func(r *running) (uint64, error) {
		s, err := procfs.Root.Stat(r.cmd.Process.Pid)
		return s.Used, err
	}
	agent, err1 := used(p.agent)
	controller, err2 := used(p.controller)
	began := time.Now()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(idleTime):
	}
	agentThen, err3 := used(p.agent)
	controllerThen, err4 := used(p.controller)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	share := func(ticks uint64) float64 {
		return 100 * float64(ticks) / procfs.TicksPerSecond / time.Since(began).Seconds()
	}
	title := fmt.Sprintf("idle, %d nodes, %s: ", idleNodes, kind)
	return []figure{
		atMost(title+"processor of the agent", share(agentThen-agent), "%", 0.5),
		{what: title + "processor of the controller", value: share(controllerThen - controller), unit: "%"},
	}, nil
}

// idleMemory returns the memory of a day of samples of 100 nodes and 20 interfaces on five
// hosts, all of whose figures are noisy.
func idleMemory() []figure {
	const hosts, nodes, interfaces = 5, 20, 4
	rng := rand.New(rand.NewPCG(1, 2))
	noisy := func(v float64) float64 { return max(0, v*(1+rng.NormFloat64()/10)) }
	before := heapInUse()
	store := samples.New(samples.Config{})
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var received [hosts][nodes + interfaces]uint64
	for range 25 * int(time.Hour/mgmt.SampleInterval) {
		at = at.Add(mgmt.SampleInterval)
		for h := range hosts {
			s := &mgmt.HostSample{Time: at, CPUs: 32, Busy: noisy(10), Memory: mgmt.Memory{Total: 128 << 30, Available: uint64(noisy(64 << 30))}}
			for i := range nodes + interfaces {
				received[h][i] += uint64(noisy(400_000))
				packets := received[h][i]
				if i >= nodes {
					s.Interfaces = append(s.Interfaces, mgmt.InterfaceSample{Name: fmt.Sprintf("eth%d", i), Up: true, Packets: packets, Bytes: 700 * packets})
					continue
				}
				s.Nodes = append(s.Nodes, mgmt.NodeSample{
					Node: mgmt.NodeName(fmt.Sprintf("worker-%d", i)), PID: 1, CPU: noisy(0.6), Memory: 800<<20 + rng.Uint64N(4<<20),
					Zeek: &mgmt.ZeekSample{Time: at, Received: packets, Bytes: 700 * packets, Dispatched: packets / 20, Lag: new(noisy(0.01))},
				})
			}
			store.Take(at, mgmt.InstanceName(fmt.Sprintf("sensor-%d", h)), s)
		}
	}
	used := heapInUse() - before
	runtime.KeepAlive(store)
	return []figure{atMost("memory of a day of samples of 100 nodes", float64(used)/(1<<20), "MB", 1)}
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
