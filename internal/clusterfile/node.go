package clusterfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// nodeKeys are all keys that a node's section may have, sorted.
var nodeKeys = []string{
	"command", "cpu_affinity", "cpu_weight", "env", "instance", "interface", "memory_limit", "metrics_port", "nice", "port", "redefs", "role", "scripts", "state", "type",
}

// node reads a node's section (spec zeek-client 7.3).
func (p *clusterParser) node(s *ini.Section) (mgmt.Node, error) {
	r := nodeReader{clusterParser: p, section: s}
	// The order is zeek-client's: of several mistakes both report the same.
	n := mgmt.Node{Name: mgmt.NodeName(s.Name), Instance: r.instance(), State: mgmt.Running}
	r.warnState()
	port := r.integer("port")
	n.Interface = r.text("interface")
	n.CPUAffinity = r.integer("cpu_affinity")
	metricsPort := r.integer("metrics_port")
	n.Role = r.role()
	n.Port = r.port("port", "port", port)
	n.MetricsPort = r.port("metrics_port", "metrics port", metricsPort)
	r.common(&n)
	n.Command = r.command()
	if !p.AsZeekClient {
		r.refuseUnused()
	}
	if r.err == nil {
		r.warnUnused()
	}
	return n, r.err
}

// common reads what a template of workers has, too.
func (r *nodeReader) common(n *mgmt.Node) {
	n.Scripts = r.scripts()
	n.Env = r.env()
	n.Options = r.redefs()
	n.Limits = r.limits()
}

// nodeReader reads the keys of one section. It keeps the first error.
type nodeReader struct {
	*clusterParser
	section  *ini.Section
	template bool // the section is a template
	err      error
}

// fail keeps a mistake, unless there was one before. The mistake is in the entry
// of that key, or in the section as a whole if the section has no such entry.
func (r *nodeReader) fail(key, format string, args ...any) {
	if r.err != nil {
		return
	}
	line := r.section.Line
	if e := r.file.Lookup(r.section, key); e != nil {
		line = e.Line
	}
	if r.template {
		r.err = r.file.ErrorAt(line, "[%s]: %s", ini.Clip(r.section.Name), fmt.Sprintf(format, args...))
		return
	}
	r.err = r.file.ErrorOfBoth(line, "invalid node %s configuration: %s", ini.Quote(r.section.Name), fmt.Sprintf(format, args...))
}

// text returns the value of a key. It returns nil if the key is absent, or
// stands alone without a value.
func (r *nodeReader) text(key string) *string {
	e := r.file.Lookup(r.section, key)
	if e == nil {
		return nil
	}
	value, err := r.value(r.section, e)
	if err != nil {
		r.err = cmp.Or(r.err, err)
		return nil
	}
	return value
}

func (r *nodeReader) instance() mgmt.InstanceName {
	if r.file.Lookup(r.section, "instance") == nil {
		r.withoutInstance = append(r.withoutInstance, r.section)
	}
	if name := r.text("instance"); name != nil && *name != "" {
		return mgmt.InstanceName(*name)
	}
	return mgmt.InstanceName("agent-" + cmp.Or(r.Hostname, "localhost"))
}

// role reads the role. A program in place of Zeek needs none.
func (r *nodeReader) role() mgmt.ClusterRole {
	key, text := "role", r.text("role")
	if text == nil {
		key, text = "type", r.text("type")
	}
	if (text == nil || *text == "") && r.text("command") != nil {
		return mgmt.ClusterNone
	}
	if text == nil || *text == "" {
		r.fail(key, "node requires a role%s", r.instancesMeant())
		return ""
	}
	// The name may be qualified as in Zeek ("Supervisor::WORKER") or as in Python
	// ("ClusterRole.WORKER").
	name := (*text)[strings.LastIndex(*text, "::")+1:]
	name = strings.TrimPrefix(name, ":")
	name = strings.ToUpper(name[strings.LastIndexByte(name, '.')+1:])
	switch role := mgmt.ClusterRole(name); role {
	case mgmt.ClusterNone, mgmt.Logger, mgmt.Manager, mgmt.Proxy, mgmt.Worker:
		return role
	}
	r.fail(key, "role %s is invalid%s", ini.Quote(*text), r.roleMeant(name))
	return ""
}

// instancesMeant returns the end of a message about a section without a role: it
// suggests [instances] if the section's name is a misspelling of that.
func (r *nodeReader) instancesMeant() string {
	if r.AsZeekClient || mgmt.Nearest(r.section.Name, []string{instances}) == "" {
		return ""
	}
	return "; did you mean [" + instances + "]?"
}

