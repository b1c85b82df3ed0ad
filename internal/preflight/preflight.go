package preflight

import (
	"cmp"
	"context"
	"net/netip"
	"runtime"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config configures the checks. Its zero value works.
type Config struct {
	// Ours returns the PIDs of the nodes that run at that moment, each the leader of
	// its session. A port that one of them holds counts as free: either the agent stops
	// that node first, or that node keeps the port. A node may start while the preflight
	// runs, so Run calls Ours when it has found who holds a port. Nil means none.
	Ours func() []int
	// ScratchDir is the directory for the working directories of script checks. Empty
	// means the system's directory for temporary files.
	ScratchDir string
	// Timeout bounds one check of scripts. Zero means 5 min.
	Timeout time.Duration
	// Memory, if not nil, remembers which checks of scripts have passed. Run does not
	// repeat them while the files that they read are unchanged.
	Memory *Memory
	// Parallel bounds the script checks that run at the same time. Zero means one for
	// each processor.
	Parallel int
	// OutputBytes is how much of the end of stdout and of stderr of a script check is
	// kept. Zero means 16 KiB.
	OutputBytes int
	// PortGrace is how long a problem with a port must last to be found. A process that
	// ends may still hold its port. Zero means 250 ms. A negative value means that the
	// first look counts.
	PortGrace time.Duration
	// MinFree is the free space, in bytes, that each file system needs on which a node
	// writes. Zero means 256 MiB. A negative value turns this check off.
	MinFree int64
	// Kernel tells of the interfaces and the memory of this host. What is nil or empty is that
	// of the host.
	Kernel Kernel
}

func (c Config) withDefaults() Config {
	if c.Ours == nil {
		c.Ours = func() []int { return nil }
	}
	c.Timeout = cmp.Or(max(c.Timeout, 0), 5*time.Minute)
	c.Parallel = cmp.Or(max(c.Parallel, 0), runtime.NumCPU())
	c.OutputBytes = cmp.Or(max(c.OutputBytes, 0), 16<<10)
	c.PortGrace = cmp.Or(c.PortGrace, 250*time.Millisecond)
	c.MinFree = cmp.Or(c.MinFree, 256<<20)
	c.Kernel = c.Kernel.withDefaults()
	return c
}

// Check describes what one node needs. An empty field means that the node does not
// need it.
type Check struct {
	Node mgmt.NodeName
	// Argv and Env are the command that checks the node's scripts, such as
	// `zeek -a`. It must exit with 0 if they load. Argv[0] is an absolute path: the
	// program that the node will run.
	Argv, Env []string
	// Credential is the user as whom the command runs. Nil means that of this process.
	Credential *syscall.Credential
	// Prepare, if not nil, writes the files that the command reads. Run calls it before
	// the command. Calls of Prepare do not overlap.
	Prepare func() error
	// Group is equal for nodes with the same scripts: one check of scripts holds for
	// all nodes of a group. If Group is empty, the check holds only for this node and
	// is not remembered.
	Group string
	// Reads are the files and directories that the command reads, besides those that
	// Group covers. They need not exist.
	Reads []string
	// Scripts must exist where Zeek looks for them: in a directory of ZEEKPATH in Env,
	// or relative to WorkDir. If there is Argv, Scripts is only used to word the
	// finding: a script that Zeek loads is never missing.
	Scripts []string
	// Bundles are the bundles in which the node looks for scripts. A finding names them in
	// place of their directories.
	Bundles []Bundle
	// Program is the program that the node runs if it is no Zeek node: it must be a file
	// that can be run. Empty means that there is none.
	Program string
	// WorkDir is the node's working directory.
	WorkDir string
	// Dirs are further directories in which the node writes, absolute. It must be
	// possible to make those that do not exist.
	Dirs []string
	// Ports are the TCP ports on which the node listens.
	Ports []Port
	// Interface is the interface on which the node captures, as Zeek's option -i takes
	// it: "eth0", "af_packet::eth0".
	Interface string
	// Fanout is the fan-out group of AF_PACKET in which the node captures, if its interface is
	// one of AF_PACKET.
	Fanout Fanout
	// LacksAFPacket says that the node's Zeek cannot capture with AF_PACKET.
	LacksAFPacket bool
	// CPUs are the processors to which the node is bound.
	CPUs []int
	// Doubts are texts for people about the node's cluster. They are no problems.
	Doubts []string
}

// Bundle is a bundle with scripts on this host.
type Bundle struct{ Name, Dir string }

// Port is a TCP port on which a node listens.
type Port struct {
	// Addr is the address. The zero Addr means all addresses.
	Addr   netip.Addr
	Number uint16
	// Use is the purpose of the port in a word, such as "metrics".
	Use string
	// OursAlone says that a process that is not one of our nodes must not be connected
	// with the port. The node cannot tell such a process from a node.
	OursAlone bool
}

// Report is the result of a preflight.
type Report struct {
	// Findings are the problems: first those of the host, then those of nodes, sorted
	// by node.
	Findings []mgmt.Finding
	// Unfinished are the nodes whose check of scripts was interrupted, sorted.
	Unfinished []mgmt.NodeName
	// Capture says what may be wrong where nodes capture: texts for people, and no problems.
	Capture []string
	// Doubts are the Doubts of the checks, each once.
	Doubts []string
}

// Run makes all checks and returns when they have ended. The end of ctx interrupts the
// checks of scripts.
func Run(ctx context.Context, cfg Config, checks []Check) Report {
	cfg = cfg.withDefaults()
	scripts, unfinished := checkScripts(ctx, cfg, checks)
	found := slices.Concat(
		checkPorts(ctx, cfg, checks),
		checkInterfaces(checks),
		checkCapability(checks),
		checkCPUs(checks),
		checkDirs(cfg, checks),
		checkPrograms(checks),
		scripts,
	)
	sort.SliceStable(found, func(i, j int) bool {
		return cmp.Or(cmp.Compare(found[i].Node, found[j].Node), cmp.Compare(found[i].Problem, found[j].Problem)) < 0
	})
	slices.Sort(unfinished)
	var doubts []string
	for _, c := range checks {
		doubts = append(doubts, c.Doubts...)
	}
	slices.Sort(doubts)
	return Report{
		Findings: slices.CompactFunc(found, func(a, b mgmt.Finding) bool { return a == b }), Unfinished: unfinished,
		Capture: captureDoubts(cfg, checks), Doubts: slices.Compact(doubts),
	}
}

// nodeList returns the names of the first few nodes, for a message.
func nodeList(nodes []mgmt.NodeName) string {
	const most = 5
	names := make([]string, 0, most+1)
	for i, n := range nodes {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, string(n))
	}
	return strings.Join(names, ", ")
}
