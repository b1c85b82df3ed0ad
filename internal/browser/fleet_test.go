package browser_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// fleet is a cluster in memory, which changes when a test changes it.
type fleet struct {
	mu      sync.Mutex
	snap    *mgmt.Snapshot
	changed chan struct{}
}

func (f *fleet) Snapshot(context.Context) (*mgmt.Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snap, nil
}

func (f *fleet) Submit(_ context.Context, who mgmt.Principal, req mgmt.Request) (mgmt.Response, error) {
	if kind := mgmt.KindOf(req); who.Role < kind.May {
		return req.Answer("", mgmt.Result{Error: access.Denied(who, kind.Name(), kind.May)}), nil
	}
	done := mgmt.Result{Success: true}
	switch req := req.(type) {
	case mgmt.OperateRequest:
		f.begin(&mgmt.Operation{ID: 9, Kind: req.Kind, State: mgmt.OperationRunning, Who: who.Name, Note: req.Note, Selectors: req.Selectors})
		return mgmt.OperationResponse{Result: done, Operation: f.snap.Operations[0]}, nil
	case mgmt.PlanRequest:
		return mgmt.PlanResponse{Result: done, Plan: &mgmt.FleetPlan{Deployed: 12, Nodes: []mgmt.PlannedNode{
			{Instance: "sensor-01", Node: "manager", Role: mgmt.Manager, Action: mgmt.ActionNone},
			{Instance: "sensor-01", Node: "logger", Role: mgmt.Logger, Action: mgmt.ActionNone},
			{Instance: "sensor-02", Node: "worker-02-3", Role: mgmt.Worker, Action: mgmt.ActionRestart, Because: []string{"script local.zeek was added", "the interface was eth1 and is eth2"}},
			{Instance: "sensor-02", Node: "worker-02-5", Role: mgmt.Worker, Action: mgmt.ActionStart, Because: []string{"it is new"}},
		}, Doubts: []mgmt.PlanFinding{{Instance: "sensor-02", Node: "worker-02-5", Text: "the interface eth2 has no link"}}}}, nil
	}
	return req.Answer("", done), nil
}

// begin makes an operation the newest one, and gives it steps.
func (f *fleet) begin(o *mgmt.Operation) {
	o.Begun = time.Now()
	for i, state := range []mgmt.StepState{mgmt.StepDone, mgmt.StepRunning, mgmt.StepFailed, mgmt.StepWaiting} {
		step := mgmt.OperationStep{Instance: "sensor-02", Node: mgmt.NodeName(fmt.Sprintf("worker-02-%d", i+1)), Action: mgmt.ActionRestart, State: state, Because: "the scripts have changed"}
		if state == mgmt.StepFailed {
			step.Error = "it was not up within 60 s"
			step.Outputs.Stderr = "fatal error in /usr/share/zeek/site/local.zeek, line 3: can't find foo/bar"
		}
		o.Steps = append(o.Steps, step)
	}
	o.Doing = "waits for worker-02-2 to be RUNNING"
	f.mu.Lock()
	defer f.mu.Unlock()
	snap := *f.snap
	snap.Operations = append([]*mgmt.Operation{o}, snap.Operations...)
	f.snap = &snap
}

func (f *fleet) Revision(_ context.Context, number uint64) (*mgmt.ConfigRevision, error) {
	if c := f.snap.Deployed; number == c.Revision {
		return c, nil
	}
	return f.snap.Staged, nil
}

func (f *fleet) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return f.changed
}

