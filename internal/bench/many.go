package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/joined"
)

// manyAgents is the number of agents of the figure many, and someAgents that of a quicker one.
const manyAgents, someAgents = 10_000, 1_000

func newMultitude(n int, dir string) *multitude {
	return &multitude{dir: filepath.Join(dir, fmt.Sprint("many-", n)), agents: n, program: filepath.Join(dir, "zeekfleet")}
}

// measure makes all measurements. One that fails is a figure that says why.
func (m *multitude) measure(ctx context.Context) ([]figure, error) {
	defer m.stop()
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return nil, err
	}
	if err := m.lay(ctx); err != nil {
		return nil, err
	}
	for i := range manyControllers {
		h, err := newHub(m.dir, i+1)
		if err != nil {
			return nil, err
		}
		m.hubs = append(m.hubs, h)
	}
	for _, part := range []func(context.Context) error{m.enrolAll, m.begin, m.startAgents} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	for _, part := range []func(context.Context) error{
		m.connect, m.resting, m.requests, m.joinMore, m.deploy, m.failover, m.reconnection, m.storm, m.remarks,
	} {
		if err := part(ctx); err != nil {
			m.miss(err) // the others are measured nevertheless
		}
		if ctx.Err() != nil {
			break
		}
	}
	return m.figures, nil
}

// miss adds a figure that was not reached.
func (m *multitude) miss(err error) {
	text := oneLine(err.Error())
	m.figures = append(m.figures, figure{what: fmt.Sprintf("%s agents", thousands(int64(m.agents))), missing: text})
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), text)
}

// leader returns the controller that leads, as those say that run.
func (m *multitude) leader(ctx context.Context) (*hub, error) {
	var err error
	for _, h := range m.hubs {
		if h.cmd == nil {
			continue
		}
		var list api.Controllers
		list, err = h.api.Controllers(ctx)
		for _, one := range m.hubs {
			if err == nil && one.name == list.Leader && one.cmd != nil {
				return one, nil
			}
		}
	}
	return nil, errors.Join(errors.New("no controller leads"), err)
}

// ready returns how many agents the controller that leads knows and, after the deployment, can
// give orders to.
func (m *multitude) ready(ctx context.Context) (int, error) {
	h, err := m.leader(ctx)
	if err != nil {
		return 0, err
	}
	s, err := h.api.Status(ctx)
	if !m.deployed {
		return s.Instances.Total - s.Instances.Absent, err
	}
	return s.Instances.Ready, err
}

// manyDeployed is the number of instances in the configuration that is deployed. Each agent gets
// the whole of it, so ten times as many instances are a hundred times as many bytes.
const manyDeployed = 1_000

// deploy deploys a configuration with instances, which have no nodes.
func (m *multitude) deploy(ctx context.Context) error {
	leader, err := m.leader(ctx)
	if err != nil {
		return err
	}
	c, err := client.Dial(ctx, client.Config{Address: leader.clients(), RequestTimeout: 2 * time.Minute})
	if err != nil {
		return err
	}
	defer c.Close()
	config := client.Configuration{ID: "many"}
	some := min(m.agents, manyDeployed)
	for i := range some {
		config.Instances = append(config.Instances, client.Instance{Name: client.InstanceName(manyName(i)), Host: client.UnknownHost})
	}
	began := time.Now()
	if err := deploy(ctx, c, config); err != nil {
		return err
	}
	m.deployed = some == m.agents
	m.add(fmt.Sprintf("a deployment to %s of them", thousands(int64(some))), time.Since(began).Seconds(), "s")
	return nil
}

// manyName is the name of an instance.
func manyName(n int) string { return fmt.Sprintf("sensor-%05d", n) }

// allThere waits until the controllers that run have all agents. Each of the times is that
// since began.
func (m *multitude) allThere(ctx context.Context, what string, began time.Time) error {
	var waits sync.WaitGroup
	errs := make([]error, len(m.hubs)+1)
	var last atomic.Int64
	for i, h := range m.hubs {
		if h.cmd == nil {
			continue
		}
		waits.Go(func() {
			errs[i] = m.await(ctx, what+": all agents are connected with "+h.name, func() (bool, error) {
				n, err := h.peers(ctx)
				time.Sleep(400 * time.Millisecond)
				return n >= m.agents, err
			})
			last.Store(max(last.Load(), int64(time.Since(began))))
		})
	}
	var ready time.Duration
	waits.Go(func() {
		errs[len(m.hubs)] = m.await(ctx, what+": all agents are ready", func() (bool, error) {
			n, err := m.ready(ctx)
			time.Sleep(400 * time.Millisecond)
			return n >= m.agents, err
		})
		ready = time.Since(began)
	})
	waits.Wait()
	if err := errors.Join(errs[:len(m.hubs)]...); err == nil {
		m.add(what+": until all are connected with all controllers", time.Duration(last.Load()).Seconds(), "s")
	}
	if errs[len(m.hubs)] == nil {
		m.add(what+": until the controller that leads has all of them ready", ready.Seconds(), "s")
	}
	return errors.Join(errs...)
}

