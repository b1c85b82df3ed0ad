package clusterfile

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// MaxSize bounds a cluster configuration file, in bytes. Twenty thousand nodes
// fit into it, each with 1,600 bytes of settings.
const MaxSize = 32 << 20

// instances is the section that lists the instances. Every other section is a node.
const instances = ini.InstancesSection

// A Cluster is the content of a cluster configuration file.
type Cluster struct {
	// Config has a fresh ID. Its nodes are in the file's order. Its instances are
	// in the file's order too, or sorted if the file does not list them.
	Config mgmt.Configuration
	// Warnings name, with file and line, entries that have no effect and entries
	// whose author may have meant something else.
	Warnings []string
	// Doubts name settings of the configuration that its author may not have
	// meant: the doubts of Configuration.Check, which does not know the
	// controller here, and Configuration.CaptureDoubts. AsZeekClient there are no
	// doubts.
	Doubts []string
	// Templates are the templates of workers in the file, and the nodes of Config that each
	// has become.
	Templates []Template
}

// Options say how a cluster configuration is read.
type Options struct {
	// Hostname is the name of the local host. Nodes that name no instance go to
	// the instance of that host. It is empty if the name is unknown.
	Hostname string
	// AsZeekClient accepts every file that zeek-client accepts: a key without
	// meaning is a warning, and not an error.
	AsZeekClient bool
	// NameInstances refuses nodes that name no instance: nobody can mean the local host.
	NameInstances bool
	// MaxValues bounds all values together, in bytes, with what each section inherits and
	// what references stand for. A role is read twice, and counts twice. Zero means no bound
	// but that of the file.
	MaxValues int
	// Pack returns the hash of the bundle that is made of a directory. Nil means that
	// directories cannot be read: a bundle must be named by its hash.
	Pack func(name, directory string) (mgmt.BundleHash, error)
	// Hardware returns the hardware of an instance's host, on which it depends what "auto"
	// means in a template. It is called once for each instance. Nil means that nobody can
	// be asked: "auto" is an error. The error ErrElsewhere says that the nodes of that
	// instance do not matter.
	Hardware func(mgmt.InstanceName) (mgmt.Hardware, error)
	// Dir is the directory to which paths of bundles are relative. Read sets it, except for
	// standard input.
	Dir string
}

// ErrElsewhere is an error of Options.Hardware. Where it is returned, "auto" makes one worker,
// which is bound to no processor.
var ErrElsewhere = errors.New("the nodes of this instance do not matter")

// Read reads the cluster configuration at path. The file may be a pipe;
// "-" is stdin. See Parse for the rest.
func Read(path string, stdin io.Reader, o Options) (*Cluster, error) {
	name, in := "standard input", stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return &Cluster{}, fmt.Errorf("please provide a cluster configuration file: %w", err)
		}
		defer f.Close()
		name, in = path, f
		o.Dir = filepath.Dir(path)
	}
	// Parse refuses a text that has one byte more than allowed.
	text, err := io.ReadAll(io.LimitReader(in, MaxSize+1))
	if err != nil {
		return &Cluster{}, fmt.Errorf("please provide a cluster configuration file: %w", err)
	}
	return Parse(name, text, o)
}

// Parse reads a cluster configuration in zeek-client's INI form (spec
// zeek-client section 7). name stands for the file in messages.
//
// An error is one line. It begins with the file and, where it has one, the
// number of the line. Parse does not check whether the nodes' instances
// are listed; the controller does.
//
// Parse differs from zeek-client in these points, even AsZeekClient:
//   - Names of instances keep their case.
//   - An entry of [DEFAULT] is an instance only if its key is no key of nodes.
//   - A header that lacks a bracket, or that stands behind blanks, is an error.
//
// Five kinds of sections are zeekfleet's own: [bundle NAME], [options SELECTOR], [networks],
// [workers NAME] and [cluster]. Parse resolves them: each node has its bundles and options, and each
// template of workers has become nodes.
//
// If not AsZeekClient, a file without any section is an error. A file with an [instances]
// section and nothing else says that nothing shall run.
//
// With an error it returns a Cluster that has nothing but the warnings.
func Parse(name string, text []byte, o Options) (*Cluster, error) {
	if len(text) > MaxSize {
		return &Cluster{}, &ini.Error{File: name, Text: fmt.Sprintf("more than %d bytes", MaxSize)}
	}
	file, err := ini.Parse(name, text)
	if err != nil {
		return &Cluster{}, err
	}
	if len(file.Sections) == 0 && !o.AsZeekClient {
		return &Cluster{}, file.ErrorAt(0, "no section in it: to run nothing, give a file with an empty [instances] section")
	}
	p := clusterParser{Options: o, file: file}
	if err := p.parse(); err != nil {
		return &Cluster{Warnings: p.warnings}, err
	}
	p.config.ID = uuid.NewString()
	c := &Cluster{Config: p.config, Warnings: p.warnings, Templates: p.expanded}
	if !o.AsZeekClient {
		_, doubts := p.config.Check(mgmt.Rules{})
		for _, text := range append(doubts, p.config.CaptureDoubts()...) {
			c.Doubts = append(c.Doubts, file.ErrorAt(0, "%s", text).Error())
		}
	}
	return c, nil
}

