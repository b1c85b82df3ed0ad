package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
)

// manyTask is what a process with many agents is told.
type manyTask struct {
	// Controllers are the addresses at which the controllers accept agents.
	Controllers []string
	// First is the number of the first of the Agents.
	First  int
	Agents []joined.Credentials
}

// manyReport is what such a process says of its agents, again and again.
type manyReport struct {
	// Terms counts the agents by the term that they obey.
	Terms map[uint64]int
	// Dialed counts the connections that were tried.
	Dialed int64
	// Said counts what agents have logged as a warning, by its kind.
	Said       map[string]int
	Goroutines int
}

// manyReportEvery is the time between two reports.
const manyReportEvery = 200 * time.Millisecond

// agents are those of one process. They are agents as zeekfleet agent runs them, but for
// their nodes, of which they have none, and for their state, which is in memory.
type agents struct {
	task   manyTask
	dialed atomic.Int64
	terms  []atomic.Uint64 // that each agent obeys
	turns  chan struct{}   // has room for as many as manyAtOnce

	mu   sync.Mutex
	said map[string]int
}

// runManyAgents runs the agents of a task until ctx is done, and reports to out. The argument is the
// file of the task.
func runManyAgents(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("the argument is a file")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	a := &agents{said: map[string]int{}, turns: make(chan struct{}, manyAtOnce)}
	if err := json.Unmarshal(text, &a.task); err != nil {
		return err
	}
	a.terms = make([]atomic.Uint64, len(a.task.Agents))
	for i := range a.task.Agents {
		held, err := a.task.Agents[i].Use()
		if err != nil {
			return err
		}
		go func() {
			if err := a.run(ctx, i, held); ctx.Err() == nil {
				a.note(fmt.Sprintf("agent ended: %v", err))
			}
		}()
	}
	a.task.Agents = nil
	for ctx.Err() == nil {
		if err := json.NewEncoder(out).Encode(a.report()); err != nil {
			return err
		}
		time.Sleep(manyReportEvery)
	}
	return nil // the agents end with the process
}

func (a *agents) report() manyReport {
	r := manyReport{Terms: map[uint64]int{}, Dialed: a.dialed.Load(), Said: map[string]int{}, Goroutines: runtime.NumGoroutine()}
	for i := range a.terms {
		r.Terms[a.terms[i].Load()]++
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.Copy(r.Said, a.said)
	return r
}

// run runs one agent.
func (a *agents) run(ctx context.Context, number int, held *joined.Held) error {
	credentials := daemon.KeepCredentials(held)
	return daemon.RunAgent(ctx, daemon.AgentConfig{
		Core:        agent.Config{Name: mgmt.InstanceName(held.Instance), Connecting: true},
		Store:       new(memstore.Store),
		Bus:         bus.Config{TLS: credentials.TLS()},
		Broker:      newDeafListener(),
		Controller:  a.task.Controllers[0],
		Controllers: a.task.Controllers[1:],
		ControllerDial: bus.DialConfig{Transport: bus.TransportTLS, Connect: func(ctx context.Context, addr string) (net.Conn, error) {
			a.dialed.Add(1)
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(agentAddress(a.task.First + number))}}
			return a.inTurn(func() (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) })
		}},
		Credentials: credentials,
		Processes:   noProcesses{},
		Launch:      launch.Embedded{Program: "none", StateDir: "/nonexistent"},
		Logger:      slog.New(manyLog{of: a, number: number}),
	})
}

// manyAtOnce is the number of handshakes that the agents of a process do at a time. Real agents
// have processors of their own. Without a bound, thousands of handshakes would share one here, and
// none would be done in time.
const manyAtOnce = 32

// inTurn opens a connection when its turn has come. The turn ends with the handshake.
func (a *agents) inTurn(dial func() (net.Conn, error)) (net.Conn, error) {
	a.turns <- struct{}{}
	end := sync.OnceFunc(func() { <-a.turns })
	conn, err := dial()
	if err != nil {
		end()
		return nil, err
	}
	return &turning{Conn: conn, end: end}, nil
}

// turning is a connection during its turn.
type turning struct {
	net.Conn
	end    func()
	writes atomic.Int32
}

// handshakeWrites is more than a client writes during its TLS handshake.
const handshakeWrites = 3

func (t *turning) Write(b []byte) (int, error) {
	if t.writes.Add(1) == handshakeWrites {
		t.end()
	}
	return t.Conn.Write(b)
}

func (t *turning) Close() error {
	t.end()
	return t.Conn.Close()
}

func (a *agents) note(what string) {
	const mostKinds = 50
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.said[what]; known || len(a.said) < mostKinds {
		a.said[what]++
	}
}

// manyLog is the log of an agent. It knows the term that the agent obeys, and counts warnings.
type manyLog struct {
	of     *agents
	number int
}

func (l manyLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l manyLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l manyLog) WithGroup(string) slog.Handler                    { return l }

func (l manyLog) Handle(_ context.Context, r slog.Record) error {
	why := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" || a.Key == "why" {
			why = a.Value.String()
		}
		return true
	})
	if r.Message == "controller is obeyed" {
		_, text, _ := strings.Cut(why, "leads in term ")
		if term, err := strconv.ParseUint(text, 10, 64); err == nil {
			l.of.terms[l.number].Store(term)
		}
	}
	if r.Level > slog.LevelInfo {
		l.of.note(r.Message + ": " + withoutPorts(why))
	}
	return nil
}

// withoutPorts leaves out of a text what differs from one agent to the other.
func withoutPorts(text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		if strings.ContainsAny(word, "0123456789") {
			words[i] = "#"
		}
	}
	return strings.Join(words, " ")
}

// deafListener is where no node ever connects.
type deafListener struct {
	closed chan struct{}
	once   *sync.Once
}

func newDeafListener() deafListener { return deafListener{make(chan struct{}), new(sync.Once)} }

func (d deafListener) Accept() (net.Conn, error) {
	<-d.closed
	return nil, errors.New("the listener is closed")
}

func (d deafListener) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

func (d deafListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2151} }

// noProcesses are those of an agent without nodes.
type noProcesses struct{}

func (noProcesses) Adopt(context.Context) (proc.Adoption, error) { return proc.Adoption{}, nil }
func (noProcesses) Start(proc.Spec) error                        { return errors.New("there are no nodes") }
func (noProcesses) Stop(string, uint64, time.Duration) error     { return proc.ErrNoSuchLaunch }
func (noProcesses) Limit(string, uint64, proc.Limits) error      { return proc.ErrNoSuchLaunch }
func (noProcesses) Events() <-chan proc.Event                    { return nil }
func (noProcesses) PIDs() []int                                  { return nil }
func (noProcesses) Forget(string, uint64)                        {}
func (noProcesses) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