// set changes the state of a node.
func (f *fleet) set(instance mgmt.InstanceName, node mgmt.NodeName, state mgmt.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	snap := *f.snap
	snap.Instances = append([]*mgmt.ObservedInstance{}, snap.Instances...)
	for i, in := range snap.Instances {
		if in.Name != instance {
			continue
		}
		one := *in
		one.Nodes = append([]mgmt.ObservedNode{}, in.Nodes...)
		for j := range one.Nodes {
			if one.Nodes[j].Node == node {
				one.Nodes[j].State, one.Nodes[j].Since = state, time.Now()
			}
		}
		snap.Instances[i] = &one
	}
	f.snap = &snap
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// newFleet returns a fleet whose nodes all run.
func newFleet(instances, nodes int) *fleet {
	deployed := &mgmt.ConfigRevision{Revision: 12, When: time.Now().Add(-3 * time.Hour), Who: "ann", Config: mgmt.Configuration{ID: "c"}}
	snap := &mgmt.Snapshot{Revision: 12, Deployed: deployed}
	since := time.Now().Add(-2 * time.Hour)
	for i := range instances {
		name := mgmt.InstanceName(fmt.Sprintf("sensor-%02d", i+1))
		deployed.Config.Instances = append(deployed.Config.Instances, mgmt.Instance{Name: name})
		in := &mgmt.ObservedInstance{Name: name, Standing: mgmt.Ready, Since: since, Heard: time.Now(), Addr: netip.MustParseAddrPort("192.0.2.7:40000")}
		for j := range nodes {
			role, node := mgmt.Worker, mgmt.NodeName(fmt.Sprintf("worker-%02d-%d", i+1, j+1))
			switch {
			case i == 0 && j == 0:
				role, node = mgmt.Manager, "manager"
			case i == 0 && j == 1:
				role, node = mgmt.Logger, "logger"
			}
			deployed.Config.Nodes = append(deployed.Config.Nodes, mgmt.Node{Name: node, Instance: name, Role: role})
			pid := int64(1000 + j)
			in.Nodes = append(in.Nodes, mgmt.ObservedNode{Since: since, NodeStatus: mgmt.NodeStatus{
				Node: node, State: mgmt.Running, MgmtRole: mgmt.RoleNode, ClusterRole: role, PID: &pid,
			}})
		}
		snap.Instances = append(snap.Instances, in)
	}
	staged := *deployed
	staged.Revision, staged.Who, staged.When = 13, "opal", time.Now().Add(-4*time.Minute)
	staged.Config.Nodes = append([]mgmt.Node{}, deployed.Config.Nodes...)
	staged.Config.Nodes[len(staged.Config.Nodes)-1].Scripts = []string{"local.zeek"}
	snap.Staged, snap.Revision = &staged, 13
	deployed.Origin = mgmt.Origin{Kind: "deploy", From: 11, Operation: 8, Note: "two more workers for the new link"}
	snap.History = []mgmt.PastConfig{
		{Revision: 10, When: since.Add(-48 * time.Hour), Who: "ann", ID: "a", Instances: 1, Nodes: 4, Origin: mgmt.Origin{Kind: "deploy", Note: "the first one"}},
		{Revision: 11, When: since.Add(-24 * time.Hour), Who: "opal", ID: "b", Instances: 2, Nodes: 6, Kept: true, Origin: mgmt.Origin{Kind: "rollback", Of: 9}},
	}
	f := &fleet{snap: snap}
	f.begin(&mgmt.Operation{ID: 9, Kind: mgmt.OperationDeploy, State: mgmt.OperationRunning, Who: "ann", Note: "two more workers"})
	return f
}

// agents are agents that answer at once.
type agents struct{}

func (agents) Stream(_ context.Context, who mgmt.Principal, _ mgmt.InstanceName, kind mgmt.StreamKind, _ any) (io.ReadCloser, error) {
	if row, _ := access.StreamRow(kind); who.Role < row.May {
		return nil, &mgmt.StreamError{Code: mgmt.StreamForbidden, Text: row.Forbids(who)}
	}
	const crash = `{"id":"1a","node":"worker-02-3","when":"2026-11-30T03:00:00Z","uptime_ns":7325000000000,"pid":4711,"end":"it was killed by signal 11 (segmentation fault)",
		"why":"fatal error: out of memory in malloc of 4096 bytes","backtrace":true,"program":"/opt/zeek/bin/zeek","version":"8.2.2","dir":"/var/lib/zeekfleet/nodes/worker-02-3",
		"stderr":"warning in /opt/zeek/share/zeek/site/local.zeek, line 12: deprecated\nfatal error: out of memory in malloc of 4096 bytes\n",
		"trace":"#0  0x00007f1c2b1d in raise () from libc.so.6\n#1  0x00007f1c2b3e in abort () from libc.so.6\n#2  0x0000556a01 in zeek::util::out_of_memory(char const*) (where=malloc) at util.cc:2013\n#3  0x0000556a7c in zeek::packet_analysis::Manager::ProcessPacket(zeek::Packet*) at Manager.cc:155\n#4  0x0000556b12 in main ()",
		"plan":{"node":"worker-02-3","role":"WORKER","interface":"eth1"}}`
	return io.NopCloser(strings.NewReader(map[mgmt.StreamKind]string{
		mgmt.StreamLogs: "listening on eth1\n1764486000.123456 warning in local.zeek, line 12: deprecated\n", mgmt.StreamCrash: crash, mgmt.StreamCrashes: "[" + crash + "]",
		mgmt.StreamDiag: `{"node":"worker-02-3","instance":"sensor-02","state":"RUNNING","pid":1002,"program":"/opt/zeek/bin/zeek","version":"8.2.2","plan":{"node":"worker-02-3","role":"WORKER"},"stderr":"listening on eth1\n"}`,
	}[kind])), nil
}

func (agents) Hosts(context.Context, mgmt.Principal, bool) (list []mgmt.HostReport, err error) {
	for _, name := range []mgmt.InstanceName{"sensor-01", "sensor-02"} {
		list = append(list, mgmt.HostReport{Instance: name, Present: true, Heard: time.Now(), Facts: &mgmt.HostFacts{
			Time: time.Now(), Version: "v1.2.3", ZeekVersion: "8.2.2", ZeekPath: "/opt/zeek/bin/zeek", Hostname: string(name) + ".example", OS: "Debian GNU/Linux 13 (trixie)",
			Kernel: "6.12.48", Arch: "x86_64", CPUs: 16, Load: [3]float64{5.61, 5.4, 5.12}, Memory: mgmt.Memory{Total: 64 << 30, Available: 40 << 30}, Booted: anHourAgo(), Started: anHourAgo(),
			Disks: []mgmt.Disk{{Use: "state", Path: "/var/lib/zeekfleet", Total: 100 << 30, Free: 70 << 30}, {Use: "spool", Path: "/var/spool/zeek", Total: 900 << 30, Free: 60 << 30}},
		}})
	}
	return list, nil
}

func anHourAgo() time.Time { return time.Now().Add(-time.Hour) }

// openEvents opens a log of events, which ends with the test.
func openEvents(t *testing.T) *happenings.Log {
	log, err := happenings.Open(happenings.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

// tell adds events of a node that crashes and is started again.
func tell(t *testing.T, log *happenings.Log, events int) {
	for i := range events {
		h := mgmt.Happening{Time: time.Now(), Kind: mgmt.HappenedNode, Instance: "sensor-02", Node: "worker-02-3", From: "RUNNING", To: "CRASHED", Cause: "it was killed by signal 11 (segmentation fault)"}
		if i%2 == 1 {
			h.From, h.To, h.Cause = "PENDING", "RUNNING", "its agent has started it again"
		}
		if err := log.Append([]happenings.Record{{Happening: h}}); err != nil {
			t.Fatal(err)
		}
	}
}

// records is an audit with a few records.
type records struct{}

func (*records) Read(q audit.Query) (list []mgmt.AuditRecord, err error) {
	for _, r := range []mgmt.AuditRecord{
		{Seq: 1, Who: "admin", Role: mgmt.Admin, Request: "token create", Subject: "sensor-02", Outcome: mgmt.AuditDone},
		{Seq: 2, Who: "ann", Role: mgmt.Operator, Request: "deploy", Operation: 9, Outcome: mgmt.AuditBegun, Revision: "5d6e7f"},
		{Seq: 3, Who: "viewer", Role: mgmt.Viewer, Request: "restart", Outcome: mgmt.AuditRefused, Reason: "viewer is a viewer, and restart needs the role operator", Times: 4},
	} {
		if r.Seq > q.After {
			r.Time, r.Source = anHourAgo(), "192.0.2.44:53122"
			list = append(list, r)
		}
	}
	return list, nil
}

func (*records) Newest() uint64 { return 3 }

func (*records) Wait(ctx context.Context, _ uint64) error {
	<-ctx.Done()
	return ctx.Err()
}

// measure gives the store two samples of each instance, so that there are rates.
func (f *fleet) measure(store *samples.Store, round int) {
	now := time.Now()
	f.sample(store, 2*round, now.Add(-mgmt.SampleInterval))
	f.sample(store, 2*round+1, now)
}

// sample gives the store one sample of each instance. n counts the samples.
func (f *fleet) sample(store *samples.Store, n int, at time.Time) {
	snap, _ := f.Snapshot(context.Background())
	const seconds = uint64(mgmt.SampleInterval / time.Second)
	for i, in := range snap.Instances {
		host := &mgmt.HostSample{Time: at, CPUs: 16, Busy: 5.5 + float64((i+n)%7)/3, Memory: mgmt.Memory{Total: 64 << 30, Available: 40 << 30}}
		var packets uint64
		for j, node := range in.Nodes {
			s := mgmt.NodeSample{Node: node.Node, PID: int(*node.PID), CPU: 0.31 + float64((i+j+n/7)%9)/20, Memory: uint64(400+j*13+n/20) << 20, Threads: 20, Files: 60}
			s.Started = node.Since
			s.Zeek = &mgmt.ZeekSample{Queued: uint64(1000 * n), Dispatched: uint64(1000*n - min(j, n))}
			if node.ClusterRole == mgmt.Worker {
				s.Interface = "eth1"
				for k := range n {
					s.Zeek.Received += seconds * uint64(61000+997*((i+j+k/5)%13))
				}
				s.Zeek.Dropped, s.Zeek.Bytes = s.Zeek.Received*uint64((i+j)%4)/9000, s.Zeek.Received*700
				s.Zeek.Lag = new(0.1 * float64(j%5))
				packets += s.Zeek.Received
			}
			host.Nodes = append(host.Nodes, s)
		}
		host.Interfaces = []mgmt.InterfaceSample{{Name: "eth1", Up: true, Link: true, Speed: 10_000_000_000, Capture: true, Packets: packets, Bytes: packets * 700}}
		store.Take(at, in.Name, host)
	}
}

// office lets whoever shows the name of a role as a token log in.
type office struct{}

func (office) Ask(_ context.Context, who mgmt.Principal, req access.Request) (access.Answer, error) {
	if row := access.RowOf(req); who.Role < row.May {
		return access.Refusal{Why: access.Forbidden, Reason: row.Forbids(who)}, nil
	}
	switch req := req.(type) {
	case access.Login:
		return access.Certificate{Identity: identity.Identity{Kind: identity.User, Name: req.Token}}, nil
	case access.ListUsers:
		return access.Users{
			{Name: "admin", Role: mgmt.Admin, Created: anHourAgo(), LastUse: time.Now()}, {Name: "ann", Role: mgmt.Operator, Created: anHourAgo(), SSO: true},
		}, nil
	case access.CreateToken:
		return access.Token{TokenInfo: access.TokenInfo{ID: "k3f9", For: identity.Identity{Kind: identity.Agent, Name: req.Instance}, Uses: 1}, Text: "zf1-secret"}, nil
	case access.ListTokens:
		return access.Tokens{
			{ID: "7hd2", For: identity.Identity{Kind: identity.Agent, Name: "sensor-04"}, By: "admin", Created: anHourAgo(), Expires: time.Now().Add(time.Hour), Uses: 1},
			{ID: "p0q1", For: identity.Identity{Kind: identity.User, Name: "ann"}, API: true, Name: "ci", By: "admin", Created: anHourAgo()},
		}, nil
	case access.ListCertificates:
		return access.Certificates{
			{Serial: "5f3a99c1d2", Identity: identity.Identity{Kind: identity.Agent, Name: "sensor-01"}, Issued: anHourAgo(), Expires: time.Now().Add(80 * 24 * time.Hour)},
			{Serial: "1b7a04e8f0", Identity: identity.Identity{Kind: identity.Agent, Name: "sensor-02"}, Issued: anHourAgo(), Expires: time.Now().Add(3 * 24 * time.Hour)},
		}, nil
	case access.ListAuthorities:
		return access.Authorities{}, nil
	}
	return access.Done{}, nil
}

func (office) Directory() *access.Directory {
	return &access.Directory{Trust: &identity.Trust{}, Roles: map[string]mgmt.UserRole{"viewer": mgmt.Viewer, "operator": mgmt.Operator, "admin": mgmt.Admin}}
}

func (office) Changed(func(*access.Directory)) (stop func()) { return func() {} }

// serve serves the pages until the test ends, and returns their address.
func serve(t testing.TB, cfg web.Config) string {
	t.Helper()
	site, _ := serveUntil(t, cfg)
	return site
}

// serveUntil is serve for a controller that can be stopped.
func serveUntil(t testing.TB, cfg web.Config) (site string, end func()) {
	t.Helper()
	cfg.Authority, cfg.Name, cfg.Version = office{}, "controller-1", "v1.2.3"
	cfg.AttemptsBurst = 1000
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	server, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	all.Go(func() { server.Serve(ctx) })
	all.Go(func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			server.Take(web.Connection{
				Conn: raw, Remote: netip.MustParseAddrPort(raw.RemoteAddr().String()), Here: true,
				Who: func(string) (mgmt.Principal, error) { return mgmt.Principal{}, errors.New("log in") },
			})
		}
	})
	end = sync.OnceFunc(func() {
		stop(errors.New("the test is over"))
		ln.Close()
		all.Wait()
	})
	t.Cleanup(end)
	return "http://" + ln.Addr().String(), end
}

// bell is a watch over alerts.
type bell struct{}

func (bell) Book() *mgmt.AlertBook {
	at := anHourAgo()
	return &mgmt.AlertBook{
		Alerts: []mgmt.Alert{
			{ID: "crash-loop/sensor-02/worker-02-3", Rule: "crash-loop", Severity: mgmt.AlertCritical, State: mgmt.AlertFiring, Instance: "sensor-02", Node: "worker-02-3", Since: at, Fired: at,
				Text: "the node has crashed 6 times in 10 minutes", Hint: "Its page shows the crashes with their backtraces.", Value: 6, Limit: 3, Unit: "crashes"},
			{ID: "disk-full/sensor-02/spool", Rule: "disk-full", Severity: mgmt.AlertWarning, State: mgmt.AlertFiring, Instance: "sensor-02", Subject: "spool", Since: at, Fired: at,
				Text: "the disk of the spool is almost full", Value: 93.3, Limit: 90, Unit: "%", Acknowledged: &mgmt.AlertMark{Who: "ann", Time: at, Note: "a larger disk comes on Monday"}},
			{ID: "agent-away/sensor-03", Rule: "agent-away", Severity: mgmt.AlertCritical, State: mgmt.AlertResolved, Instance: "sensor-03", Since: at, Fired: at, Resolved: time.Now(), Text: "its agent was away"},
		},
		Silences: []mgmt.Silence{{ID: 4, Instance: "sensor-04", Until: time.Now().Add(time.Hour), AlertMark: mgmt.AlertMark{Who: "ann", Time: at, Note: "new cables"}}},
		Receivers: []mgmt.AlertReceiver{
			{Name: "soc", Kind: mgmt.ReceiverWebhook, Target: "hooks.example.org", Delivered: 17, Last: at},
			{Name: "pager", Kind: mgmt.ReceiverCommand, Target: "/usr/local/bin/page", Failing: true, Since: at, Error: "it ended with status 1", Next: time.Now(), Waiting: 2},
		},
	}
}

func (bell) Ask(context.Context, mgmt.Principal, access.AlertRequest) (access.Answer, error) {
	return access.Silenced{Silence: mgmt.Silence{ID: 5}}, nil
}

func (bell) Changed() <-chan struct{} { return nil }
