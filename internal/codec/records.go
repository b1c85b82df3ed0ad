package codec

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// The records of module Management (spec management-api 2.3), each read and
// written side by side.

func readOption(d *decoder, v zval.Value, at step) mgmt.Option {
	f := d.enter(v, at)
	defer d.pop()
	return mgmt.Option{Name: f.str("name"), Value: f.str("value")}
}

func optionValue(o mgmt.Option) zval.Value {
	return zval.Vector(zval.String(o.Name), zval.String(o.Value))
}

func readInstance(d *decoder, v zval.Value, at step) mgmt.Instance {
	f := d.enter(v, at)
	defer d.pop()
	return mgmt.Instance{
		Name:       f.instanceName("name"),
		Host:       f.addr("host"),
		ListenPort: f.optPort("listen_port"),
	}
}

func instanceValue(in mgmt.Instance) zval.Value {
	return zval.Vector(stringValue(in.Name), addrValue(in.Host), optPortValue(in.ListenPort))
}

func readNode(d *decoder, v zval.Value, at step) mgmt.Node {
	f := d.enter(v, at)
	defer d.pop()
	return withCommand(mgmt.Node{
		Name:     f.nodeName("name"),
		Instance: f.instanceName("instance"),
		Role:     roles.decode(&f, "role"),
		// No script of Zeek's reads this field, so Zeek accepts a node without it.
		State:       states.decodeOr(&f, "state", mgmt.Running),
		Port:        f.optPort("p"),
		Scripts:     optVector(&f, "scripts", stringElem[string]),
		Options:     optSet(&f, "options", readOption, optionValue),
		Interface:   f.optStr("interface"),
		CPUAffinity: f.optInt("cpu_affinity"),
		Env:         optTable[string](&f, "env", stringElem[string]),
		MetricsPort: f.optPort("metrics_port"),
	})
}

// withCommand takes the Command out of the options. Text that is no command stays an
// option, which controllers and agents refuse.
func withCommand(n mgmt.Node) mgmt.Node {
	for i, o := range n.Options {
		if o.Name != mgmt.CommandOption {
			continue
		}
		var words []string
		if json.Unmarshal([]byte(o.Value), &words) != nil || len(words) == 0 || commandText(words) != o.Value {
			continue // a command has one spelling
		}
		n.Command = words
		if n.Options = slices.Delete(slices.Clone(n.Options), i, i+1); len(n.Options) == 0 {
			n.Options = nil
		}
		return n
	}
	return n
}

// withCommandOption puts the Command into the options.
func withCommandOption(n mgmt.Node) mgmt.Node {
	if len(n.Command) == 0 {
		return n
	}
	n.Options = append(slices.Clone(n.Options), mgmt.Option{Name: mgmt.CommandOption, Value: commandText(n.Command)})
	return n
}

// commandText returns a command as the value of its option.
func commandText(words []string) string {
	text, err := json.Marshal(words)
	if err != nil {
		panic(fmt.Sprintf("codec: marshal a list of texts: %v", err))
	}
	return string(text)
}

func nodeValue(n mgmt.Node) zval.Value {
	n = withCommandOption(n)
	if n.Role == "" {
		n.Role = mgmt.ClusterNone
	}
	if n.State == "" {
		n.State = mgmt.Running // as clients send it
	}
	scripts, options := zval.None(), zval.None()
	if n.Scripts != nil {
		scripts = vectorValue(n.Scripts, zval.String)
	}
	if n.Options != nil {
		options = setValue(n.Options, optionValue)
	}
	return zval.Vector(
		stringValue(n.Name), stringValue(n.Instance), roles.encode(n.Role), states.encode(n.State),
		optPortValue(n.Port), scripts, options, optStrValue(n.Interface), optIntValue(n.CPUAffinity),
		tableValue(n.Env, zval.String), optPortValue(n.MetricsPort),
	)
}

func readConfiguration(d *decoder, v zval.Value, at step) mgmt.Configuration {
	f := d.enter(v, at)
	defer d.pop()
	return mgmt.Configuration{
		ID: f.strOr("id", ""),
		// Zeek has a default for both. They are required all the same: a truncated
		// configuration must not be taken for one without nodes, which stops every node.
		Instances: requiredSet(&f, "instances", readInstance, instanceValue),
		Nodes:     requiredSet(&f, "nodes", readNode, nodeValue),
	}
}

func configurationValue(c mgmt.Configuration) zval.Value {
	return zval.Vector(zval.String(c.ID), setValue(c.Instances, instanceValue), setValue(c.Nodes, nodeValue))
}

func readNodeStatus(d *decoder, v zval.Value, at step) mgmt.NodeStatus {
	f := d.enter(v, at)
	defer d.pop()
	return mgmt.NodeStatus{
		Node:        f.nodeName("node"),
		State:       states.decode(&f, "state"),
		MgmtRole:    mgmtRoles.decodeOr(&f, "mgmt_role", mgmt.RoleNone),
		ClusterRole: roles.decodeOr(&f, "cluster_role", mgmt.ClusterNone),
		PID:         f.optInt("pid"),
		Port:        f.optPort("p"),
		MetricsPort: f.optPort("metrics_port"),
	}
}

func nodeStatusValue(s mgmt.NodeStatus) zval.Value {
	if s.MgmtRole == "" {
		s.MgmtRole = mgmt.RoleNone
	}
	if s.ClusterRole == "" {
		s.ClusterRole = mgmt.ClusterNone
	}
	return zval.Vector(
		stringValue(s.Node), stateValue(s.State), mgmtRoles.encode(s.MgmtRole), roles.encode(s.ClusterRole),
		optIntValue(s.PID), optPortValue(s.Port), optPortValue(s.MetricsPort),
	)
}

func readNodeOutputs(d *decoder, v zval.Value, at step) mgmt.NodeOutputs {
	f := d.enter(v, at)
	defer d.pop()
	return mgmt.NodeOutputs{Stdout: f.str("stdout"), Stderr: f.str("stderr")}
}

func nodeOutputsValue(o mgmt.NodeOutputs) zval.Value {
	return zval.Vector(zval.String(o.Stdout), zval.String(o.Stderr))
}

// The fields.

// stateValue writes a state. The empty state is written as unknown.
func stateValue(s mgmt.State) zval.Value {
	if s == "" {
		s = mgmt.Unknown
	}
	return states.encode(s)
}

// addrValue writes an address. An address that is not known is written as 0.0.0.0.
func addrValue(a netip.Addr) zval.Value {
	if !a.IsValid() {
		a = mgmt.UnknownHost
	}
	return zval.Addr(a)
}

// portValue writes a port. A protocol that Zeek does not know is written as Zeek's
// unknown protocol.
func portValue(p mgmt.Port) zval.Value {
	for proto, name := range protos {
		if name == p.Proto {
			return zval.Port(p.Number, zval.Proto(proto))
		}
	}
	return zval.Port(p.Number, zval.ProtoUnknown)
}

func optPortValue(p *mgmt.Port) zval.Value { return optional(p, portValue) }
func optStrValue(s *string) zval.Value     { return optional(s, zval.String) }
func optIntValue(n *int64) zval.Value      { return optional(n, zval.Int) }

func optional[T any](p *T, write func(T) zval.Value) zval.Value {
	if p == nil {
		return zval.None()
	}
	return write(*p)
}

// nameValue writes a name. The empty name is written as unset.
func nameValue[S ~string](s S) zval.Value {
	if s == "" {
		return zval.None()
	}
	return stringValue(s)
}
