package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
)

func TestMain(m *testing.M) {
	fakezeek.MainIfCalled()
	os.Exit(m.Run())
}

// BenchmarkDeployments deploys nodes that run a fake Zeek, which is no part of the product, so
// that "zeekfleet bench" has no such figures. The first fake costs as much as a real Zeek:
// one second of a processor to read its scripts, with -a too, and one second to start. The
// second one takes five seconds to read its scripts.
func BenchmarkDeployments(b *testing.B) {
	dir := b.TempDir()
	build := exec.CommandContext(b.Context(), "go", "build", "-o", filepath.Join(dir, "zeekfleet"), "../../cmd/zeekfleet")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", build, err, out)
	}
	for _, part := range []struct {
		name    string
		measure func(context.Context, string) ([]figure, error)
	}{{"five", fiveNodes}, {"forty", fortyWorkers}, {"idle", idleZeeks}} {
		b.Run(part.name, func(b *testing.B) {
			figures, err := part.measure(b.Context(), dir)
			if err != nil {
				b.Fatal(err)
			}
			for _, f := range figures {
				b.Log(strings.Join(f.cells(&reference{}), "  "))
			}
			b.ReportMetric(0, "ns/op") // the figures are in the log
		})
	}
}

// idleZeeks measures what samples cost an agent with twenty fake Zeeks.
func idleZeeks(ctx context.Context, dir string) ([]figure, error) {
	return idleProcessors(ctx, dir, "stand-ins of Zeek", func(ctx context.Context, dir, name string) (*processes, error) {
		z, err := startZeekCluster(ctx, dir, name)
		if err != nil {
			return nil, err
		}
		return z.processes, nil
	})
}

// zeekCluster is a controller and an agent whose nodes are fake Zeek processes.
type zeekCluster struct {
	*processes
	counts string // the path of a file with one line for each check of scripts
}

func startZeekCluster(ctx context.Context, dir, name string, env ...string) (*zeekCluster, error) {
	bin := filepath.Join(dir, name+"-bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return nil, err
	}
	zeek, err := fakezeek.Install(bin)
	if err != nil {
		return nil, err
	}
	counts := filepath.Join(bin, "checks")
	env = append([]string{
		"ZEEKFLEET_NODE_KIND=zeek", "ZEEKFLEET_ZEEK=" + zeek, "ZEEK_MANAGEMENT_SPOOL_DIR=" + bin, "ZEEKFLEET_ARCHIVE_LOGS=false",
		"ZEEKFLEET_CONTROLLER_DEPLOY_TIMEOUT=60s", "ZEEKFLEET_AGENT_DEPLOY_TIMEOUT=50s", "FAKEZEEK_CHECKS=" + counts,
	}, env...)
	p, err := startDaemons(ctx, dir, name, env...)
	return &zeekCluster{p, counts}, err
}

// deployed deploys c. It returns how long the deployment took, and how many checks
// of scripts were made for it.
func (z *zeekCluster) deployed(ctx context.Context, c client.Configuration) (time.Duration, int, error) {
	before := z.checks()
	began := time.Now()
	err := deploy(ctx, z.client, c)
	return time.Since(began), z.checks() - before, err
}

func (z *zeekCluster) checks() int {
	text, _ := os.ReadFile(z.counts) // the file does not exist before the first check
	return strings.Count(string(text), "\n")
}

func fiveNodes(ctx context.Context, dir string) (figures []figure, err error) {
	z, err := startZeekCluster(ctx, dir, "five", "FAKEZEEK_BUSY=1", "FAKEZEEK_PARSE=1s", "FAKEZEEK_START=1s")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, z.stop()) }()
	roles := map[client.NodeName]client.ClusterRole{
		"manager": client.Manager, "logger": client.Logger, "proxy": client.Proxy, "worker-1": client.Worker, "worker-2": client.Worker,
	}
	for _, which := range []string{"checked as the agent started", "with a variable of their own", "with other ports"} {
		c, err := portNodes(which, roles)
		if err != nil {
			return nil, err
		}
		for i := range c.Nodes {
			if c.Nodes[i].Role == client.Worker {
				c.Nodes[i].Interface = new("lo")
			}
			if len(figures) > 0 {
				c.Nodes[i].Env = map[string]string{"OWN": "1"}
			}
		}
		took, checks, err := z.deployed(ctx, c)
		if err != nil {
			return nil, err
		}
		// The seconds of a processor for all checks and starts, divided by the
		// number of processors that can share them.
		sum := float64(checks+2*len(c.Nodes)) / float64(min(runtime.NumCPU(), len(c.Nodes)))
		figures = append(figures,
			atMost(fmt.Sprintf("five nodes, %d checks, %s", checks, which), took.Seconds(), "s", 1.5*sum),
			figure{what: "… what checks and starts take of the processors there are", value: sum, unit: "s"})
	}
	return figures, nil
}

func fortyWorkers(ctx context.Context, dir string) (figures []figure, err error) {
	z, err := startZeekCluster(ctx, dir, "forty", "FAKEZEEK_PARSE=5s")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, z.stop()) }()
	roles := map[client.NodeName]client.ClusterRole{"manager": client.Manager}
	for i := range 40 {
		roles[client.NodeName(fmt.Sprint("worker-", i+1))] = client.Worker
	}
	c, err := portNodes("forty", roles)
	if err != nil {
		return nil, err
	}
	took, checks, err := z.deployed(ctx, c)
	return []figure{
		atMost("40 workers, 5 s to read scripts, first deployment", took.Seconds(), "s", 20),
		atMost("… checks made for them and their manager", float64(checks), "", 2),
	}, err
}
