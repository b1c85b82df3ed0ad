package codec

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

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
	return withExtras(mgmt.Node{
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
		Env:         d.env(&f),
		MetricsPort: f.optPort("metrics_port"),
	})
}

// env reads the environment of a node. Nodes that follow each other often have the same one: they
// share the map, which never changes.
func (d *decoder) env(f *fields) map[string]string {
	v, at := f.optional("env")
	if v.IsNone() {
		return nil
	}
	if d.lastEnv == nil || !zval.Equal(v, d.lastEnv.value) {
		d.lastEnv = &environment{v, tableOf[string](d, v, at, stringElem[string])}
	}
	return d.lastEnv.entries
}

// environment is a table that was read.
type environment struct {
	value   zval.Value
	entries map[string]string
}

// An extra is a field of a node for which Zeek's record has none. It travels as an option.
type extra struct {
	option string
	// text returns the value of the option, and nothing if the node does not have the field.
	text func(n mgmt.Node) string
	// take puts the field into n, unless value is not what text would return.
	take func(n *mgmt.Node, value string) bool
}

var extras = []extra{
	extraOf(mgmt.CommandOption, func(n mgmt.Node) []string { return n.Command }, func(n *mgmt.Node, words []string) { n.Command = words }),
	extraOf(mgmt.BundlesOption, func(n mgmt.Node) []mgmt.Bundle { return n.Bundles }, func(n *mgmt.Node, list []mgmt.Bundle) { n.Bundles = list }),
	extraOf(mgmt.RunOptionsOption, runOptionPairs, func(n *mgmt.Node, pairs [][2]string) {
		for _, p := range pairs {
			n.RunOptions = append(n.RunOptions, mgmt.Option{Name: p[0], Value: p[1]})
		}
	}),
	{option: mgmt.LimitsOption, text: limitsText, take: takeLimits},
	{option: mgmt.BackendOption, text: func(n mgmt.Node) string { return string(n.Backend) }, take: takeBackend},
}

// limits are the Limits of a node as JSON.
type limits struct {
	Memory    uint64 `json:"memory,omitempty"`
	CPUWeight uint64 `json:"cpu_weight,omitempty"`
	Nice      int    `json:"nice,omitempty"`
}

func limitsText(n mgmt.Node) string {
	if n.Limits == (mgmt.Limits{}) {
		return ""
	}
	return jsonText(limits(n.Limits))
}

func takeLimits(n *mgmt.Node, value string) bool {
	var l limits
	if json.Unmarshal([]byte(value), &l) != nil || l == (limits{}) || jsonText(l) != value {
		return false
	}
	n.Limits = mgmt.Limits(l)
	return true
}

func takeBackend(n *mgmt.Node, value string) bool {
	if b := mgmt.Backend(value); b == "" || b.Check() != nil {
		return false
	}
	n.Backend = mgmt.Backend(value)
	return true
}

func runOptionPairs(n mgmt.Node) [][2]string {
	var pairs [][2]string
	for _, o := range n.RunOptions {
		pairs = append(pairs, [2]string{o.Name, o.Value})
	}
	return pairs
}

// extraOf returns the extra whose option has a list as JSON. Each list has one spelling.
func extraOf[T any](option string, list func(mgmt.Node) []T, set func(*mgmt.Node, []T)) extra {
	return extra{
		option: option,
		text: func(n mgmt.Node) string {
			if l := list(n); len(l) > 0 {
				return jsonText(l)
			}
			return ""
		},
		take: func(n *mgmt.Node, value string) bool {
			var l []T
			if json.Unmarshal([]byte(value), &l) != nil || len(l) == 0 || jsonText(l) != value {
				return false
			}
			set(n, l)
			return true
		},
	}
}

// withExtras takes the extras out of the options. Text that has no such form stays an
// option, which controllers and agents refuse.
func withExtras(n mgmt.Node) mgmt.Node {
	if !slices.ContainsFunc(n.Options, func(o mgmt.Option) bool { return strings.HasPrefix(o.Name, fleetModule) }) {
		return n
	}
	return takeExtras(n) // whose n is on the heap
}

func takeExtras(n mgmt.Node) mgmt.Node {
	taken := func(o mgmt.Option) bool {
		for _, e := range extras {
			if o.Name == e.option && e.text(n) == "" {
				return e.take(&n, o.Value)
			}
		}
		return false
	}
	var rest []mgmt.Option
	for _, o := range n.Options {
		if !taken(o) {
			rest = append(rest, o)
		}
	}
	n.Options = rest
	return n
}

// fleetModule begins the names of all extras.
const fleetModule = "Fleet::"

// withExtraOptions puts the extras into the options.
func withExtraOptions(n mgmt.Node) mgmt.Node {
	options := n.Options
	for _, e := range extras {
		if text := e.text(n); text != "" {
			options = append(slices.Clip(options), mgmt.Option{Name: e.option, Value: text})
		}
	}
	n.Options = options
	return n
}

// jsonText returns an extra as the value of its option.
func jsonText(extra any) string {
	text, err := json.Marshal(extra)
	if err != nil {
		panic(fmt.Sprintf("codec: marshal %T: %v", extra, err))
	}
	return string(text)
}

func nodeValue(n mgmt.Node) zval.Value {
	n = withExtraOptions(n)
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
	encoding := v.Encoding()
	if d.known != nil && encoding != "" && encoding == d.known.encoding {
		return d.known.config
	}
	f := d.enter(v, at)
	defer d.pop()
	c := mgmt.Configuration{
		ID: f.strOr("id", ""),
		// Zeek has a default for both. They are required all the same: a truncated
		// configuration must not be taken for one without nodes, which stops every node.
		Instances: requiredSet(&f, "instances", readInstance, instanceValue),
		Nodes:     requiredSet(&f, "nodes", readNode, nodeValue),
	}
	if d.known != nil && encoding != "" && d.err == nil {
		*d.known = Memory{encoding, c}
	}
	return c
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
