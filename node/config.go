package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// ClusterNode is the identifier that every node has: its own name.
const ClusterNode = "Cluster::node"

// Errors with which a Func says why there is no value, in Zeek's words.
var (
	// ErrUnknownID says that there is no such identifier.
	ErrUnknownID = errors.New("unknown id")
	// ErrNoValue says that the identifier exists and has no value.
	ErrNoValue = errors.New("no ID value")
)

// Func computes an identifier's value whenever it is asked for. It runs in a
// goroutine of its own, may run several times at once, and must return soon
// after ctx is done.
type Func func(ctx context.Context) (any, error)

// Dispatch carries out an action. Its result goes to whoever asked. It runs as
// a Func does.
type Dispatch func(ctx context.Context, args []string) (any, error)

// Config describes a node. Apart from Name the zero value of every field works.
type Config struct {
	// Name is the node's name in the cluster's configuration.
	Name string
	// Agent is the host:port of the node's agent. Empty means DefaultAgent.
	Agent string
	// Listen is the host:port at which other cluster nodes may connect. What
	// they send is ignored. Empty means that they may not.
	Listen string

	// Identifiers are what get_id_value knows beside ClusterNode: values, which
	// must not change any more, and Funcs.
	Identifiers map[string]any
	// Dispatches are actions beside get_id_value.
	Dispatches map[string]Dispatch
	// Timeout bounds each call of a function. One that takes longer is answered
	// with an error. Zero means 4 s, which is less than agents wait.
	Timeout time.Duration
	// MaxCalls bounds the calls that run at a time; further ones are answered
	// with an error. Zero means 100.
	MaxCalls int
	// MaxValue bounds a value's JSON in bytes; a longer one is answered with an
	// error. Zero means 16 MiB.
	MaxValue int

	// CertFile, KeyFile and CAFile are PEM files: the node's certificate and key,
	// and the authorities that its agent's certificate must chain to. Without
	// them the node speaks plain TCP to loopback addresses and unauthenticated
	// TLS to all others.
	CertFile, KeyFile, CAFile string
	// DisableTLS has the node speak plain TCP to all addresses; RequireTLS has it
	// speak TLS to loopback addresses as well.
	DisableTLS, RequireTLS bool
	// Retry is the time between attempts to reach the agent. Zero means 1 s.
	Retry time.Duration
	// Topic is where node and agent meet. Empty means zeek/management/node.
	Topic string
	// Logger receives what happens. Nil discards it.
	Logger *slog.Logger
}

// DefaultAgent is where an agent listens, unless it is told otherwise.
const DefaultAgent = "127.0.0.1:2151"

// withDefaults checks the config and fills in what is zero.
func (c Config) withDefaults() (Config, error) {
	if err := c.check(); err != nil {
		return c, err
	}
	c.Agent = cmp.Or(c.Agent, DefaultAgent)
	c.Timeout = cmp.Or(c.Timeout, 4*time.Second)
	c.MaxCalls = cmp.Or(c.MaxCalls, 100)
	c.MaxValue = cmp.Or(c.MaxValue, 16<<20)
	c.Topic = cmp.Or(c.Topic, mgmt.NodeTopic)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func (c Config) check() error {
	if err := mgmt.CheckName(c.Name); err != nil {
		return fmt.Errorf("name %q: %v", c.Name, err)
	}
	if c.DisableTLS && c.RequireTLS {
		return errors.New("DisableTLS contradicts RequireTLS")
	}
	switch {
	case c.Timeout < 0:
		return negative("Timeout")
	case c.MaxCalls < 0:
		return negative("MaxCalls")
	case c.MaxValue < 0:
		return negative("MaxValue")
	case c.Retry < 0:
		return negative("Retry")
	}
	if _, ok := c.Identifiers[ClusterNode]; ok {
		return fmt.Errorf("identifier %s is the node's name already", ClusterNode)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Identifiers)) {
		val := c.Identifiers[name]
		if _, ok := asFunc(val); !ok && reflect.ValueOf(val).Kind() == reflect.Func {
			return fmt.Errorf("identifier %s is nil or a function that is no Func", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Dispatches)) {
		if name == mgmt.GetIDValue {
			return fmt.Errorf("dispatch %s exists already; its values are Identifiers", name)
		}
		if c.Dispatches[name] == nil {
			return fmt.Errorf("dispatch %s has no function", name)
		}
	}
	return nil
}

func negative(field string) error { return fmt.Errorf("%s is negative", field) }

// bus returns the settings of the node's endpoint.
func (c Config) bus() (bus.Config, error) {
	cfg := bus.Config{Logger: c.Logger}
	switch given := [3]bool{c.CertFile != "", c.KeyFile != "", c.CAFile != ""}; given {
	case [3]bool{}:
		return cfg, nil
	case [3]bool{true, true, true}:
	default:
		return cfg, errors.New("CertFile, KeyFile and CAFile go together")
	}
	if c.DisableTLS {
		return cfg, errors.New("certificates contradict DisableTLS")
	}
	tls, err := bus.LoadTLS(c.CertFile, c.KeyFile, c.CAFile)
	cfg.TLS = tls
	return cfg, err
}

func (c Config) transport() bus.Transport {
	switch {
	case c.DisableTLS:
		return bus.TransportPlain
	case c.RequireTLS:
		return bus.TransportTLS
	}
	return bus.TransportAuto
}
