package mgmt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Fingerprint stands for a plan. If a node's old and new plan have the same
// fingerprint, the node needs no restart. A fingerprint is the version of its
// rendering and 32 hex digits, such as "1:2f60…". A fingerprint of version 0 is the
// digits alone.
//
// A node's process keeps the fingerprint from its start, and may outlive the
// program that started it. A newer program must still compare that fingerprint. So
// it renders the plan in the version of the fingerprint, and the rendering of a
// version never changes.
type Fingerprint string

// The versions of fingerprints. Version 1 has the whole layout of the cluster: it is for
// nodes that cannot be told of a change. Version 2 has the LayoutFacts of the node.
const (
	fingerprintWhole = "1"
	fingerprintUsed  = "2"
)

// Check returns an error if this program cannot compare f with a plan, because a
// newer program made it.
func (f Fingerprint) Check() error {
	switch v := f.version(); v {
	case "0", fingerprintWhole, fingerprintUsed:
		return nil
	default:
		return fmt.Errorf("fingerprint %q has version %q, this program knows versions 0 to %s", string(f), v, fingerprintUsed)
	}
}

func (f Fingerprint) version() string {
	if version, _, ok := strings.Cut(string(f), ":"); ok {
		return version
	}
	return "0"
}

// Whole reports whether f has the whole layout of the cluster. A node that was launched
// with such a fingerprint cannot be told of a change of the layout.
func (f Fingerprint) Whole() bool { return f.version() != fingerprintUsed }

// layout is the layout of a cluster. Each version of fingerprints renders it
// once, for the plans of all nodes.
type layout struct {
	entries     map[NodeName]ClusterEndpoint
	names       []NodeName // of entries, sorted; nil: not made yet
	oneInstance bool       // as in Plan
	drawn       *outline   // for version 2; nil: not made yet
	wholes      map[NodeName]Fingerprint
	action      []string // of Telling; nil: not made yet

	digested string // for version 1, and for telling nodes; empty: not made yet
	json     []byte // for version 0; nil: not made yet
}

// newLayout returns the layout of c's cluster. The nodes of a configuration are a set that is
// sorted nearly always: then nobody sorts the names.
func newLayout(c Configuration) layout {
	l := layout{entries: layoutOf(c)}
	names := make([]NodeName, 0, len(c.Nodes))
	for i := range c.Nodes {
		if n := &c.Nodes[i]; !n.isProgram() {
			names = append(names, n.Name)
		}
	}
	if len(names) == len(l.entries) && slices.IsSorted(names) {
		l.names = names
	}
	return l
}

// sorted returns the names of the entries, sorted.
func (l *layout) sorted() []NodeName {
	if l.names == nil {
		l.names = slices.Sorted(maps.Keys(l.entries))
	}
	return l.names
}

// is reports whether f is a fingerprint of the plan of n. A fingerprint of version 2
// counts for the use of the layout with which it was made: the agent's settings may have
// changed since, and its nodes go on.
func (l *layout) is(n Node, f Fingerprint) bool {
	switch f.version() {
	case "0":
		return f.isVersion0() && len(n.Command) == 0 && len(n.Bundles) == 0 && n.Backend == "" && f == l.fingerprint0(n)
	case fingerprintWhole:
		return len(n.Command) == 0 && f == l.whole(n)
	case fingerprintUsed:
		for use := range layoutUses {
			if use == useOf(n, use) && f == l.used(n, use) {
				return true
			}
		}
	}
	return false
}

// fingerprint returns the fingerprint of the plan of n, whose Zeek nodes use the layout
// like this.
func (l *layout) fingerprint(n Node, zeek LayoutUse) Fingerprint {
	if use := useOf(n, zeek); use != WholeLayout {
		return l.used(n, use)
	}
	return l.whole(n)
}

