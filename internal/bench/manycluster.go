package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
)

// manyControllers is the number of controllers, and manyProcesses that of the processes in
// which the agents are.
const manyControllers, manyProcesses = 3, 4

// hub is a controller process. Each has an address of its own, and ports of its own: all of
// them listen at the loopback address, too.
type hub struct {
	number            int
	name, addr, state string
	cmd               *exec.Cmd
	log               string // path
	api               *api.Client
}

func (h *hub) port(usual int) string { return strconv.Itoa(usual + 10*h.number) }
func (h *hub) clients() string       { return h.addr + ":" + h.port(2149) }
func (h *hub) agents() string        { return h.addr + ":" + h.port(2150) }

func newHub(dir string, number int) (*hub, error) {
	h := &hub{number: number, name: fmt.Sprint("c-", number), addr: fmt.Sprint(manyHubs, number)}
	h.state, h.log = filepath.Join(dir, h.name), filepath.Join(dir, h.name+".log")
	var err error
	h.api, err = api.New(api.Config{Address: h.clients(), Timeout: time.Minute})
	return h, err
}

// flags are those of the commands controller and controller join.
func (h *hub) flags(args ...string) []string {
	return append(args, "--name", h.name, "--state-dir", h.state, "--listen-address", h.addr,
		"--listen-port", h.port(2150), "--websocket-port", h.port(2149), "--peer-port", h.port(2152))
}

// begin starts the controller.
func (h *hub) begin(program string) error {
	log, err := os.OpenFile(h.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	h.cmd = exec.Command(program, h.flags("controller", "--cluster")...)
	h.cmd.Stderr = log
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it does not outlive this process
	return h.cmd.Start()
}

// kill ends the controller as a crash does.
func (h *hub) kill() error {
	err := h.cmd.Process.Kill()
	h.cmd.Wait() // says that it was killed
	h.cmd = nil
	return err
}

// figure returns a figure of the controller's metrics.
func (h *hub) figure(ctx context.Context, name string) (float64, error) {
	text, err := h.api.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	defer text.Close()
	all, err := io.ReadAll(text)
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(all)
	if m == nil {
		return 0, nil // a figure that is zero may be left out
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// peers returns how many agents are connected.
func (h *hub) peers(ctx context.Context) (int, error) {
	n, err := h.figure(ctx, `zeekfleet_peers{kind="broker"}`)
	return int(n), err
}

// crew is a process with agents.
type crew struct {
	cmd    *exec.Cmd
	in     io.Closer
	newest atomic.Pointer[manyReport]
}

// newCrew starts a process with agents.
func (m *multitude) newCrew(path string, task manyTask) (*crew, error) {
	text, err := json.Marshal(task)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	line := m.there(m.program, HelperCommand, "many-agents", path)
	c := &crew{cmd: exec.Command(line[0], line[1:]...)}
	c.newest.Store(&manyReport{})
	c.cmd.Stderr = os.Stderr
	out, err1 := c.cmd.StdoutPipe()
	c.in, err = c.cmd.StdinPipe()
	if err := errors.Join(err, err1); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var r manyReport
			if json.Unmarshal(lines.Bytes(), &r) == nil {
				c.newest.Store(&r)
			}
		}
	}()
	return c, nil
}

// multitude is three controllers with many agents.
type multitude struct {
	dir, program string
	agents       int
	deployed     bool // all agents have a configuration
	hubs         []*hub
	crews        []*crew
	joining      []joined.Credentials
	cable        *exec.Cmd // has the network of the agents
	ends         io.Closer // ends it
	figures      []figure
	// started is when the agents were started, and busyAtFirst what busy returned then.
	started     time.Time
	busyAtFirst map[string]time.Duration
}

func (m *multitude) add(what string, value float64, unit string) {
	m.figures = append(m.figures, figure{what: fmt.Sprintf("%s agents: %s", thousands(int64(m.agents)), what), value: value, unit: unit})
	fmt.Fprintf(os.Stderr, "%s  %s: %s %s\n", time.Now().Format(time.TimeOnly), what, number(value), unit)
}

// manyEnrolled are those of the agents that join with tokens. The others get their certificates
// from the key of the authority: the authority looks at all that it knows for each one, so that ten
// thousand would take minutes.
const manyEnrolled = 300

// enrolAll makes the authority of the first controller, which does not run yet, and gives all agents
// keys and certificates of their own. The authority writes its file at the end: waiting for a disk
// hundreds of times says nothing about it.
func (m *multitude) enrolAll(ctx context.Context) (err error) {
	first, kept := m.hubs[0], new(memstore.Store)
	a, err := daemon.OpenAuthority(ctx, daemon.AuthorityConfig{Store: kept, Name: first.name, Hosts: []string{first.addr}, Members: []daemon.AuthorityMember{}})
	if err != nil {
		return err
	}
	running, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(running) }()
	defer func() {
		end()
		<-ended
		if err == nil {
			err = m.keep(ctx, kept)
		}
	}()
	began := time.Now()
	enrolled := min(m.agents, manyEnrolled)
	for i := range enrolled {
		c, err := m.enrolOne(ctx, a, manyName(i))
		if err != nil {
			return err
		}
		m.joining = append(m.joining, c)
	}
	m.add("of the first 300 agents, the authority lets as many join in a second, without its disk", float64(enrolled)/time.Since(began).Seconds(), "/s")
	by, err := signer(ctx, kept, m.joining[0])
	if err != nil {
		return err
	}
	for i := enrolled; i < m.agents; i++ {
		c, err := signOne(by, m.joining[0], manyName(i))
		if err != nil {
			return err
		}
		m.joining = append(m.joining, c)
	}
	return nil
}

