package clusterfile

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// workersSection is the name of a section that describes workers alike, alone or with more
// words behind it.
const workersSection = "workers"

// A Template is a section that describes workers alike, and what has become of it.
type Template struct {
	Name   string // of the section
	Line   int
	Groups []Group
}

// A Group are the workers of a template that capture from one interface of one instance.
type Group struct {
	Instance  mgmt.InstanceName
	Interface string
	Nodes     []mgmt.NodeName
	// Processors has the processor of each node. Nil means that the nodes are bound to none.
	Processors []int
	// FanoutID is the fan-out group of the nodes. Zero means that they are in none.
	FanoutID int
}

// The methods that share the packets of an interface among its workers.
const (
	byAFPacket   = "af_packet"
	byPFRing     = "pf_ring"
	byMyricom    = "myricom"
	byInterfaces = "interfaces"
	byCustom     = "custom"
	byNone       = "none"
)

// methodKeys are the methods, each with the keys that only it understands.
var methodKeys = map[string][]string{
	byAFPacket:   {"block_size", "block_timeout", "checksum_validation", "fanout_id", "fanout_mode", "ring_size"},
	byPFRing:     {"cluster_id", "cluster_type"},
	byMyricom:    nil,
	byInterfaces: nil,
	byCustom:     {"interface_prefix", "interface_suffix"},
	byNone:       nil,
}

var methods = []string{byAFPacket, byPFRing, byMyricom, byInterfaces, byCustom, byNone}

// onlyTemplates are the keys that templates have and nodes do not have, sorted.
var onlyTemplates = []string{
	"block_size", "block_timeout", "checksum_validation", "cluster_id", "cluster_type", "fanout_id", "fanout_mode", "instances",
	"interface_prefix", "interface_suffix", "lb_method", "name", "pin_cpus", "ring_size", "workers",
}

// notInTemplates are the keys of nodes that templates do not have, with what to do.
var notInTemplates = map[string]string{
	"command":      "the nodes of a template are Zeek: write a section for each program",
	"cpu_affinity": "set \"pin_cpus\", which gives each worker a processor of its own",
	"metrics_port": "several workers cannot share a port; the controller gives each its own",
	"port":         "several workers cannot share a port, and workers need none",
	"role":         "the nodes of a template are workers: remove it, or name the section otherwise",
	"state":        "it has no effect, remove it",
	"type":         "the nodes of a template are workers: remove it, or name the section otherwise",
}

