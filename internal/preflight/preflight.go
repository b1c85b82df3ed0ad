package preflight

import (
	"cmp"
	"context"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config says how checks are made. Its zero value works.
type Config struct {
	// Ours are the processes of nodes that run already, each the leader of its
	// session. A port that one of them holds is as good as free: either its
	// node is stopped first, or it is the one that is to have the port.
	Ours []int
	// ScratchDir is where script checks get their working directories. Empty
	// means the system's directory for temporary files.
	ScratchDir string
	// Timeout bounds one check of scripts. Zero means 5 min.
	Timeout time.Duration
	// Memory, if not nil, knows which checks of scripts have passed already.
	// Those are not made again while nothing that they read has changed.
	Memory *Memory
	// Parallel bounds the script checks that run at a time. Zero means one for
	// each processor.
	Parallel int
	// OutputBytes bounds what is kept of each output stream of a script check:
	// its end. Zero means 16 KiB.
	OutputBytes int
	// MinFree is the room in bytes that each file system must have on which a
	// node writes. Zero means 256 MiB, less than zero that it does not matter.
	MinFree int64
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(max(c.Timeout, 0), 5*time.Minute)
	c.Parallel = cmp.Or(max(c.Parallel, 0), runtime.NumCPU())
	c.OutputBytes = cmp.Or(max(c.OutputBytes, 0), 16<<10)
	c.MinFree = cmp.Or(c.MinFree, 256<<20)
	return c
}

// Check is what one node needs. Fields that are empty do not apply to it.
type Check struct {
	Node mgmt.NodeName
	// Argv and Env are the command that checks the node's scripts, such as
	// `zeek -a`: it exits with 0 if they load. Argv[0] is an absolute path, and
	// the program that the node will be.
	Argv, Env []string
	// Prepare, if not nil, writes what that command reads. It is called before,
	// by one goroutine at a time.
	Prepare func() error
	// Group is the same for nodes of which one check of scripts tells about all.
	// Empty: it tells about this node alone, and is not remembered.
	Group string
	// Reads are the files and directories that the command reads, whether they
	// exist or not, beyond what Group stands for.
	Reads []string
	// Scripts must be found as Zeek finds them: below a directory of ZEEKPATH in
	// Env, or relative to WorkDir. With Argv this only words the finding: what
	// Zeek loads is found, wherever it was.
	Scripts []string
	// WorkDir is the node's working directory.
	WorkDir string
	// Dirs are further directories in which the node writes; absolute. Those
	// that do not exist must be possible to make.
	Dirs []string
	// Ports are the TCP ports on which the node listens.
	Ports []Port
	// Interface is what the node captures on, in Zeek's words: "eth0",
	// "af_packet::eth0".
	Interface string
	// CPUs are the processors to which the node is bound.
	CPUs []int
}

// Port is a TCP port on which a node listens.
type Port struct {
	// Addr is where; the zero Addr is on all addresses.
	Addr   netip.Addr
	Number uint16
	// Use says what for, in a word: "metrics".
	Use string
}

// Report is what is known when a preflight ends.
type Report struct {
	// Findings are the problems, those of the host first and then by node.
	Findings []mgmt.Finding
	// Unfinished names the nodes whose scripts were not checked to the end,
	// sorted.
	Unfinished []mgmt.NodeName
}

// Run makes all checks. It ends with ctx, or as soon as all is known.
func Run(ctx context.Context, cfg Config, checks []Check) Report {
	cfg = cfg.withDefaults()
	scripts, unfinished := checkScripts(ctx, cfg, checks)
	found := slices.Concat(
		checkPorts(ctx, cfg, checks),
		checkInterfaces(checks),
		checkCapability(checks),
		checkCPUs(checks),
		checkDirs(cfg, checks),
		scripts,
	)
	slices.SortStableFunc(found, func(a, b mgmt.Finding) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Problem, b.Problem))
	})
	slices.Sort(unfinished)
	return Report{slices.CompactFunc(found, func(a, b mgmt.Finding) bool { return a == b }), unfinished}
}

// nodeList names nodes, the first few of them.
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
