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

// ClusterNode is the identifier that every node has. Its value is the node's name.
const ClusterNode = "Cluster::node"

// Errors that a Func may return if there is no value. Their texts are Zeek's.
var (
	// ErrUnknownID says that there is no such identifier.
	ErrUnknownID = errors.New("unknown id")
	// ErrNoValue says that the identifier exists and has no value.
	ErrNoValue = errors.New("no ID value")
)

// Func computes an identifier's value. The node calls it for each request, in a
// goroutine of its own. Several calls may run at once. A Func must return soon after
// ctx is done.
type Func func(ctx context.Context) (any, error)

// Dispatch carries out an action and returns a value for the client that asked for
// the action. The node calls it in the same way as a Func.
type Dispatch func(ctx context.Context, args []string) (any, error)

// Config describes a node. Apart from Name the zero value of every field works.
type Config struct {
	// Name is the node's name in the cluster's configuration.
	Name string
	// Agent is the host:port of the node's agent. Empty means DefaultAgent.
	Agent string
	// Listen is the host:port on which the node accepts connections from other
	// cluster nodes. It ignores what they send. Programs of this host may connect if
	// they run as root or as the node's own user. Empty means that it does not listen.
	Listen string
	// ListenCertFile, ListenKeyFile and ListenCAFile are PEM files: what the node shows
	// cluster nodes that connect, its key, and the authorities that must have signed the
	// certificates of cluster nodes on other hosts. Set all or none. Without them, those
	// are CertFile, KeyFile and CAFile.
	ListenCertFile, ListenKeyFile, ListenCAFile string

	// Identifiers are the identifiers that get_id_value knows beside ClusterNode. An
	// entry is a Func, or a value that must not change after New.
	Identifiers map[string]any
	// Dispatches are the actions that the node knows beside get_id_value.
	Dispatches map[string]Dispatch
	// Timeout bounds each call of a function. If a call takes longer, the node
	// answers with an error. Zero means 4 s, which is less than the time for which
	// agents wait.
	Timeout time.Duration
	// MaxCalls is the greatest number of calls that run at a time. The node answers
	// further requests with an error. Zero means 100.
	MaxCalls int
	// MaxValue is the greatest length, in bytes, of a value's JSON. Instead of a
	// longer value, the node sends an error. Zero means 16 MiB.
	MaxValue int

	// CertFile, KeyFile and CAFile are PEM files: the node's certificate, its key,
	// and the authorities that may sign its agent's certificate. Set all or none.
	// Without them the node uses plain TCP for loopback addresses, and TLS without
	// authentication for all other addresses.
	CertFile, KeyFile, CAFile string
	// DisableTLS makes the node use plain TCP for all addresses. RequireTLS makes it
	// use TLS for loopback addresses as well.
	DisableTLS, RequireTLS bool
	// Retry is the time between attempts to reach the agent. Zero means 1 s.
	Retry time.Duration
	// Topic is the topic of all messages between node and agent. Empty means
	// zeek/management/node.
	Topic string
	// Logger gets the node's log messages. Nil discards them.
	Logger *slog.Logger
}

// DefaultAgent is the host:port on which an agent listens by default.
const DefaultAgent = "127.0.0.1:2151"

// withDefaults checks the config and sets the defaults of fields that are zero.
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

// bus returns the settings of the node's endpoint for its agent.
func (c Config) bus() (bus.Config, error) {
	return c.secured("", c.CertFile, c.KeyFile, c.CAFile)
}

// listenBus returns the settings of the node's endpoint for other nodes.
func (c Config) listenBus() (bus.Config, error) {
	prefix, cert, key, ca := "Listen", c.ListenCertFile, c.ListenKeyFile, c.ListenCAFile
	if cert == "" && key == "" && ca == "" {
		prefix, cert, key, ca = "", c.CertFile, c.KeyFile, c.CAFile
	}
	cfg, err := c.secured(prefix, cert, key, ca)
	cfg.Screen = screen
	return cfg, err
}

// secured returns the settings of an endpoint with these certificates. prefix begins the
// names of their fields.
func (c Config) secured(prefix, cert, key, ca string) (bus.Config, error) {
	cfg := bus.Config{Logger: c.Logger}
	switch given := [3]bool{cert != "", key != "", ca != ""}; given {
	case [3]bool{}:
		return cfg, nil
	case [3]bool{true, true, true}:
	default:
		return cfg, fmt.Errorf("%[1]sCertFile, %[1]sKeyFile and %[1]sCAFile go together", prefix)
	}
	if c.DisableTLS {
		return cfg, errors.New("certificates contradict DisableTLS")
	}
	tls, err := bus.LoadTLS(cert, key, ca)
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
