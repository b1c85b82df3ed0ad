package zeekctl

import (
	"fmt"
	"net/netip"
	"sort"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
)

// MaxFile bounds each of zeekctl's files, in bytes.
const MaxFile = 4 << 20

// MaxProcesses bounds the processes of a cluster. It is the controller's own limit of nodes.
const MaxProcesses = 20_000

// A File is a file of zeekctl, read. A File without a name is absent.
type File struct {
	Name string
	Text []byte
}

// Files are the files in which zeekctl is configured.
type Files struct{ Node, Options, Networks File }

// Type is the type of a process, as node.cfg spells it.
type Type string

// The types of processes, in the order in which zeekctl lists them.
const (
	Standalone Type = "standalone"
	Logger     Type = "logger"
	Manager    Type = "manager"
	Proxy      Type = "proxy"
	Worker     Type = "worker"
)

var typeOrder = map[Type]int{Standalone: 0, Logger: 1, Manager: 2, Proxy: 3, Worker: 4}

// A Site is a cluster as zeekctl's files describe it.
type Site struct {
	Files Files
	// Sections are the sections of node.cfg, in its order.
	Sections []*Section
	// Processes are what zeekctl starts, in its own order.
	Processes []Process
	// Set are the options that zeekctl.cfg sets, in its order.
	Set      []Setting
	Networks []Network
	// Notes are mistakes that zeekctl does not stop at, and what shells would change.
	Notes []Note

	values map[string]string // of options, by name in lower case, as set
	base   string
}

// A Note is about a line of a file. Line 0 is the whole file.
type Note struct {
	File string
	Line int
	Text string
}

// Place returns the file and the line of the note.
func (n Note) Place() string { return Place(n.File, n.Line) }

// Place writes a file and a line, as messages do.
//
// The compiler does not copy it into its many callers (docs/decisions/0059).
//
//go:noinline
func Place(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// A Setting is an option as a line of zeekctl.cfg sets it.
type Setting struct {
	Name  string // in lower case
	Value string
	Line  int
}

// A Key is a key of a section of node.cfg. Line is 0 if the section inherits it.
type Key struct {
	Name, Value string
	Line        int
}

// A Section is a section of node.cfg.
type Section struct {
	Name string
	Line int
	Type Type
	Host string
	Keys []Key // in the order of the file
	// Count is the number of processes of the section; 0 means lb_procs is absent: one.
	Count int
}

// Key returns the value of a key of the section, or nothing.
func (s *Section) Key(name string) string { return s.key(name).Value }

func (s *Section) key(name string) Key {
	for _, k := range s.Keys {
		if k.Name == name {
			return k
		}
	}
	return Key{}
}

// LineOf returns the line of a key, or of the section.
func (s *Section) LineOf(name string) int {
	if line := s.key(name).Line; line > 0 {
		return line
	}
	return s.Line
}

// A Process is a Zeek that zeekctl starts.
type Process struct {
	Name    string
	Type    Type
	Host    string
	Section *Section
	// Interface is empty if the process does not capture.
	Interface string
	// CPU is the processor to which the process is bound; -1 is none.
	CPU int
	// Env is what zeekctl adds to the environment, after shells have read it.
	Env map[string]string
	// Added are the variables in Env that come from the method of sharing packets.
	Added []string
	// Args are the words of aux_scripts.
	Args []string
	// Redefs are the values that zeekctl sets for this process alone, in its order.
	Redefs []Redef
	// Port is where zeekctl makes the process listen.
	Port int

	count int
}

// A Redef is a script variable with the expression that it gets.
type Redef struct{ Name, Value string }

// A Network is a line of networks.cfg.
type Network struct {
	Prefix netip.Prefix
	Tag    string
	Line   int
}

// Read reads zeekctl's files. base is the directory of the installation, ${ZeekBase}.
func Read(files Files, base string) (*Site, error) {
	s := &Site{Files: files, values: map[string]string{}, base: base}
	for _, f := range []File{files.Node, files.Options, files.Networks} {
		if len(f.Text) > MaxFile {
			return nil, &ini.Error{File: f.Name, Text: fmt.Sprintf("more than %d bytes", MaxFile)}
		}
	}
	if files.Node.Name == "" {
		return nil, fmt.Errorf("zeekctl has no node.cfg here, which says what it runs")
	}
	if err := s.readOptions(); err != nil {
		return nil, err
	}
	if err := s.readNodes(); err != nil {
		return nil, err
	}
	if err := s.readNetworks(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Site) note(file string, line int, format string, args ...any) {
	s.Notes = append(s.Notes, Note{file, line, fmt.Sprintf(format, args...)})
}

// SectionOf returns the processes of a section, in the order of their numbers.
func (s *Site) SectionOf(section *Section) []Process {
	var list []Process
	for _, p := range s.Processes {
		if p.Section == section {
			list = append(list, p)
		}
	}
	return list
}

// IsStandalone reports whether one Zeek does everything.
func (s *Site) IsStandalone() bool {
	return len(s.Processes) == 1 && s.Processes[0].Type == Standalone
}

// Hosts returns the hosts of the processes, each once, in the order of node.cfg.
func (s *Site) Hosts() []string {
	var hosts []string
	seen := map[string]bool{}
	for _, section := range s.Sections {
		if !seen[section.Host] {
			seen[section.Host] = true
			hosts = append(hosts, section.Host)
		}
	}
	return hosts
}

// order sorts the processes as zeekctl does: by type, and then as they stand in node.cfg.
func (s *Site) order() {
	sort.SliceStable(s.Processes, func(i, j int) bool {
		a, b := s.Processes[i], s.Processes[j]
		if a.Type != b.Type {
			return typeOrder[a.Type] < typeOrder[b.Type]
		}
		return a.count < b.count
	})
}

// quoted returns text as messages show it.
func quoted(text string) string { return ini.Quote(text) }

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }
