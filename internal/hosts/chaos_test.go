package hosts

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
)

// changesWhileFull is for how many acknowledged changes a disk stays full.
const changesWhileFull = 60

// diskSize is the size of a controller's disk. The store takes about 130 MB of it at once, and 330 MB
// after ten rounds. One that comes back needs room for the database of another one besides.
const diskSize = "800m"

// stateDir is where a host keeps its state, below its home directory.
const stateDir = ".local"

// mountDisk gives a host a small disk for its state.
func (h *host) mountDisk() {
	h.t.Helper()
	dir := filepath.Join(h.home, stateDir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		h.t.Fatal(err)
	}
	// The name is that of the namespace, so that the next run finds the disk of a killed test.
	if err := unix.Mount(string(h.ns), dir, "tmpfs", 0, "mode=0700,size="+diskSize); err != nil {
		h.t.Fatalf("mount a disk on %s: %v", dir, err)
	}
	h.t.Cleanup(func() {
		h.stop()
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			h.t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// fillDisk fills the disk of a controller, and stages large configurations until that controller
// ends, because the database of its store must grow.
func (f *trio) fillDisk(victim string) (mend func()) {
	h := f.hosts[victim]
	path := filepath.Join(h.home, stateDir, "filler")
	file, err := os.Create(path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	for _, size := range []int{1 << 20, 4096, 1} {
		block := make([]byte, size)
		for err = nil; err == nil; {
			_, err = file.Write(block)
		}
		if !errors.Is(err, unix.ENOSPC) {
			f.t.Fatalf("fill the disk: %v", err)
		}
	}
	large := filepath.Join(f.hosts["ops"].home, "large.ini")
	n := 0
	f.await(victim+" ends", func() bool {
		n++
		if err := os.WriteFile(large, []byte(largeFile(n)), 0o600); err != nil {
			f.t.Fatal(err)
		}
		if _, err := f.hosts["ops"].try("zeekfleet stage-config " + large); err != nil {
			f.t.Logf("not staged: %v", err)
		}
		return !h.runs()
	})
	return func() {
		if err := os.Remove(path); err != nil {
			f.t.Fatal(err)
		}
	}
}

// largeFile is a cluster file of some 300 kB. Each one is another one.
func largeFile(n int) string {
	var text strings.Builder
	text.WriteString(trioFile(n))
	for i := range 300 {
		text.WriteString(fmt.Sprintf("[worker-%d]\ninstance = s-2\nrole = worker\nenv = PAD=%d-%s\n", i+10, n, strings.Repeat("x", 1000)))
	}
	return text.String()
}

// runs reports whether the daemon that was started has not ended.
func (h *host) runs() bool {
	_, err := startTime(int64(h.cmd.Process.Pid))
	return err == nil
}

// supervise starts the controllers that have ended by themselves, as systemd does.
func (f *trio) supervise() {
	for name, line := range f.controllers {
		h := f.hosts[name]
		if h.cmd == nil {
			continue
		}
		if !h.runs() {
			f.t.Logf("%s has ended: %v", name, h.cmd.Wait())
			h.start(line)
		}
	}
}

// longestPause waits until so many more changes are acknowledged, and returns the longest time
// without one since a fault.
func (l *load) longestPause(since time.Time, changes int) (longest time.Duration) {
	l.f.t.Helper()
	l.mu.Lock()
	want := len(l.acknowledged) + changes
	l.mu.Unlock()
	l.f.await("users go on", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.acknowledged) >= want })
	l.mu.Lock()
	defer l.mu.Unlock()
	last := since
	for _, at := range l.acknowledged {
		if at.After(since) {
			longest = max(longest, at.Sub(last))
			last = at
		}
	}
	return longest.Round(time.Millisecond)
}

// nodes asks for the processes of all nodes that run.
func (f *trio) nodes() (map[string]int64, error) {
	out, err := f.hosts["ops"].try("zeekfleet nodes -o json")
	if err != nil {
		return nil, err
	}
	var list []struct {
		Name, State string
		PID         int64
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	pids := map[string]int64{}
	for _, n := range list {
		if n.State == string(client.Running) && n.PID != 0 {
			pids[n.Name] = n.PID
		}
	}
	return pids, nil
}

// killNode kills worker-1, which its agent starts again.
func (l *load) killNode(int) {
	pids, err := l.f.nodes()
	if err != nil || pids["worker-1"] == 0 {
		return
	}
	pid := pids["worker-1"]
	// It may have ended since, and another program may have its number.
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || exe != program {
		return
	}
	if unix.Kill(int(pid), unix.SIGKILL) == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.killed++
	}
}

// steadyNodes returns the processes of the nodes that no deployment changes.
func (f *trio) steadyNodes() map[string]process {
	f.t.Helper()
	steady := map[string]process{}
	f.await("the manager and the proxy run", func() bool {
		pids, err := f.nodes()
		if err != nil {
			return false
		}
		for _, name := range []string{"manager", "proxy"} {
			start, err := startTime(pids[name])
			if err != nil {
				return false
			}
			steady[name] = process{pids[name], start}
		}
		return true
	})
	return steady
}

// operator returns how the operator's clients connect to controllers.
func (f *trio) operator(controllers ...string) client.Config {
	f.t.Helper()
	read := func(name string) []byte {
		text, err := os.ReadFile(f.hosts["ops"].find(name))
		if err != nil {
			f.t.Fatal(err)
		}
		return text
	}
	cert, err := tls.X509KeyPair(read("user.pem"), read("user.key"))
	if err != nil {
		f.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(read("authorities.pem")) {
		f.t.Fatal("the operator has no authorities")
	}
	cfg := client.Config{
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: roots}, RetryDelay: 200 * time.Millisecond, Attempts: 50,
		Connect: func(ctx context.Context, address string) (conn net.Conn, err error) {
			err = f.hosts["ops"].ns.in(func() error {
				conn, err = new(net.Dialer).DialContext(ctx, "tcp", address)
				return err
			})
			return conn, err
		},
	}
	for _, name := range controllers {
		cfg.Others = append(cfg.Others, trioAddrs[name]+":2149")
	}
	cfg.Address, cfg.Others = cfg.Others[0], cfg.Others[1:]
	return cfg
}

// find returns the path of a file or a directory with a name, below the home directory.
func (h *host) find(name string) (found string) {
	h.t.Helper()
	err := filepath.WalkDir(h.home, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == name && found == "" {
			found = path
		}
		return nil // files come and go
	})
	if err != nil || found == "" {
		h.t.Fatalf("%s has no %s below %s: %v", h.name, name, h.home, err)
	}
	return found
}

// heardSoon is more than the time in which a controller hears the one that leads. One whose lead was
// ended a moment ago counts as deaf until then. If the next one is killed before, that is two faults at
// once, and its lead ends with its session (docs/controllers.md).
const heardSoon = 2 * time.Second

// surviveAsZeekClient asks a follower in the protocol of zeek-client, kills the controller that
// leads, and returns how long it takes until the followers answer again.
func (l *load) surviveAsZeekClient() time.Duration {
	f := l.f
	victim := f.leader()
	var followers []string
	for name := range f.controllers {
		if name != victim {
			followers = append(followers, name)
		}
	}
	cfg := f.operator(followers...)
	dial := func() *client.Client {
		conn, err := client.Dial(f.t.Context(), cfg)
		if err != nil {
			f.t.Fatalf("%v do not take a client: %v", followers, err)
		}
		return conn
	}
	conn := dial()
	defer func() { conn.Close() }()
	asks := func() bool {
		ctx, cancel := context.WithTimeout(f.t.Context(), recovery)
		defer cancel()
		r, err := conn.GetInstances(ctx)
		if err != nil {
			f.t.Logf("through a follower: %v", err)
			conn.Close()
			conn = dial()
		}
		return err == nil && r.Success
	}
	f.await("a follower passes requests on", asks)
	time.Sleep(heardSoon)
	f.hosts[victim].kill()
	began := time.Now()
	f.await("a follower passes requests on again", asks)
	took := time.Since(began).Round(time.Millisecond)
	f.hosts[victim].start(f.controllers[victim])
	f.leader()
	return took
}

// kill ends the daemon by SIGKILL.
func (h *host) kill() {
	h.cmd.Process.Kill()
	h.cmd.Wait()
	h.cmd = nil
}

// checkSensors reads what the agents keep about orders. The terms of what they have obeyed never
// decrease, and one controller leads in each term. No configuration comes back after a later one.
func (f *trio) checkSensors(l *load) {
	for _, name := range []string{"s-1", "s-2"} {
		log, err := audit.OpenToRead(f.hosts[name].find("audit"))
		if err != nil {
			f.t.Fatal(err)
		}
		records, err := log.Read(audit.Query{Limit: audit.MaxLimit, Latest: true})
		log.Close()
		if err != nil {
			f.t.Fatal(err)
		}
		var term uint64
		leaders, orders := map[uint64]string{}, 0
		var configs []string
		for _, r := range records {
			var is uint64
			if n, err := fmt.Sscanf(r.Reason, "in term %d", &is); n != 1 || err != nil {
				continue
			}
			orders++
			if is < term {
				f.t.Errorf("%s has obeyed %s in term %d after term %d: %+v", name, r.Who, is, term, r)
			}
			if term = is; leaders[term] == "" {
				leaders[term] = r.Who
			}
			if leaders[term] != r.Who {
				f.t.Errorf("%s has obeyed %s and %s in term %d", name, leaders[term], r.Who, term)
			}
			if r.Revision != "" && (len(configs) == 0 || configs[len(configs)-1] != r.Revision) {
				configs = append(configs, r.Revision)
			}
		}
		f.t.Logf("%s has obeyed %d orders for %d configurations in %d terms", name, orders, len(configs), len(leaders))
		if orders == 0 || len(configs) < len(l.deployed) {
			f.t.Errorf("%s has records of %d orders and %d configurations, and %d deployments were acknowledged", name, orders, len(configs), len(l.deployed))
		}
		slices.Sort(configs)
		for i := 1; i < len(configs); i++ {
			if configs[i] == configs[i-1] {
				f.t.Errorf("%s was told the configuration %s again, after another one", name, configs[i])
			}
		}
	}
}

// numbered are the lines of a log by their numbers.
type numbered map[uint64]string

// take adds lines, each of which has a number.
func (n numbered) take(_, _ uint64, lines []byte) error {
	for line := range bytes.Lines(lines) {
		var head struct{ Seq uint64 }
		at := bytes.IndexByte(line, '{')
		if err := json.NewDecoder(bytes.NewReader(line[max(at, 0):])).Decode(&head); err != nil || head.Seq == 0 {
			return fmt.Errorf("a line without a number: %.200s: %v", line, err)
		}
		n[head.Seq] = string(line)
	}
	return nil
}

// checkLogs compares the audit and the events that the controllers have kept. What the controller
// that leads has, each other one gets.
func (f *trio) checkLogs() {
	const most = 1 << 20
	read := map[string]func(*host, numbered) (int, error){
		"audit": func(h *host, into numbered) (int, error) {
			log, err := audit.OpenToRead(h.find("audit"))
			if err != nil {
				return 0, err
			}
			defer log.Close()
			return log.Each(0, most, into.take)
		},
		"happenings": func(h *host, into numbered) (int, error) {
			log, err := happenings.OpenToRead(h.find("happenings"))
			if err != nil {
				return 0, err
			}
			defer log.Close()
			return log.Each(0, most, into.take)
		},
	}
	for what, each := range read {
		var logs map[string]numbered
		all := func() bool {
			logs = map[string]numbered{}
			sizes := map[int]bool{}
			for name := range f.controllers {
				logs[name] = numbered{}
				if damaged, err := each(f.hosts[name], logs[name]); damaged > 0 || err != nil {
					f.t.Fatalf("the %s of %s: %d lines are damaged, %v", what, name, damaged, err)
				}
				sizes[len(logs[name])] = true
			}
			return len(sizes) == 1
		}
		f.await("all controllers have as much in their "+what, all)
		for name, lines := range logs {
			for seq, line := range lines {
				if other := logs["c-1"][seq]; other != line {
					f.t.Errorf("record %d in the %s of %s is %q, and %q in that of c-1", seq, what, name, line, other)
				}
			}
			f.t.Logf("%s has %d records in its %s", name, len(lines), what)
		}
	}
}

// releases are the programs of three versions.
var releases = sync.OnceValues(func() (map[string]string, error) {
	all := map[string]string{}
	for _, version := range []string{"2.0.0", "2.0.1", "2.1.0"} {
		path := program + "-" + version
		build := exec.Command("go", "build", "-o", path, "-ldflags", "-X main.version="+version, "github.com/zeekfleet/zeekfleet/cmd/zeekfleet")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build version %s: %w: %s", version, err, out)
		}
		all[version] = path
	}
	return all, nil
})