// templateKeys returns all keys that templates have, sorted.
func templateKeys() []string {
	keys := slices.Clone(onlyTemplates)
	for _, key := range nodeKeys {
		if notInTemplates[key] == "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// isTemplate reports whether s is a template. zeek-client takes every such section for a
// node. A section [workers] that says what the node is was a node before there were templates.
func (p *clusterParser) isTemplate(s *ini.Section) bool {
	switch {
	case p.AsZeekClient:
		return false
	case strings.HasPrefix(s.Name, workersSection+" "):
		return true
	}
	return s.Name == workersSection && s.ByKey["role"] == nil && s.ByKey["type"] == nil && s.ByKey["command"] == nil
}

// template is a template as it is written.
type template struct {
	section *ini.Section
	at      int // how many nodes stand before it
	// instances run its workers. named says that the names of workers begin with that of
	// their instance.
	instances  []mgmt.InstanceName
	named      bool
	interfaces []string
	workers    int   // for each interface; zero is automatic
	pins       []int // in the order in which workers get them
	autoPins   bool
	method     string
	prefix     string // of the names of workers; empty: made from the interface
	fanout     int64  // zero: chosen
	cluster    int64  // of PF_RING; zero: chosen
	flows      string // the variable that says how PF_RING shares packets
	before     string // of the name of a custom interface
	behind     string
	options    []mgmt.Option
	node       mgmt.Node // what all its workers have
}

// auto is the value of workers and pin_cpus that leaves the choice to the program.
const auto = "auto"

// The bounds of one template.
const (
	maxWorkers      = 1024 // on one interface of one instance
	maxInterfacesOf = 256
	maxPatterns     = 256 // of instances
)

// template reads a template's section.
func (p *clusterParser) template(s *ini.Section) (*template, error) {
	r := templateReader{nodeReader{clusterParser: p, section: s, template: true}}
	r.refuseUnknown()
	t := &template{section: s, at: len(p.config.Nodes)}
	t.method = r.oneOf("lb_method", byAFPacket, methods...)
	r.refuseOfOtherMethods(t.method)
	t.instances, t.named = r.instances()
	t.interfaces = r.interfaces(t.method)
	t.pins, t.autoPins = r.pins()
	t.workers = r.workers(t.method)
	t.prefix = r.word("name")
	t.fanout = r.number("fanout_id", 1, 65535)
	t.cluster = r.number("cluster_id", 1, 65535)
	t.flows = pfRingFlows[r.oneOf("cluster_type", "6-tuple", pfRingTypes...)]
	t.before, t.behind = r.word("interface_prefix"), r.word("interface_suffix")
	t.options = r.afPacketOptions()
	t.node = mgmt.Node{Role: mgmt.Worker, State: mgmt.Running}
	r.common(&t.node)
	if r.err == nil {
		r.refuseTwice(t)
	}
	return t, r.err
}

// templateReader reads the keys of a template. It keeps the first error.
type templateReader struct{ nodeReader }

// has reports whether the template, or [DEFAULT], has a key.
func (r *templateReader) has(key string) bool { return r.file.Lookup(r.section, key) != nil }

// word returns the value of a key. Text after a blank is an error, and so is a key without a
// value.
func (r *templateReader) word(key string) string {
	if !r.has(key) {
		return ""
	}
	text := r.text(key)
	switch {
	case r.err != nil:
	case text == nil || *text == "":
		r.fail(key, "%s has no value", ini.Quote(key))
	case strings.ContainsAny(*text, " \t\n"):
		r.fail(key, "%s is %s, and should be one word", ini.Quote(key), ini.Quote(*text))
	default:
		return *text
	}
	return ""
}

func (r *templateReader) words(key string) []string {
	text := r.text(key)
	if text == nil {
		return nil
	}
	words, err := ini.SplitWords(*text)
	if err != nil {
		r.fail(key, "%s: %v", ini.Quote(key), err)
	}
	return words
}

// oneOf returns the value of a key that has few values, or the first of them.
func (r *templateReader) oneOf(key, without string, values ...string) string {
	text := cmp.Or(r.word(key), without)
	if !slices.Contains(values, text) {
		r.fail(key, "%s is %s%s", ini.Quote(key), ini.Quote(text),
			cmp.Or(ini.DidYouMean(mgmt.Nearest(text, values)), ", and can be "+strings.Join(values, ", ")))
	}
	return text
}

// number returns the number of a key, or zero.
func (r *templateReader) number(key string, least, most int64) int64 {
	text := r.word(key)
	if text == "" {
		return 0
	}
	n, err := ini.Int(text)
	if err != nil || n < least || n > most {
		r.fail(key, "%s is %s, and should be a number from %d to %d", ini.Quote(key), ini.Quote(text), least, most)
	}
	return n
}

func (r *templateReader) refuseUnknown() {
	for _, e := range r.section.Entries {
		advice, isNodes := notInTemplates[e.Key]
		switch comment := ini.TrailingComment(e); {
		case isNodes:
			r.fail(e.Key, "a template has no %s: %s", ini.Quote(e.Key), advice)
		case !slices.Contains(nodeKeys, e.Key) && !slices.Contains(onlyTemplates, e.Key) && !e.Referred:
			r.fail(e.Key, "unknown key %s%s", ini.Quote(e.Key), templateMeant(e.Key))
		case comment != "":
			r.fail(e.Key, "%s would be part of the value: a comment needs a line of its own", ini.Quote(comment))
		}
	}
	for _, key := range []string{"cpu_affinity", "metrics_port", "port"} {
		if e := r.file.Defaults.ByKey[key]; e != nil {
			r.fail(key, "[%s] sets %s for it, too, and a template has none: %s", ini.DefaultSection, ini.Quote(key), notInTemplates[key])
		}
	}
}

// templateMeant returns the end of a message about a key that templates do not have.
func templateMeant(key string) string {
	switch key {
	case "lb_procs":
		return ", which is zeekctl's: set \"workers\""
	case "lb_interfaces":
		return ", which is zeekctl's: set \"interface\" to all of them"
	case "af_packet_fanout_id", "af_packet_fanout_mode":
		return ", which is zeekctl's: set " + ini.Quote(strings.TrimPrefix(key, "af_packet_"))
	case "af_packet_buffer_size":
		return ", which is zeekctl's: set \"ring_size\""
	}
	if advice := zeekctlKeys[key]; advice != "" {
		return ", which is zeekctl's: " + advice
	}
	keys := templateKeys()
	return cmp.Or(ini.DidYouMean(mgmt.Nearest(key, keys)), "; there are "+strings.Join(keys, ", "))
}

// refuseOfOtherMethods refuses keys that have a meaning for other methods only.
func (r *templateReader) refuseOfOtherMethods(method string) {
	for _, other := range methods {
		for _, key := range methodKeys[other] {
			if r.section.ByKey[key] != nil && other != method {
				r.fail(key, "%s is for lb_method %s, and this template has %s", ini.Quote(key), other, method)
			}
		}
	}
}

// instances returns the instances that run the workers, and whether the names of the workers
// begin with those of the instances.
func (r *templateReader) instances() ([]mgmt.InstanceName, bool) {
	if !r.has("instances") {
		name := r.nodeReader.instance()
		if err := mgmt.CheckName(string(name)); err != nil {
			r.fail("instance", "instance %s: %v", ini.Quote(string(name)), err)
		}
		return []mgmt.InstanceName{name}, false
	}
	if r.section.ByKey["instance"] != nil {
		r.fail("instance", "\"instance\" and \"instances\" exclude each other: keep one")
	}
	if r.file.ByName[instances] == nil {
		r.fail("instances", "\"instances\" selects names from [%s], which is not in this file: list the instances there, or set \"instance\"", instances)
	}
	patterns := r.words("instances")
	if len(patterns) == 0 {
		r.fail("instances", "\"instances\" has no value")
	}
	if len(patterns) > maxPatterns {
		r.fail("instances", "\"instances\" has %d words, and at most %d are possible", len(patterns), maxPatterns)
		return nil, true
	}
	listed := r.listed()
	var selected []mgmt.InstanceName
	for _, pattern := range patterns {
		before := len(selected)
		for _, name := range listed {
			ok, err := path.Match(pattern, string(name))
			if err != nil {
				r.fail("instances", "%s is no pattern: a '[' has no ']', or a '\\' ends it", ini.Quote(pattern))
			}
			if ok || pattern == string(name) {
				selected = append(selected, name)
			}
		}
		if len(selected) == before {
			r.fail("instances", "%s is the name of no instance in [%s]%s", ini.Quote(pattern), instances,
				ini.DidYouMean(mgmt.Nearest(mgmt.InstanceName(pattern), listed)))
		}
	}
	slices.Sort(selected)
	return slices.Compact(selected), true
}

// listed returns the names in [instances].
func (r *templateReader) listed() []mgmt.InstanceName {
	var names []mgmt.InstanceName
	if s := r.file.ByName[instances]; s != nil {
		for _, e := range s.Entries {
			names = append(names, mgmt.InstanceName(e.Key))
		}
	}
	return names
}

func (r *templateReader) interfaces(method string) []string {
	names := r.words("interface")
	if len(names) == 0 {
		r.fail("interface", "it needs an \"interface\", such as eth0, or several of them")
	}
	if len(names) > maxInterfacesOf {
		r.fail("interface", "it has %d interfaces, and at most %d are possible", len(names), maxInterfacesOf)
		return nil
	}
	for i, name := range names {
		switch {
		case slices.Contains(names[:i], name):
			r.fail("interface", "interface %s is there twice", ini.Quote(name))
		case method == byAFPacket && strings.Contains(name, "::"):
			_, device, _ := strings.Cut(name, "::")
			r.fail("interface", "with lb_method af_packet, write interface %s without the text before \"::\": %s", ini.Quote(name), device)
		case name == "":
			r.fail("interface", "the name of an interface is empty")
		}
	}
	return names
}

// workers returns how many workers capture from each interface. Zero is automatic.
func (r *templateReader) workers(method string) int {
	text := r.word("workers")
	switch {
	case text == "" && method == byInterfaces:
		return 1
	case text == "":
		r.fail("workers", "it needs \"workers\": a number for each interface, or auto")
	case text == auto && method == byInterfaces:
		return 1
	case text == auto:
		return 0
	}
	n, err := ini.Int(text)
	switch {
	case err != nil || n < 1 || n > maxWorkers:
		r.fail("workers", "\"workers\" is %s, and should be a number from 1 to %d, or auto", ini.Quote(text), maxWorkers)
		return 1
	case method == byInterfaces && n != int64(len(r.words("interface"))) && n != 1:
		r.fail("workers", "\"workers\" is %d, and lb_method interfaces makes one worker for each interface: remove it", n)
	case method == byInterfaces:
		return 1
	}
	return int(n)
}

// pins returns the processors to which workers are bound, in their order.
func (r *templateReader) pins() ([]int, bool) {
	text := r.text("pin_cpus")
	if text == nil || r.err != nil {
		return nil, false
	}
	if *text == auto {
		return nil, true
	}
	var pins []int
	for part := range strings.FieldsFuncSeq(*text, func(c rune) bool { return strings.ContainsRune(", \t\n", c) }) {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 16)
		last, lastErr := strconv.ParseUint(to, 10, 16)
		if err != nil || lastErr != nil || first > last || last >= mgmt.MaxProcessors || len(pins) > maxWorkers {
			r.fail("pin_cpus", "%s is no list of processors: write it as 2-9,12 with numbers below %d, or auto", ini.Quote(*text), mgmt.MaxProcessors)
			return nil, false
		}
		for cpu := first; cpu <= last; cpu++ {
			pins = append(pins, int(cpu))
		}
	}
	if len(pins) == 0 {
		r.fail("pin_cpus", "\"pin_cpus\" has no value: write it as 2-9,12 or auto")
	}
	return pins, false
}

// refuseTwice refuses options that the template's redefs set, too.
func (r *templateReader) refuseTwice(t *template) {
	for _, o := range t.options {
		if slices.ContainsFunc(t.node.Options, func(other mgmt.Option) bool { return other.Name == o.Name }) {
			r.fail("redefs", "\"redefs\" sets %s, which a key of the template sets, too: keep one of them", o.Name)
		}
	}
	for _, o := range t.node.Options {
		if o.Name == fanoutID && t.method == byAFPacket {
			r.fail("redefs", "set \"fanout_id\" in place of %s in \"redefs\"", fanoutID)
		}
	}
	if t.fanout > 0 && len(t.interfaces) > 1 {
		r.fail("fanout_id", "a fan-out ID is for one interface, and this template has %d: write a template for each, or leave the choice to zeekfleet", len(t.interfaces))
	}
}