type clusterParser struct {
	Options
	file     *ini.File
	config   mgmt.Configuration
	warnings []string
	// withoutInstance are the sections of nodes that name no instance.
	withoutInstance []*ini.Section
	own             []*ini.Section // options and networks
	values          int            // the bytes of all values so far
	described       int            // the sections of nodes and templates so far
	backend         mgmt.Backend
	templates       []*template
	expanded        []Template
	makers          map[mgmt.NodeName]*ini.Section // of the nodes, if there are templates
}

// value returns the value of e in section s.
func (p *clusterParser) value(s *ini.Section, e *ini.Entry) (*string, error) {
	value, err := p.file.Value(s, e)
	if err != nil || value == nil {
		return nil, err
	}
	return value, p.count(e.Line, e.Key, len(*value))
}

// count refuses a value with which all values together are larger than allowed.
func (p *clusterParser) count(line int, key string, size int) error {
	if p.values += size; p.MaxValues > 0 && p.values > p.MaxValues {
		return p.file.ErrorAt(line, "%s: all values together, with what sections inherit, have more than %d bytes", ini.Quote(key), p.MaxValues)
	}
	return nil
}

func (p *clusterParser) warn(line int, format string, args ...any) {
	p.warnings = append(p.warnings, p.file.ErrorAt(line, format, args...).Error())
}

// warnAsBoth is warn for a message that zeek-client has too.
func (p *clusterParser) warnAsBoth(line int, format string, args ...any) {
	if p.AsZeekClient {
		p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
		return
	}
	p.warn(line, format, args...)
}

func (p *clusterParser) parse() error {
	for _, s := range p.file.Sections {
		if s.After != "" && !p.AsZeekClient {
			return p.file.ErrorAt(s.Line, "%s stands behind the header [%s]: put it on a line of its own", ini.Quote(s.After), ini.Clip(s.Name))
		}
		if s.Name == instances {
			if err := p.instances(s); err != nil {
				return err
			}
			continue
		}
		if s.Own {
			p.own = append(p.own, s)
			continue
		}
		if p.isBundle(s) {
			continue
		}
		if p.isCluster(s) {
			if err := p.cluster(s); err != nil {
				return err
			}
			continue
		}
		p.described++
		if p.isTemplate(s) {
			t, err := p.template(s)
			if err != nil {
				return err
			}
			p.templates = append(p.templates, t)
			continue
		}
		if ini.OwnSection(s.Name) && strings.Contains(s.Name, " ") && !p.AsZeekClient {
			return p.file.ErrorAt(s.Line, "[%s] has keys of a node: a node's name has no blanks, and no option is named role, type or command", ini.Clip(s.Name))
		}
		n, err := p.node(s)
		if err != nil {
			return err
		}
		p.config.Nodes = append(p.config.Nodes, n)
	}
	if err := p.checkInstances(); err != nil {
		return err
	}
	if err := p.expand(); err != nil {
		return err
	}
	p.useBackend()
	if listed := p.file.ByName[instances]; listed != nil {
		p.foldInstances(listed)
		p.warnUnlisted()
	} else {
		p.deriveInstances()
	}
	if err := p.runOptions(); err != nil {
		return err
	}
	if err := p.bundles(); err != nil {
		return err
	}
	return p.unusedDefaults()
}

// checkInstances refuses sections of nodes that name no instance, if they must.
func (p *clusterParser) checkInstances() error {
	if len(p.withoutInstance) == 0 {
		return nil
	}
	s, listed := p.withoutInstance[0], p.file.ByName[instances]
	switch {
	case p.NameInstances && p.isTemplate(s):
		return p.file.ErrorAt(s.Line, "[%s] lacks \"instance\" or \"instances\": name the instances that run its workers", ini.Clip(s.Name))
	case p.NameInstances:
		return p.file.ErrorAt(s.Line, "node %s lacks \"instance\": name the instance that runs it", ini.Quote(s.Name))
	case len(p.withoutInstance) < p.described:
		return p.file.ErrorOfBoth(s.Line, "either all or no nodes must state instances")
	case listed != nil:
		return p.file.ErrorOfBoth(listed.Line, "omit instances section when skipping instances in node definitions")
	}
	return nil
}

