package coretest

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Configuration takes all words: "ID INSTANCE... | NODE...", or the name of a
// cluster. Without ID and instances it is the configuration "config" of the
// instance host; without an instance, nodes are host's.
func (a *Args) Configuration() mgmt.Configuration {
	bar := slices.Index(a.words, word{text: "|"})
	if bar < 0 {
		name := a.Next()
		c, known := a.clusters[name]
		if !known {
			a.fail(fmt.Errorf("no cluster %q", name))
		}
		return c
	}
	c := mgmt.Configuration{ID: "config", Instances: []mgmt.Instance{{Name: host, Host: mgmt.UnknownHost}}}
	if bar > 0 {
		c = mgmt.Configuration{ID: a.Next()}
		for range bar - 1 {
			c.Instances = append(c.Instances, a.instance())
		}
	}
	a.Next()
	c.Nodes = a.Nodes()
	return c
}

// host is the instance of nodes that name none.
const host mgmt.InstanceName = "host"

// instance takes NAME, NAME@HOST or NAME@HOST:PORT.
func (a *Args) instance() mgmt.Instance {
	name, where, _ := strings.Cut(a.Next(), "@")
	in := mgmt.Instance{Name: mgmt.InstanceName(name), Host: mgmt.UnknownHost}
	if addr, err := netip.ParseAddrPort(where); err == nil {
		in.Host, in.ListenPort = addr.Addr(), new(mgmt.TCPPort(addr.Port()))
	} else if where != "" {
		in.Host, err = netip.ParseAddr(where)
		a.fail(err)
	}
	return in
}

// Nodes takes all words, each a node: NAME[:ROLE][@INSTANCE][:PORT[:METRICSPORT]]
// and then any of ,interface=NAME ,cpu=NUMBER ,script=NAME ,OPTION::NAME=VALUE
// ,VARIABLE=VALUE ,bundle=NAME:HEX ,data=NAME:HEX (see Bundle) ,set=OPTION::NAME=VALUE
// (of the RunOptions, sorted by name) ,memory=SIZE ,weight=NUMBER ,nice=NUMBER (of the Limits). Without a role it is the one that the name begins with, else
// worker.
func (a *Args) Nodes() (nodes []mgmt.Node) {
	for a.Left() > 0 {
		nodes = append(nodes, a.node())
	}
	return nodes
}

func (a *Args) node() mgmt.Node {
	attributes := strings.Split(a.Next(), ",")
	who, where, _ := strings.Cut(attributes[0], "@")
	name, role, hasRole := strings.Cut(who, ":")
	place := append(strings.Split(where, ":"), "", "")
	n := mgmt.Node{Name: mgmt.NodeName(name), Instance: mgmt.InstanceName(place[0]), Role: roleOf(name), State: mgmt.Running}
	if hasRole {
		n.Role = mgmt.ClusterRole(strings.ToUpper(role))
	}
	if n.Instance == "" {
		n.Instance = host
	}
	n.Port, n.MetricsPort = a.port(place[1]), a.port(place[2])
	for _, attribute := range attributes[1:] {
		name, value, _ := strings.Cut(attribute, "=")
		a.fail(set(&n, name, value))
	}
	return n
}

func set(n *mgmt.Node, name, value string) error {
	switch {
	case name == "interface":
		n.Interface = &value
	case name == "cpu":
		number, err := strconv.ParseInt(value, 10, 64)
		n.CPUAffinity = &number
		return err
	case name == "script":
		n.Scripts = append(n.Scripts, value)
	case name == "bundle" || name == "data":
		b, err := Bundle(name, value)
		n.Bundles = append(n.Bundles, b)
		return err
	case name == "set":
		option, value, _ := strings.Cut(value, "=")
		n.RunOptions = append(n.RunOptions, mgmt.Option{Name: option, Value: value})
	case name == "backend":
		n.Backend = mgmt.Backend(value)
	case name == "memory" || name == "weight" || name == "nice":
		return setLimit(&n.Limits, name, value)
	case strings.Contains(name, "::"):
		n.Options = append(n.Options, mgmt.Option{Name: name, Value: value})
	default:
		if n.Env == nil {
			n.Env = map[string]string{}
		}
		n.Env[name] = value
	}
	return nil
}

func setLimit(l *mgmt.Limits, name, value string) (err error) {
	switch name {
	case "memory":
		l.Memory, err = mgmt.ParseSize(value, mgmt.MinMemoryLimit)
	case "weight":
		l.CPUWeight, err = strconv.ParseUint(value, 10, 64)
	default:
		l.Nice, err = strconv.Atoi(value)
	}
	return err
}