// connect waits for all agents, which have started at once.
func (m *multitude) connect(ctx context.Context) error {
	err := m.allThere(ctx, "all start at once", m.started)
	m.addBusy("all start at once", m.busyAtFirst)
	return err
}

// busy returns the processor time that each controller, by name, and all agents have used.
func (m *multitude) busy() map[string]time.Duration {
	all := map[string]time.Duration{"agents": m.usedByAgents()}
	for _, h := range m.hubs {
		if h.cmd != nil {
			all[h.name] = used(h.cmd)
		}
	}
	return all
}

func (m *multitude) addBusy(what string, before map[string]time.Duration) {
	now := m.busy()
	for _, who := range slices.Sorted(maps.Keys(now)) {
		m.add(what+": processor time of "+who, (now[who] - before[who]).Seconds(), "s")
	}
}

// manyRest is the time over which idle processors are measured.
const manyRest = 20 * time.Second

// resting measures what everything needs while nothing happens.
func (m *multitude) resting(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(30 * time.Second): // what starts is not idle
	}
	leader, err := m.leader(ctx)
	if err != nil {
		return err
	}
	before, began := m.busy(), time.Now()
	time.Sleep(manyRest)
	after, took := m.busy(), time.Since(began)
	for _, h := range m.hubs {
		role := h.name + ", which follows"
		if h == leader {
			role = h.name + ", which leads"
		}
		m.add("idle: "+role+", processor", 100*(after[h.name]-before[h.name]).Seconds()/took.Seconds(), "%")
		for _, f := range []struct {
			name, what, unit string
			scale            float64
		}{
			{"process_resident_memory_bytes", "resident memory", "MB", 1e-6}, {"go_heap_objects_bytes", "heap", "MB", 1e-6},
			{"go_goroutines", "goroutines", "", 1}, {"process_open_fds", "open files", "", 1},
		} {
			value, err := h.figure(ctx, f.name)
			if err != nil {
				return err
			}
			m.add("idle: "+role+", "+f.what, value*f.scale, f.unit)
		}
	}
	m.add("idle: all agents, processor", 100*(after["agents"]-before["agents"]).Seconds()/took.Seconds(), "%")
	var memory float64
	goroutines := 0
	for _, c := range m.crews {
		one, err := (&running{cmd: c.cmd}).resident()
		if err != nil {
			return err
		}
		memory += one
		goroutines += c.newest.Load().Goroutines
	}
	m.add("memory of an agent, without its program", 1000*memory/float64(m.agents), "kB")
	m.add("goroutines of an agent", float64(goroutines)/float64(m.agents), "")
	return nil
}