// roleMeant returns the end of a message about an unknown role: it suggests the
// nearest role, or lists all roles.
func (r *nodeReader) roleMeant(name string) string {
	roles := []string{"manager", "logger", "proxy", "worker"}
	if r.AsZeekClient {
		return ""
	}
	return cmp.Or(ini.DidYouMean(mgmt.Nearest(name, roles)), ": it can be "+strings.Join(roles, ", "))
}

func (r *nodeReader) integer(key string) *int64 {
	text := r.text(key)
	if text == nil {
		return nil
	}
	n, err := ini.Int(*text)
	if err != nil {
		r.fail(key, "cannot convert %s value %s to int", ini.Quote(r.section.Name+"."+key), ini.Quote(*text))
		return nil
	}
	return &n
}

// port returns the port with the number that integer has returned. word names it.
func (r *nodeReader) port(key, word string, n *int64) *mgmt.Port {
	if n == nil {
		return nil
	}
	if *n < 1 || *n > 65535 {
		r.fail(key, "%s %d outside valid range", word, *n)
		return nil
	}
	return new(mgmt.TCPPort(uint16(*n)))
}

// scripts returns the scripts sorted, because zeek-client sends them sorted.
func (r *nodeReader) scripts() []string {
	text := r.text("scripts")
	if text == nil || *text == "" {
		return nil
	}
	scripts, err := ini.SplitWords(*text)
	if err != nil {
		r.fail("scripts", "%v", err)
	}
	slices.Sort(scripts)
	return scripts
}

// command reads the program that runs in place of Zeek, with its arguments.
func (r *nodeReader) command() []string {
	text := r.text("command")
	if text == nil || *text == "" {
		return nil
	}
	words, err := ini.SplitWords(*text)
	if err != nil {
		r.fail("command", "%v", err)
		return nil
	}
	if why := (mgmt.Node{Command: words}).CheckCommand(); why != "" {
		r.fail("command", "node %s", why)
	}
	return words
}

// redefs reads the script options that Zeek gets as arguments.
func (r *nodeReader) redefs() []mgmt.Option {
	text := r.text("redefs")
	if text == nil || *text == "" {
		return nil
	}
	words, err := ini.SplitWords(*text)
	if err != nil {
		r.fail("redefs", "redefs: %v", err)
	}
	var options []mgmt.Option
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			r.fail("redefs", "redefs: %s is no assignment: write NAME=VALUE, such as AF_Packet::fanout_id=5", ini.Quote(word))
			return nil
		}
		options = append(options, mgmt.Option{Name: name, Value: value})
	}
	sortOptions(options)
	return options
}

// sortOptions sorts options by name and value: they are a set.
func sortOptions(options []mgmt.Option) {
	sort.Slice(options, func(i, j int) bool {
		a, b := options[i], options[j]
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value)) < 0
	})
}

// limits reads the limits, which are zeekfleet's own.
func (r *nodeReader) limits() (l mgmt.Limits) {
	if text := r.text("memory_limit"); text != nil && *text != "" {
		var err error
		if l.Memory, err = mgmt.ParseSize(*text, mgmt.MinMemoryLimit); err != nil {
			r.fail("memory_limit", "memory_limit %s is %v", ini.Quote(*text), err)
		}
	}
	if n := r.integer("cpu_weight"); n != nil {
		if *n < 1 || *n > mgmt.MaxCPUWeight {
			r.fail("cpu_weight", "cpu_weight %d is not from 1 to %d", *n, mgmt.MaxCPUWeight)
			return l
		}
		l.CPUWeight = uint64(*n)
	}
	if n := r.integer("nice"); n != nil {
		if *n < mgmt.MinNice || *n > mgmt.MaxNice {
			r.fail("nice", "nice %d is not from %d to %d", *n, mgmt.MinNice, mgmt.MaxNice)
			return l
		}
		l.Nice = int(*n)
	}
	return l
}

func (r *nodeReader) env() map[string]string {
	text := r.text("env")
	if text == nil || *text == "" {
		return nil
	}
	items, err := ini.SplitWords(*text)
	env := make(map[string]string, len(items))
	for _, item := range items {
		name, value, ok := strings.Cut(item, "=")
		if !ok {
			err = errors.New("no assignment")
		}
		env[name] = value
	}
	if err != nil {
		r.fail("env", "env value %s is invalid", ini.Quote(*text))
	}
	return env
}