// signer returns the authority that has signed the certificate of an agent.
func signer(ctx context.Context, kept store.Store, of joined.Credentials) (by identity.Authority, err error) {
	trusted, err := identity.ReadCerts(of.Authorities)
	if err != nil {
		return by, err
	}
	entries, _, err := kept.Load(ctx, "")
	if err != nil {
		return by, err
	}
	for _, e := range entries {
		var f struct{ Certificate, Key string }
		if json.Unmarshal(e.Value, &f) != nil || f.Key == "" {
			continue
		}
		certs, err := identity.ReadCerts([]byte(f.Certificate))
		if err != nil || !certs[0].Equal(trusted[0]) {
			continue
		}
		key, err := identity.ReadKey([]byte(f.Key))
		return identity.Authority{Cert: certs[0], Key: key}, err
	}
	return by, errors.New("the key of the authority is not in its state")
}

// signOne gives an agent a certificate of the cluster of another one.
func signOne(by identity.Authority, other joined.Credentials, name string) (c joined.Credentials, err error) {
	key, err := identity.NewKey()
	if err != nil {
		return c, err
	}
	cert, err := by.Issue(identity.Leaf{
		Cluster: other.Cluster, Identity: identity.Identity{Kind: identity.Agent, Name: name}, Key: key.Public(), Life: identity.LeafLife,
	}, time.Now())
	if err != nil {
		return c, err
	}
	c = other
	c.Instance, c.Certificate, c.NodeKey, c.NodeCertificate, c.NodeAuthorities = name, identity.CertPEM(cert), nil, nil, nil
	c.Key, err = identity.KeyPEM(key)
	return c, err
}