// whole returns the fingerprint of version 1. A fingerprint hashes one line for each
// field that does not have its default value. So a new field changes no fingerprint
// of a plan in which that field has its default value. State is no part of a plan.
// A layout is that of one cluster: it has one node of each name, whose fingerprint it keeps.
func (l *layout) whole(n Node) Fingerprint {
	if f, ok := l.wholes[n.Name]; ok {
		return f
	}
	var t lines
	t.addNode(n)
	t.addText("backend", string(n.Backend)) // version 2 has it in the use
	t.addText("cluster", l.digest())
	if l.wholes == nil {
		l.wholes = map[NodeName]Fingerprint{}
	}
	f := Fingerprint(fingerprintWhole + ":" + t.digest()[:32])
	l.wholes[n.Name] = f
	return f
}

// used returns the fingerprint of version 2.
func (l *layout) used(n Node, use LayoutUse) Fingerprint {
	var t lines
	t.addNode(n)
	for _, word := range n.Command {
		t.add("command", word)
	}
	t.add("uses", layoutUses[use])
	for _, fact := range l.facts(n, use) {
		t.add(fact.Name, fact.Values...)
	}
	return Fingerprint(fingerprintUsed + ":" + t.digest()[:32])
}

// digest returns a hash of the layout, which is part of fingerprints of version 1. It is
// empty for an empty layout.
func (l *layout) digest() string {
	if l.digested != "" || len(l.entries) == 0 {
		return l.digested
	}
	const perEntry = 80 // bytes; most take less
	t := make(lines, 0, perEntry*len(l.entries))
	for _, name := range l.sorted() {
		e := l.entries[name]
		t.add("node", string(name))
		t.addText("role", string(e.Role))
		if e.Host.IsValid() {
			var room [64]byte
			t.add("host", string(e.Host.AppendTo(room[:0])))
		}
		if e.Port != NoPort {
			t.addPort("port", &e.Port)
		}
		t.addSet("interface", e.Interface)
		t.addSet("pcap-file", e.PcapFile)
		t.addPort("metrics-port", e.MetricsPort)
	}
	l.digested = t.digest()
	return l.digested
}

// lines is the text that a fingerprint hashes. A line is a word and its values. The
// length of each value stands before the value, so that two different lists of
// values never give the same line.
type lines []byte

// addNode adds the node's own fields. It does not add Command, which a plan of version 1
// cannot have. RunOptions are no part of a fingerprint: a running node is told of them.
// Limits are no part either: they are applied to a running node.
func (t *lines) addNode(n Node) {
	t.add("node")
	t.addText("name", string(n.Name))
	t.addText("instance", string(n.Instance))
	t.addText("role", string(n.Role))
	t.addPort("port", n.Port)
	for _, script := range n.Scripts {
		t.add("script", script)
	}
	for _, o := range n.Options {
		t.add("option", o.Name, o.Value)
	}
	t.addSet("interface", n.Interface)
	if n.CPUAffinity != nil {
		t.add("cpu", strconv.FormatInt(*n.CPUAffinity, 10))
	}
	for _, name := range slices.Sorted(maps.Keys(n.Env)) {
		t.add("env", name, n.Env[name])
	}
	t.addPort("metrics-port", n.MetricsPort)
	for _, b := range n.Bundles {
		// A data bundle keeps its path when its content changes.
		if b.Kind == DataBundle {
			t.add("data", b.Name)
		} else {
			t.add("bundle", b.Name, string(b.Hash))
		}
	}
}

func (t *lines) add(word string, values ...string) {
	*t = append(*t, word...)
	for _, v := range values {
		*t = append(*t, ' ')
		*t = strconv.AppendInt(*t, int64(len(v)), 10)
		*t = append(*t, ':')
		*t = append(*t, v...)
	}
	*t = append(*t, '\n')
}

// addText adds a value whose default is empty.
func (t *lines) addText(word, value string) {
	if value != "" {
		t.add(word, value)
	}
}

// addSet adds a value whose default is unset.
func (t *lines) addSet(word string, value *string) {
	if value != nil {
		t.add(word, *value)
	}
}

func (t *lines) addPort(word string, p *Port) {
	if p != nil {
		var room [32]byte
		t.add(word, string(p.AppendTo(room[:0])))
	}
}

func (t *lines) digest() string {
	sum := sha256.Sum256(*t)
	return hex.EncodeToString(sum[:])
}