func (p *clusterParser) instances(s *ini.Section) error {
	for _, e := range p.file.Items(s) {
		inherited := s.ByKey[e.Key] != e
		if inherited && (!p.AsZeekClient || slices.Contains(nodeKeys, e.Key)) {
			continue // a default for nodes
		}
		value, err := p.value(s, e)
		if err != nil {
			return err
		}
		in := mgmt.Instance{Name: mgmt.InstanceName(e.Key), Host: mgmt.UnknownHost}
		if value != nil && *value != "" {
			in.Host, in.ListenPort, err = parseEndpoint(*value)
		}
		if err != nil && inherited {
			continue // an entry of [DEFAULT] that values of nodes may refer to
		}
		if err == errNoEndpoint {
			return p.file.ErrorOfBoth(e.Line, "invalid spec for instance %s: %s %v", ini.Quote(e.Key), ini.Quote(*value), err)
		}
		if err != nil {
			return p.file.ErrorAt(e.Line, "invalid spec for instance %s: %s %v", ini.Quote(e.Key), ini.Quote(*value), err)
		}
		p.config.Instances = append(p.config.Instances, in)
	}
	return nil
}

var errNoEndpoint = errors.New("should be <host>:<port>")

// parseEndpoint reads host:port. Its error is the end of a message; the caller
// puts the quoted text before it.
func parseEndpoint(text string) (netip.Addr, *mgmt.Port, error) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return netip.Addr{}, nil, errNoEndpoint
	}
	host, port := strings.Trim(text[:i], "[] \t"), strings.TrimSpace(text[i+1:])
	if host == "" || port == "" {
		return netip.Addr{}, nil, errNoEndpoint
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, nil, fmt.Errorf("%w: %s is not an IP address", errNoEndpoint, ini.Quote(host))
	}
	n, err := ini.Int(port)
	if err != nil {
		return netip.Addr{}, nil, fmt.Errorf("%w: %s is not a port", errNoEndpoint, ini.Quote(port))
	}
	if n < 1 || n > 65535 {
		return netip.Addr{}, nil, fmt.Errorf("%w: port %d outside valid range", errNoEndpoint, n)
	}
	return addr, new(mgmt.TCPPort(uint16(n))), nil
}

// deriveInstances lists the instances that nodes name.
func (p *clusterParser) deriveInstances() {
	var names []mgmt.InstanceName
	for _, n := range p.config.Nodes {
		names = append(names, n.Instance)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		p.config.Instances = append(p.config.Instances, mgmt.Instance{Name: name, Host: mgmt.UnknownHost})
	}
}

// foldInstances gives an instance its name in lower case, if nodes name it only
// so. zeek-client folds the names in [instances] to lower case, but not the
// names in nodes. Files that work with zeek-client for that reason work here
// too, with a warning.
func (p *clusterParser) foldInstances(listed *ini.Section) {
	named := make(map[mgmt.InstanceName]bool)
	for _, n := range p.config.Nodes {
		named[n.Instance] = true
	}
	declared := make(map[mgmt.InstanceName]bool)
	for _, in := range p.config.Instances {
		declared[in.Name] = true
	}
	for i, in := range p.config.Instances {
		folded := mgmt.InstanceName(strings.ToLower(string(in.Name)))
		if named[in.Name] || !named[folded] || declared[folded] {
			continue
		}
		declared[folded] = true
		p.config.Instances[i].Name = folded
		p.warn(p.file.Lookup(listed, string(in.Name)).Line, "instance %s is taken as %s, as nodes name it: write both alike", ini.Quote(string(in.Name)), ini.Quote(string(folded)))
	}
}

// maxSuggested bounds the nodes for whose instance the nearest one is sought: among
// thousands that takes time.
const maxSuggested = 20

// warnUnlisted warns of nodes whose instance is not listed, with the line. The
// controller refuses them, but does not know the line.
func (p *clusterParser) warnUnlisted() {
	if p.AsZeekClient {
		return
	}
	var listed []mgmt.InstanceName
	known := map[mgmt.InstanceName]bool{}
	suggested := 0
	for _, in := range p.config.Instances {
		listed = append(listed, in.Name)
		known[in.Name] = true
	}
	for _, n := range p.config.Nodes {
		if known[n.Instance] {
			continue
		}
		s := p.makers[n.Name]
		if s == nil {
			s = p.file.ByName[string(n.Name)]
		}
		line := s.Line
		if e := s.ByKey["instance"]; e != nil {
			line = e.Line
		}
		meant := ""
		if suggested++; suggested <= maxSuggested {
			meant = ini.DidYouMean(mgmt.Nearest(n.Instance, listed))
		}
		p.warn(line, "instance %s is not listed in [%s]%s", ini.Quote(string(n.Instance)), instances, meant)
	}
}
