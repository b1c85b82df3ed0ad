package migration_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/migration"
	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// host is a host for tests: /proc and zeekctl's spool in a directory.
type host struct {
	t   *testing.T
	dir string
}

func (h host) write(path, text string) {
	h.t.Helper()
	path = filepath.Join(h.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// process lets a process live.
func (h host) process(pid int, cpus string, env []string, args ...string) {
	dir := filepath.Join("proc", strconv.Itoa(pid))
	h.write(filepath.Join(dir, "stat"), fmt.Sprintf("%d (zeek) S 1 7 6%s 4711 0", pid, strings.Repeat(" 0", 15)))
	h.write(filepath.Join(dir, "cmdline"), strings.Join(args, "\x00")+"\x00")
	h.write(filepath.Join(dir, "status"), "Name:\tzeek\nCpus_allowed_list:\t"+cpus+"\n")
	h.write(filepath.Join(dir, "environ"), strings.Join(env, "\x00")+"\x00")
}

// started lets zeekctl have started a node that took some seconds to run.
func (h host) started(node string, pid, took int) {
	const start = 1_700_000_000
	dir := filepath.Join("spool", node)
	h.write(filepath.Join(dir, ".pid"), strconv.Itoa(pid)+"\n")
	h.write(filepath.Join(dir, ".startup"), strconv.Itoa(start)+"\nsome day\n")
	h.write(filepath.Join(dir, ".status"), "RUNNING [zeek_init]\n")
	at := time.Unix(start, 0).Add(time.Duration(took) * time.Second)
	if err := os.Chtimes(filepath.Join(h.dir, dir, ".status"), at, at); err != nil {
		h.t.Fatal(err)
	}
}

func (h host) handover(r *migration.Result) string {
	h.t.Helper()
	out, err := r.Handover(migration.HandoverOptions{
		This:  migration.This{Hostname: "mgr.example.org", Addresses: []netip.Addr{netip.MustParseAddr("10.1.0.2")}, Proc: procfs.Dir(filepath.Join(h.dir, "proc"))},
		Paths: []string{"/opt/zeek"},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	var b strings.Builder
	out.Print(&b)
	return strings.ReplaceAll(b.String()+fmt.Sprintf("differs: %v\n", out.Differs()), h.dir, "DIR")
}

const checked = "[manager]\ntype=manager\nhost=mgr\n[proxy-1]\ntype=proxy\nhost=mgr\n[worker-1]\ntype=worker\nhost=10.1.0.2\ninterface=eth0\n" +
	"lb_method=af_packet\nlb_procs=3\npin_cpus=2,3,4\nenv_vars=SECRET=x\n[worker-2]\ntype=worker\nhost=far\ninterface=eth0\n"

func TestHandoverFromZeekctl(t *testing.T) {
	h := host{t, t.TempDir()}
	r, err := migration.FromZeekctl(zeekctl.Files{
		Node:    zeekctl.File{Name: "node.cfg", Text: []byte(checked)},
		Options: zeekctl.File{Name: "zeekctl.cfg", Text: []byte("SpoolDir = " + filepath.Join(h.dir, "spool") + "\nStopTimeout = 30\nMetricsPort = 9100\n")},
	}, importing)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/handover/nothing.txt", h.handover(r), *update)

	h.started("manager", 11, 4)
	h.process(11, "0-7", []string{"CLUSTER_NODE=manager"}, "/opt/zeek/bin/zeek", "-U", ".status")
	h.started("worker-1-1", 21, 9)
	h.process(21, "2", []string{"SECRET=x"}, "/opt/zeek/bin/zeek", "-i", "af_packet::eth0", "-U", ".status")
	h.started("worker-1-2", 22, 3)
	h.process(22, "0-7", []string{"SECRET=y"}, "/opt/zeek/bin/zeek", "-i", "eth1", "-U", ".status")
	h.started("worker-1-3", 23, 3)
	h.process(23, "4", nil, "/usr/bin/vi", "zeek") // the PID belongs to another program now
	h.started("worker-9", 29, 3)
	h.process(29, "0", nil, "/opt/zeek/bin/zeek", "-i", "eth9")
	h.started("proxy-1", -1, 3)
	h.write("spool/tmp/x", "")
	golden.Check(t, "testdata/handover/zeekctl.txt", h.handover(r), *update)
	h.write("spool/manager/.pid", "eleven")
	if _, err := r.Handover(migration.HandoverOptions{}); err == nil || !strings.Contains(err.Error(), `"eleven" is not the number of a process`) {
		t.Errorf("a file without a number: %v", err)
	}
}

// A manager with an address is where the controller is: no command has a gap.
func TestHandoverNamesTheController(t *testing.T) {
	h := host{t, t.TempDir()}
	r, err := migration.FromZeekctl(zeekctl.Files{
		Node:    zeekctl.File{Name: "node.cfg", Text: []byte(strings.ReplaceAll(checked, "host=mgr", "host=10.1.0.1"))},
		Options: zeekctl.File{Name: "zeekctl.cfg", Text: []byte("SpoolDir = " + filepath.Join(h.dir, "spool") + "\n")},
	}, importing)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/handover/addresses.txt", h.handover(r)+r.SettingsComment(), *update)
}

func TestHandoverOfAStandaloneZeek(t *testing.T) {
	h := host{t, t.TempDir()}
	r, err := migration.FromZeekctl(zeekctl.Files{
		Node:    zeekctl.File{Name: "node.cfg", Text: []byte("[zeek]\ntype=standalone\nhost=localhost\ninterface=eth0\n")},
		Options: zeekctl.File{Name: "zeekctl.cfg", Text: []byte("SpoolDir = " + filepath.Join(h.dir, "spool") + "\n")},
	}, importing)
	if err != nil {
		t.Fatal(err)
	}
	h.started("zeek", 11, 6)
	h.process(11, "0-7", nil, "/opt/zeek/bin/zeek", "-i", "eth0")
	golden.Check(t, "testdata/handover/standalone.txt", h.handover(r), *update)
}

func TestHandoverFromUnits(t *testing.T) {
	h := host{t, t.TempDir()}
	r, err := migration.FromZeekConf([]zeekctl.File{{Name: "zeek.conf", Text: []byte("[zeek]\nmanager = 1\n[interface a]\ninterface = eth0\nworkers = 1\nworkers_cpu_list = 1\n")}}, importing)
	if err != nil {
		t.Fatal(err)
	}
	h.process(11, "0-7", []string{"CLUSTER_NODE=manager"}, "/opt/zeek/bin/zeek")
	h.process(12, "1", []string{"CLUSTER_NODE=worker-a-1"}, "/opt/zeek/bin/zeek", "-i", "eth0")
	golden.Check(t, "testdata/handover/units.txt", h.handover(r), *update)
}