// requests measures what lists of all agents take.
func (m *multitude) requests(ctx context.Context) error {
	leader, err := m.leader(ctx)
	if err != nil {
		return err
	}
	follower := m.hubs[0]
	if follower == leader {
		follower = m.hubs[1]
	}
	c, err := client.Dial(ctx, client.Config{Address: leader.clients(), RequestTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer c.Close()
	for _, one := range []struct {
		what string
		ask  func() error
	}{
		{"get_instances", func() error {
			r, err := c.GetInstances(ctx)
			if list, _ := r.Data.(client.Instances); err == nil && len(list) != m.agents {
				err = fmt.Errorf("%d instances", len(list))
			}
			return err
		}},
		{"status over HTTP", func() error { _, err := leader.api.Status(ctx); return err }},
		{"status over HTTP, of a controller that follows", func() error { _, err := follower.api.Status(ctx); return err }},
		{"list of instances over HTTP", func() error { _, err := leader.api.Instances(ctx); return err }},
		{"metrics over HTTP", func() error { _, err := leader.figure(ctx, "zeekfleet_controller_term"); return err }},
		{"zeekfleet status", func() error { return command(ctx, m.program, "status", "--controller", leader.clients()).Run() }},
		{"zeekfleet get-instances", func() error { return command(ctx, m.program, "get-instances", "--controller", leader.clients()).Run() }},
	} {
		took := make([]time.Duration, 0, 11)
		for range cap(took) {
			began := time.Now()
			if err := one.ask(); err != nil {
				return fmt.Errorf("%s: %w", one.what, err)
			}
			took = append(took, time.Since(began))
		}
		m.add(one.what+", p50", ms(quantile(took, 0.5)), "ms")
	}
	return nil
}

// manyJoins is the number of further agents that join over the API. A controller lets a host
// try a few times, and then has it wait.
const manyJoins = 20

// joinMore lets further agents join, which do not run, one after the other.
func (m *multitude) joinMore(ctx context.Context) error {
	leader, err := m.leader(ctx)
	if err != nil {
		return err
	}
	var took []time.Duration
	for n := range manyJoins {
		began := time.Now()
		err := joinOne(ctx, leader, fmt.Sprintf("later-%03d", n))
		if p, ok := errors.AsType[*api.Problem](err); ok && p.Status == http.StatusTooManyRequests && n > 0 {
			break
		}
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	m.add("one more agent joins over the API, with its token, p50", ms(quantile(took, 0.5)), "ms")
	return nil
}

func joinOne(ctx context.Context, h *hub, name string) error {
	token, err := h.api.CreateToken(ctx, api.TokenRequest{Instance: name})
	if err != nil {
		return err
	}
	keys, err := joined.NewPending("", "")
	if err != nil {
		return err
	}
	request, err := keys.Request()
	if err != nil {
		return err
	}
	c, err := api.JoinClient(h.clients(), token.Text)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Join(ctx, api.JoinRequest{Token: token.Text, Key: string(request.Key), NodeKey: string(request.NodeKey)})
	return err
}

// failover kills the controller that leads.
func (m *multitude) failover(ctx context.Context) error {
	leader, err := m.leader(ctx)
	if err != nil {
		return err
	}
	var others []string
	for _, h := range m.hubs {
		if h != leader {
			others = append(others, h.clients())
		}
	}
	asks, err := api.New(api.Config{Address: others[0], Others: others[1:]})
	if err != nil {
		return err
	}
	defer asks.Close()
	term, _ := m.obeying()
	busy, began := m.busy(), time.Now()
	if err := leader.kill(); err != nil {
		return err
	}
	const what = "the controller that leads is killed"
	err = m.await(ctx, "a change is acknowledged", func() (bool, error) {
		_, err := asks.CreateToken(ctx, api.TokenRequest{Instance: "after-the-fault"})
		return err == nil, err
	})
	if err != nil {
		return err
	}
	m.add(what+": until a change is acknowledged", time.Since(began).Seconds(), "s")
	err = m.await(ctx, "all agents obey another controller", func() (bool, error) {
		now, n := m.obeying()
		return now > term && n == m.agents, nil
	})
	if err != nil {
		return err
	}
	m.add(what+": until all agents obey another one", time.Since(began).Seconds(), "s")
	if err := m.allThere(ctx, what, began); err != nil {
		return err
	}
	m.addBusy(what, busy)
	return nil
}

// reconnection starts the controller again that was killed.
func (m *multitude) reconnection(ctx context.Context) error {
	busy, began := m.busy(), time.Now()
	for _, h := range m.hubs {
		if h.cmd == nil {
			if err := h.begin(m.program); err != nil {
				return err
			}
		}
	}
	const what = "a killed controller starts again"
	if err := m.allThere(ctx, what, began); err != nil {
		return err
	}
	m.addBusy(what, busy)
	return nil
}

// storm kills all controllers, and starts them again at once.
func (m *multitude) storm(ctx context.Context) error {
	term, _ := m.obeying()
	dialedBefore, _ := m.dialed()
	agentsBefore := m.usedByAgents()
	began := time.Now()
	for _, h := range m.hubs {
		if h.cmd == nil {
			continue // the measurement before has failed
		}
		if err := h.kill(); err != nil {
			return err
		}
	}
	for _, h := range m.hubs {
		if err := h.begin(m.program); err != nil {
			return err
		}
	}
	const what = "all controllers are killed and start again"
	err := m.await(ctx, "a controller leads", func() (bool, error) {
		_, err := m.leader(ctx)
		return err == nil, err
	})
	if err != nil {
		return err
	}
	m.add(what+": until one leads", time.Since(began).Seconds(), "s")
	there := m.allThere(ctx, what, began)
	for _, h := range m.hubs {
		m.add(what+": processor time of "+h.name, used(h.cmd).Seconds(), "s")
	}
	m.add(what+": processor time of agents", (m.usedByAgents() - agentsBefore).Seconds(), "s")
	dialed, _ := m.dialed()
	m.add(what+": connections that agents tried", float64(dialed-dialedBefore), "")
	now, n := m.obeying()
	if there == nil && (now <= term || n != m.agents) {
		return fmt.Errorf("%d agents obey term %d after term %d", n, now, term)
	}
	return there
}

// remarks says what agents have complained of in all of this.
func (m *multitude) remarks(context.Context) error {
	_, said := m.dialed()
	for _, what := range slices.Sorted(maps.Keys(said)) {
		fmt.Fprintf(os.Stderr, "%6d x %s\n", said[what], what)
	}
	return nil
}