// refuseUnused fails on the first of the section's own entries that has no
// meaning or a wrong one. Its error replaces an earlier one, because a misspelt
// key is often the reason for the earlier error, such as a missing role.
func (r *nodeReader) refuseUnused() {
	role := r.text("role")
	if role == nil && r.instancesMeant() != "" {
		return
	}
	refuse := func(e *ini.Entry, format string, args ...any) {
		r.err = nil
		r.fail(e.Key, format, args...)
	}
	for _, e := range r.section.Entries {
		switch comment := ini.TrailingComment(e); {
		case !slices.Contains(nodeKeys, e.Key) && !e.Referred:
			refuse(e, "%s", unknownKey(e.Key))
			return
		case e.Key == "type" && role != nil && *role != "":
			refuse(e, "\"type\" and \"role\" say the same: keep \"role\"")
			return
		case comment != "" && (e.Key == "interface" || e.Key == "scripts"):
			refuse(e, "%s would be part of the value: a comment needs a line of its own", ini.Quote(comment))
			return
		}
	}
}

// unknownKey returns the message about a key that nodes do not have. The message
// says what to use instead.
func unknownKey(key string) string {
	text := "unknown key " + ini.Quote(key)
	if advice := zeekctlKeys[key]; advice != "" {
		return text + ", which is zeekctl's: " + advice
	}
	return text + cmp.Or(ini.DidYouMean(mgmt.Nearest(key, nodeKeys)), "; there are "+strings.Join(nodeKeys, ", "))
}

// zeekctlKeys maps each key of zeekctl's node.cfg to advice on how to say the
// same here.
var zeekctlKeys = map[string]string{
	"host":          "set \"instance\" to the name of that host's agent",
	"lb_procs":      "write a section [workers NAME] with \"workers\" and \"interface\" for all of them",
	"lb_method":     "set it in a section [workers NAME] for all of them, or name the method in \"interface\", such as af_packet::eth0",
	"lb_interfaces": "write a section [workers NAME] with \"lb_method = interfaces\", and all interfaces in \"interface\"",
	"pin_cpus":      "set it in a section [workers NAME], or set \"cpu_affinity\" in each worker's section",
	"env_vars":      "set \"env\" to NAME=VALUE pairs, separated by blanks",
	"aux_scripts":   "set \"scripts\", separated by blanks",
	"zone_id":       "give the instance in [instances] an address without a zone",
	"ether":         "remove it, nothing here needs it",
	"brobase":       "give the agent of that host its Zeek with --zeek",
	"zeekbase":      "give the agent of that host its Zeek with --zeek",
}

// unusedDefaults warns of entries of [DEFAULT] that have no effect. An entry
// whose key is nearly a key of nodes, or is a key of zeekctl, is an error.
func (p *clusterParser) unusedDefaults() error {
	if p.AsZeekClient {
		return nil
	}
	for _, e := range p.file.Defaults.Entries {
		switch {
		case slices.Contains(nodeKeys, e.Key) || e.Referred || len(p.templates) > 0 && slices.Contains(onlyTemplates, e.Key):
		case zeekctlKeys[e.Key] != "" || mgmt.Nearest(e.Key, nodeKeys) != "":
			return p.file.ErrorAt(e.Line, "[%s]: %s", ini.DefaultSection, unknownKey(e.Key))
		default:
			p.warn(e.Line, "[%s]: %s is no key of nodes, and no value refers to it", ini.DefaultSection, ini.Quote(e.Key))
		}
	}
	return nil
}

// warnUnused warns of the section's own keys that have no effect, and of values
// that end in a comment: the comment is part of the value.
func (r *nodeReader) warnUnused() {
	for _, e := range r.section.Entries {
		if comment := ini.TrailingComment(e); comment != "" {
			r.warn(e.Line, "%s is taken as part of the value: a comment needs a line of its own", ini.Quote(comment))
		}
		if e.Value == nil && !r.AsZeekClient {
			r.warn(e.Line, "%s has no value, and no effect", ini.Quote(e.Key))
		}
	}
	if r.AsZeekClient {
		r.warnUnexpected()
	}
}

// warnState warns of a state, which has no effect.
func (r *nodeReader) warnState() {
	if state := r.text("state"); state != nil && *state != "" {
		r.warnAsBoth(r.file.Lookup(r.section, "state").Line, "ignoring node %s state %s in configuration", ini.Quote(r.section.Name), ini.Quote(*state))
	}
}

// warnUnexpected warns of unknown keys as zeek-client does: of the section's own and of
// inherited ones. zeek-client also counts "type" and "state" as unknown.
func (r *nodeReader) warnUnexpected() {
	var unused []string
	for _, e := range r.file.Items(r.section) {
		if !slices.Contains(nodeKeys, e.Key) || e.Key == "type" || e.Key == "state" {
			unused = append(unused, e.Key)
		}
	}
	if len(unused) > 0 {
		slices.Sort(unused)
		r.warnAsBoth(r.section.Line, "ignoring unexpected keys: %s", strings.Join(unused, ", "))
	}
}