func (a *Args) port(text string) *mgmt.Port {
	if text == "" {
		return nil
	}
	number, err := strconv.ParseUint(text, 10, 16)
	a.fail(err)
	if number == 0 {
		return new(mgmt.NoPort)
	}
	return new(mgmt.TCPPort(uint16(number)))
}

func roleOf(name string) mgmt.ClusterRole {
	for _, role := range []mgmt.ClusterRole{mgmt.Logger, mgmt.Manager, mgmt.Proxy} {
		if strings.HasPrefix(strings.ToUpper(name), string(role)) {
			return role
		}
	}
	return mgmt.Worker
}

// Configuration writes what Args.Configuration reads.
func Configuration(c mgmt.Configuration) string {
	words := append([]string{quote(c.ID)}, instances(c.Instances)...)
	words = append(words, "|")
	for _, n := range c.Nodes {
		words = append(words, node(n))
	}
	return strings.Join(words, " ")
}

func instances(list []mgmt.Instance) (words []string) {
	for _, in := range list {
		switch {
		case in.ListenPort != nil:
			words = append(words, string(in.Name)+"@"+netip.AddrPortFrom(in.Host, in.ListenPort.Number).String())
		case mgmt.KnownHost(in.Host):
			words = append(words, string(in.Name)+"@"+in.Host.String())
		default:
			words = append(words, string(in.Name))
		}
	}
	return words
}

func node(n mgmt.Node) string {
	text := string(n.Name)
	if n.Role != roleOf(text) {
		text += ":" + strings.ToLower(string(n.Role))
	}
	text += "@" + string(n.Instance)
	if n.Port != nil || n.MetricsPort != nil {
		text += ":" + port(n.Port)
	}
	if n.MetricsPort != nil {
		text += ":" + port(n.MetricsPort)
	}
	if n.Interface != nil {
		text += ",interface=" + *n.Interface
	}
	if n.CPUAffinity != nil {
		text += fmt.Sprintf(",cpu=%d", *n.CPUAffinity)
	}
	for _, script := range n.Scripts {
		text += ",script=" + script
	}
	for _, o := range n.Options {
		text += "," + o.Name + "=" + o.Value
	}
	for _, word := range bundleWords(n.Bundles) {
		text += "," + word
	}
	for _, o := range n.RunOptions {
		text += ",set=" + o.Name + "=" + o.Value
	}
	text += limitWords(n.Limits)
	if n.Backend != "" {
		text += ",backend=" + string(n.Backend)
	}
	for _, name := range slices.Sorted(maps.Keys(n.Env)) {
		text += "," + name + "=" + n.Env[name]
	}
	return quote(text)
}

// limitWords writes what setLimit reads.
func limitWords(l mgmt.Limits) (text string) {
	if l.Memory != 0 {
		text += ",memory=" + mgmt.SizeText(l.Memory)
	}
	if l.CPUWeight != 0 {
		text += fmt.Sprintf(",weight=%d", l.CPUWeight)
	}
	if l.Nice != 0 {
		text += fmt.Sprintf(",nice=%d", l.Nice)
	}
	return text
}

// Bundle takes the bundle of a node: its kind is "bundle" or "data", and its content is
// written as NAME:HEX, where zeros at the beginning of the hash are left out.
func Bundle(kind, content string) (mgmt.Bundle, error) {
	name, hex, _ := strings.Cut(content, ":")
	b := mgmt.Bundle{Name: name, Kind: mgmt.ScriptBundle, Hash: mgmt.BundleHash("sha256:" + strings.Repeat("0", max(0, 64-len(hex))) + hex)}
	if kind == "data" {
		b.Kind = mgmt.DataBundle
	}
	return b, b.Hash.Check()
}

// bundleWords writes what Bundle reads.
func bundleWords(list []mgmt.Bundle) (words []string) {
	for _, b := range list {
		kind := "bundle"
		if b.Kind == mgmt.DataBundle {
			kind = "data"
		}
		words = append(words, kind+"="+b.Name+":"+hashWord(b.Hash))
	}
	return words
}

// hashWord writes a hash without the zeros at its beginning.
func hashWord(h mgmt.BundleHash) string {
	if h == "" {
		return "-"
	}
	return strings.TrimLeft(h.Digits(), "0")
}

func bundles(list []mgmt.Bundle) string { return strings.Join(bundleWords(list), " ") }

func port(p *mgmt.Port) string {
	if p == nil {
		return ""
	}
	return strconv.Itoa(int(p.Number))
}
