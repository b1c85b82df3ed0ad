package mgmt

import "fmt"

// A Backend is the protocol that the Zeek nodes of a cluster speak with each other.
type Backend string

// The backends.
const (
	BrokerBackend Backend = "broker"
	ZeroMQBackend Backend = "zeromq"
)

// BackendOption is the option in which a Backend travels, as CommandOption does for Command.
const BackendOption = "Fleet::backend"

// Check returns an error unless b is empty or one of the backends.
func (b Backend) Check() error {
	if b == "" || b == BrokerBackend || b == ZeroMQBackend {
		return nil
	}
	return fmt.Errorf("the cluster backend '%s' is neither %s nor %s", printable(string(b)), BrokerBackend, ZeroMQBackend)
}

// Title returns the name of the backend for people.
func (b Backend) Title() string {
	switch b {
	case BrokerBackend:
		return "Broker"
	case ZeroMQBackend:
		return "ZeroMQ"
	}
	return string(b)
}

// backends refuses backends that no node can have, and clusters with two.
func (k *checker) backends() {
	var first *Node
	for i, n := range k.nodes {
		if err := n.Backend.Check(); err != nil {
			k.refuse("node '%s': %v", printable(string(n.Name)), err)
			continue
		}
		switch {
		case n.isProgram() && n.Backend != "":
			k.refuse("node '%s' is no Zeek node and has the cluster backend %s", printable(string(n.Name)), n.Backend)
		case n.isProgram():
		case first == nil:
			first = &k.nodes[i]
		case first.Backend != n.Backend:
			k.refuse("node '%s' has the cluster backend %s, and node '%s' has %s: all nodes of a cluster have the same",
				printable(string(first.Name)), orAuto(first.Backend), printable(string(n.Name)), orAuto(n.Backend))
			return
		}
	}
}

func orAuto(b Backend) string {
	if b == "" {
		return "auto"
	}
	return string(b)
}

// backendOf returns the backend of Zeek nodes that use the layout like this. Nothing means
// that the use does not tell.
func (u LayoutUse) backendOf() Backend {
	switch u {
	case ShapeOfLayout:
		return BrokerBackend
	case LoggersOfLayout:
		return ZeroMQBackend
	}
	return ""
}

// Use returns how Zeek nodes with this backend use the layout, if they can be told of changes.
// Of no backend it is WholeLayout.
func (b Backend) Use() LayoutUse {
	switch b {
	case BrokerBackend:
		return ShapeOfLayout
	case ZeroMQBackend:
		return LoggersOfLayout
	}
	return WholeLayout
}

// Backend returns the backend that the plan says for its node: that of the configuration, or
// else what the agent has chosen. Nothing means that the launcher chooses.
func (p Plan) Backend() Backend {
	if p.Node.isProgram() {
		return ""
	}
	if p.Node.Backend != "" {
		return p.Node.Backend
	}
	return p.Use.backendOf()
}

// BackendOf returns the backend with which a process was launched whose fingerprint is f, if
// f is a fingerprint of the node's plan, whatever the backend. Otherwise it returns nothing.
func (p *Plans) BackendOf(name NodeName, f Fingerprint) Backend {
	n, ok := p.nodes[name]
	if !ok || n.isProgram() || f.version() != fingerprintUsed {
		return ""
	}
	for _, use := range []LayoutUse{ShapeOfLayout, LoggersOfLayout} {
		if p.layout.used(n, use) == f {
			return use.backendOf()
		}
	}
	return ""
}
