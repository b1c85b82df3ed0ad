package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/metrics"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/node"
)

// bitsPerUID is the default of Zeek's bits_per_uid.
const bitsPerUID = uint64(96)

// nodeOptions are the flags of `zeekfleet node`.
type nodeOptions struct {
	node.Config
	iface     string
	scripts   []string
	options   string
	transport string
	metrics   string
}

func newNodeCommand(streams) *cobra.Command {
	var o nodeOptions
	cmd := &cobra.Command{
		Use:   "node --name NAME",
		Short: "Run one embedded cluster node",
		Long: "Run one embedded cluster node: it says hello to its agent and answers the\n" +
			"agent's dispatches as a Zeek node does, but it captures nothing. Agents start\n" +
			"such nodes on hosts without Zeek.",
		Args: wantArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			surviveClosedPipes()
			return failed(o.run(cmd))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "name", os.Getenv("CLUSTER_NODE"), "name of the node (CLUSTER_NODE)")
	flags.StringVar(&o.Agent, "agent", node.DefaultAgent, "`host:port` of the agent")
	flags.StringVar(&o.Listen, "listen", "", "`host:port` where cluster peers may connect")
	flags.StringVar(&o.metrics, "metrics-listen", "", "`host:port` where the node serves metrics of its process for Prometheus")
	flags.StringVar(&o.iface, "interface", "", "interface that a Zeek node would capture on")
	flags.StringArrayVar(&o.scripts, "script", nil, "script that a Zeek node would load; it must exist")
	flags.StringVar(&o.options, "options", "", "`file` with options of Zeek that the node has from its start; its agent writes it")
	flags.StringVar(&o.transport, "transport", string(settings.TransportAuto), "transport of the peering with the agent: auto, tls or plain")
	flags.StringVar(&o.CertFile, "tls-cert", "", "PEM `file` with the node's certificate")
	flags.StringVar(&o.KeyFile, "tls-key", "", "PEM `file` with its private key")
	flags.StringVar(&o.CAFile, "tls-ca", "", "PEM `file` with the authorities that the agent's certificate must chain to")
	flags.StringVar(&o.ListenCertFile, "listen-tls-cert", "", "PEM `file` with the certificate for cluster peers (default: that of --tls-cert)")
	flags.StringVar(&o.ListenKeyFile, "listen-tls-key", "", "PEM `file` with its private key")
	flags.StringVar(&o.ListenCAFile, "listen-tls-ca", "", "PEM `file` with the authorities that cluster peers of other hosts must chain to")
	flags.StringVar(&o.Topic, "topic", "", "topic of requests to nodes (default zeek/management/node)")
	return cmd
}

// check returns an error if a flag is missing or has a bad value.
func (o *nodeOptions) check() error {
	if o.Name == "" {
		return errors.New("the node has no name: set --name (CLUSTER_NODE)")
	}
	if host, port, err := net.SplitHostPort(o.Agent); err != nil || host == "" || port == "" {
		return fmt.Errorf("--agent %q should be <host>:<port>", o.Agent)
	}
	if o.metrics != "" {
		if _, err := netip.ParseAddrPort(o.metrics); err != nil {
			return fmt.Errorf("--metrics-listen %q should be <address>:<port>", o.metrics)
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") || (o.CertFile == "") != (o.CAFile == "") {
		return errors.New("--tls-cert, --tls-key and --tls-ca go together")
	}
	if (o.ListenCertFile == "") != (o.ListenKeyFile == "") || (o.ListenCertFile == "") != (o.ListenCAFile == "") {
		return errors.New("--listen-tls-cert, --listen-tls-key and --listen-tls-ca go together")
	}
	switch settings.Transport(o.transport) {
	case settings.TransportAuto:
	case settings.TransportPlain:
		o.DisableTLS = true
	case settings.TransportTLS:
		o.RequireTLS = true
	default:
		return fmt.Errorf("--transport %q is not auto, tls or plain", o.transport)
	}
	return nil
}

func (o *nodeOptions) run(cmd *cobra.Command) error {
	// A node does one thing at a time. Waking a second thread for it would cost
	// more processor time than the work itself.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	for _, script := range o.scripts {
		if err := findScript(script); err != nil {
			return err
		}
	}
	began := time.Now()
	o.Logger = newLogger(cmd.ErrOrStderr(), slog.LevelWarn)
	options, err := o.runOptions()
	if err != nil {
		return err
	}
	o.Identifiers = o.identifiers(began)
	o.Dispatches = map[string]node.Dispatch{mgmt.GetStats: ownStats(began)}
	addOptions(&o.Config, options)
	n, err := node.New(o.Config)
	if err != nil {
		return err
	}
	run := n.Run
	if o.metrics != "" {
		ln, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", o.metrics)
		if err != nil {
			return fmt.Errorf("serve metrics: %w", err)
		}
		run = func(ctx context.Context) error { return o.withMetrics(ctx, ln, n.Run) }
	}
	fmt.Fprintf(cmd.OutOrStdout(), "embedded node %s: it captures nothing\n", o.Name)
	return run(cmd.Context())
}

// withMetrics runs a node that serves metrics, until one of the two ends.
func (o *nodeOptions) withMetrics(asked context.Context, ln net.Listener, run func(context.Context) error) error {
	ctx, end := context.WithCancelCause(asked)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer end(nil)
	serving.Go(func() {
		end(metrics.Serve(ctx, ln, func(context.Context) ([]byte, error) { return metrics.Node(o.Name, programVersion()) }, nil))
	})
	err := run(ctx)
	if err == nil && asked.Err() == nil {
		err = context.Cause(ctx)
	}
	return err
}

// findScript returns an error if Zeek would not find the script: as a file, or as
// a directory with a __load__.zeek, in the working directory or a directory of
// ZEEKPATH. An embedded node executes no scripts, but a missing script must fail
// the node as it fails Zeek.
func findScript(script string) error {
	dirs := []string{"."}
	if !filepath.IsAbs(script) {
		dirs = append(dirs, filepath.SplitList(os.Getenv("ZEEKPATH"))...)
	}
	for _, dir := range dirs {
		path := script
		if !filepath.IsAbs(script) {
			path = filepath.Join(dir, script)
		}
		for _, candidate := range []string{path, path + ".zeek", filepath.Join(path, "__load__.zeek")} {
			if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() {
				return nil
			}
		}
	}
	return fmt.Errorf("can't find %s", script)
}

// identifiers returns the identifiers whose values an embedded node tells.
func (o *nodeOptions) identifiers(began time.Time) map[string]any {
	return map[string]any{
		"bits_per_uid":      bitsPerUID,
		"connection":        node.Func(noValue), // in Zeek this is a type, which has no value
		"interface":         o.iface,
		"Fleet::embedded":   true,
		"Fleet::version":    programVersion(),
		"Fleet::scripts":    o.scripts,
		"Fleet::pid":        os.Getpid(),
		"Fleet::goroutines": node.Func(func(context.Context) (any, error) { return runtime.NumGoroutine(), nil }),
		"Fleet::uptime":     node.Func(func(context.Context) (any, error) { return time.Since(began), nil }),
		"Fleet::memory":     node.Func(memory),
	}
}

func noValue(context.Context) (any, error) { return nil, node.ErrNoValue }

// memory returns how many bytes of memory this process has from the system.
func memory(context.Context) (any, error) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Sys - stats.HeapReleased, nil
}