// lookAsZeekClient asks for the instances in the protocol of zeek-client.
func (l *load) lookAsZeekClient(int) {
	if _, err := l.f.hosts["ops"].try("zeekfleet get-instances"); err != nil {
		l.fails(err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks++
}

// TestControllersAreUpgraded gives one controller after the other another version, as operators and
// systemd do, while users deploy, make tokens and ask as zeek-client does. The first one hands over
// before. The others are told to end while they lead. No command fails.
func TestControllersAreUpgraded(t *testing.T) {
	programs, err := releases()
	if err != nil {
		t.Fatal(err)
	}
	f := newTrio(t)
	l := &load{f: f}
	ctx, stop := context.WithCancel(t.Context())
	loading := make(chan struct{})
	go func() {
		defer close(loading)
		l.run(ctx, append(l.changes(), job{l.lookAsZeekClient, 100 * time.Millisecond})...)
	}()
	defer func() { stop(); <-loading }()
	l.awaitBegun()
	for _, up := range []struct{ name, version, before string }{
		{"c-1", "2.0.0", "zeekfleet controller lead c-2"}, {"c-2", "2.0.1", ""}, {"c-3", "2.1.0", ""},
	} {
		t.Run(up.name, func(t *testing.T) {
			f.t = t
			if leader := f.leader(); leader != up.name {
				f.hosts["ops"].run("zeekfleet controller lead " + up.name)
			}
			if up.before != "" {
				f.hosts["ops"].run(up.before)
				if leader := f.leader(); leader != "c-2" {
					t.Errorf("%s leads, and c-2 was to", leader)
				}
			} else if leader := f.leader(); leader != up.name {
				t.Errorf("%s leads, and %s was to", leader, up.name)
			}
			h := f.hosts[up.name]
			began := time.Now()
			if err := h.cmd.Process.Signal(unix.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := h.cmd.Wait(); err != nil {
				t.Errorf("%s ends with %v", up.name, err)
			}
			t.Logf("%s ended after %v", up.name, time.Since(began).Round(time.Millisecond))
			h.cmd, h.program = nil, programs[up.version]
			h.start(f.controllers[up.name])
			if f.leader() == up.name {
				t.Errorf("%s leads at once, while others led", up.name)
			}
			f.await("its version is shown", func() bool {
				r, err := f.report("c-1")
				return err == nil && slices.ContainsFunc(r.Members, func(m memberOf) bool { return m.Name == up.name && m.Version == up.version })
			})
			l.longestPause(time.Now(), 5)
		})
	}
	f.t = t
	stop()
	<-loading
	for _, why := range l.failed {
		t.Errorf("a command failed: %s", why)
	}
	t.Logf("%d times somebody has asked as zeek-client does", l.looks)
	l.check()
	f.checkSensors(l)
	f.checkLogs()
}