// keep writes the state of the authority where the first controller looks for it.
func (m *multitude) keep(ctx context.Context, kept *memstore.Store) (err error) {
	dir := filepath.Join(m.hubs[0].state, "nodes", m.hubs[0].name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := boltstore.Open(ctx, filepath.Join(dir, "authority.db"), boltstore.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	entries, _, err := kept.Load(ctx, "")
	if err != nil {
		return err
	}
	var rev store.Revision
	for some := range slices.Chunk(entries, 1000) {
		var changes []store.Change
		for _, e := range some {
			changes = append(changes, store.Change(e))
		}
		if rev, err = file.Save(ctx, changes, rev); err != nil {
			return err
		}
	}
	return nil
}

func (m *multitude) enrolOne(ctx context.Context, a *daemon.Authority, name string) (joined.Credentials, error) {
	token, err := ask[access.Token](ctx, a, access.CreateToken{Instance: name})
	if err != nil {
		return joined.Credentials{}, err
	}
	keys, err := joined.NewPending(name, m.hubs[0].agents())
	if err != nil {
		return joined.Credentials{}, err
	}
	request, err := keys.Request()
	if err != nil {
		return joined.Credentials{}, err
	}
	got, err := ask[access.Joined](ctx, a, access.Join{Token: token.Text, Key: request.Key, NodeKey: request.NodeKey})
	if err != nil {
		return joined.Credentials{}, err
	}
	c, err := keys.Complete(joined.Signed{
		Cluster: got.Cluster, Instance: got.Instance, Certificate: got.Certificate, Authorities: got.Authorities,
		NodeCertificate: got.NodeCertificate, NodeAuthorities: got.NodeAuthorities,
	})
	c.Received = time.Now()
	return c, err
}

// begin starts the controllers one after the other, each of which joins the first one.
func (m *multitude) begin(ctx context.Context) error {
	for i, h := range m.hubs {
		if i > 0 {
			token, err := m.hubs[0].api.CreateToken(ctx, api.TokenRequest{Controller: h.name})
			if err != nil {
				return err
			}
			args := append([]string{"controller", "join", m.hubs[0].clients(), "--token", token.Text}, h.flags()...)
			if out, err := exec.CommandContext(ctx, m.program, args...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
			}
		}
		if err := h.begin(m.program); err != nil {
			return err
		}
		if err := m.await(ctx, h.name+" has a vote", func() (bool, error) { return m.votes(ctx, h) }); err != nil {
			return err
		}
	}
	return nil
}

// votes reports whether a controller leads or follows, as the first one sees it.
func (m *multitude) votes(ctx context.Context, h *hub) (bool, error) {
	list, err := m.hubs[0].api.Controllers(ctx)
	for _, one := range list.Members {
		if one.Name == h.name {
			return one.Role == api.ControllerLeads || one.Role == api.ControllerFollows, err
		}
	}
	return false, err
}

// startAgents starts the processes of the agents.
func (m *multitude) startAgents(context.Context) error {
	m.busyAtFirst, m.started = m.busy(), time.Now()
	var addresses []string
	for _, h := range m.hubs {
		addresses = append(addresses, h.agents())
	}
	share := (m.agents + manyProcesses - 1) / manyProcesses
	for i := 0; i*share < m.agents; i++ {
		task := manyTask{addresses, i * share, m.joining[i*share : min((i+1)*share, m.agents)]}
		c, err := m.newCrew(filepath.Join(m.dir, fmt.Sprint("agents-", i, ".json")), task)
		if err != nil {
			return err
		}
		m.crews = append(m.crews, c)
	}
	m.joining = nil
	return nil
}

// stop ends all processes.
func (m *multitude) stop() {
	var all sync.WaitGroup
	for _, c := range m.crews {
		c.in.Close()
		all.Go(func() { c.cmd.Wait() })
	}
	for _, h := range m.hubs {
		if h.cmd != nil {
			h.kill()
		}
		h.api.Close()
	}
	all.Wait()
	if m.cable != nil {
		m.ends.Close()
		m.cable.Wait()
	}
}

// manyPatience bounds each wait.
const manyPatience = 3 * time.Minute

// errNotReached says that something did not come within manyPatience. What is measured after that
// may be measured nevertheless.
var errNotReached = errors.New("not reached")

// await waits until right returns true. Errors of right are tried again.
func (m *multitude) await(ctx context.Context, what string, right func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, manyPatience)
	defer cancel()
	for {
		ok, err := right()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w within %v: %w", what, errNotReached, manyPatience, errors.Join(err, context.Cause(ctx)))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// used returns the processor time that a process has used.
func used(cmd *exec.Cmd) time.Duration {
	s, err := procfs.Root.Stat(cmd.Process.Pid)
	if err != nil {
		return 0
	}
	return time.Duration(s.Used) * time.Second / procfs.TicksPerSecond
}

// usedByAgents returns the processor time of all agents.
func (m *multitude) usedByAgents() (sum time.Duration) {
	for _, c := range m.crews {
		sum += used(c.cmd)
	}
	return sum
}

// obeying returns the greatest term that an agent obeys, and how many obey it.
func (m *multitude) obeying() (term uint64, n int) {
	counts := map[uint64]int{}
	for _, c := range m.crews {
		for of, some := range c.newest.Load().Terms {
			counts[of] += some
			term = max(term, of)
		}
	}
	return term, counts[term]
}

// dialed returns how many connections agents have tried, and what they have warned of.
func (m *multitude) dialed() (n int64, said map[string]int) {
	said = map[string]int{}
	for _, c := range m.crews {
		r := c.newest.Load()
		n += r.Dialed
		for what, times := range r.Said {
			said[what] += times
		}
	}
	return n, said
}
