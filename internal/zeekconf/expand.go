package zeekconf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
)

// A Process is a Zeek that a unit of the generator starts.
type Process struct {
	Name string
	Kind Kind
	Conf *Conf
	// Section is that of the interface, of a worker.
	Section   *Section
	Interface string
	// CPUs are the processors on which the process may run; none is any.
	CPUs []int
	Env  map[string]string
	// Args are the words behind those of the backend: of the kind, and of all processes.
	Args []string
	// Nice and MemoryMax are nil and 0 if the file does not set them.
	Nice      *int
	MemoryMax uint64
	// Port and MetricsPort are 0 if the process has none.
	Port, MetricsPort int
}

// Prefix returns the text that names of processes begin with, except that of the manager.
func (c *Conf) Prefix() string {
	prefix := c.Host
	if _, ok := c.Zeek.Option("cluster_node_prefix"); ok && c.Form == Form90 {
		prefix = c.Zeek.Text("cluster_node_prefix")
	}
	if prefix == "" {
		return ""
	}
	return prefix + "-"
}

// Expand returns the processes of a host, in the order of the layout.
func (c *Conf) Expand() ([]Process, error) {
	e := expander{conf: c, port: c.Port, metrics: c.MetricsPort}
	if c.Form == Form81 && c.Zeek.Text("interface") == "" {
		return nil, nil // the generator makes no unit without an interface
	}
	if c.Manager {
		e.add(Process{Name: string(Manager), Kind: Manager})
	}
	for i := range c.Loggers {
		e.add(Process{Name: fmt.Sprintf("%slogger-%d", c.Prefix(), i+1), Kind: Logger})
	}
	for i := range c.Proxies {
		e.add(Process{Name: fmt.Sprintf("%sproxy-%d", c.Prefix(), i+1), Kind: Proxy})
	}
	hostIndex := 0
	for i, s := range c.Interfaces {
		for index := range c.Workers[i] {
			hostIndex++
			e.worker(s, index+1, hostIndex)
		}
	}
	return e.list, e.err
}

// expander adds the processes of a host. It keeps the first error.
type expander struct {
	conf          *Conf
	port, metrics int
	list          []Process
	err           error
}

// add adds a process that is no worker.
func (e *expander) add(p Process) {
	zeek := e.conf.Zeek
	p.Port = e.port
	e.port++
	cpus, _ := CPUList(zeek.Text(string(p.Kind) + "_cpu_set"))
	slices.Sort(cpus)
	p.CPUs = slices.Compact(cpus)
	e.common(&p, zeek, zeek.Text(string(p.Kind)+"_args"), nil)
}

func (e *expander) worker(s *Section, index, hostIndex int) {
	c := e.conf
	name := "worker-"
	if s.ID() != "" {
		name += s.ID() + "-"
	}
	p := Process{Name: c.Prefix() + name + strconv.Itoa(index), Kind: Worker, Section: s}
	list, _ := CPUList(s.Text("workers_cpu_list"))
	vars := map[string]string{"worker_index": strconv.Itoa(index), "worker_index0": strconv.Itoa(index - 1)}
	if c.Form == Form90 {
		vars["host_worker_index"], vars["host_worker_index0"] = strconv.Itoa(hostIndex), strconv.Itoa(hostIndex-1)
	}
	if len(list) > 0 {
		cpu := list[(hostIndex-1)%len(list)]
		p.CPUs = []int{cpu}
		vars["worker_cpu"] = strconv.Itoa(cpu)
	} else if c.Form == Form81 {
		vars["worker_cpu"] = ""
	}
	if s.ID() != "" {
		vars["interface_section_name"] = s.ID()
	}
	var err error
	if p.Interface, err = substitute(s.Text("interface"), vars); err != nil && e.err == nil {
		e.err = c.errorAt(s.LineOf("interface"), "interface: %v", err)
	}
	p.Interface = unquoteUnit(p.Interface)
	e.common(&p, s, s.Text("worker_args"), vars)
}

// common adds what all kinds of processes have. own has the options of the kind.
func (e *expander) common(p *Process, own *Section, args string, vars map[string]string) {
	c := e.conf
	p.Conf = c
	if e.metrics > 0 {
		p.MetricsPort = e.metrics
		e.metrics++
	}
	p.Args = words(args)
	p.Args = append(p.Args, words(c.Args())...)
	p.Env = map[string]string{}
	for _, s := range []struct {
		section *Section
		key     string
	}{{c.Zeek, "env"}, {own, string(p.Kind) + "_env"}} {
		o, ok := s.section.Option(s.key)
		if !ok || c.Form == Form81 {
			continue
		}
		env, err := envOf(o, vars)
		if err != nil && e.err == nil {
			e.err = c.errorAt(o.Line(), "%s: %v", s.key, err)
		}
		for _, v := range env {
			p.Env[v.Name] = v.Value
		}
	}
	if text := own.Text(string(p.Kind) + "_nice"); text != "" {
		n, _ := strconv.Atoi(text)
		p.Nice = &n
	}
	p.MemoryMax, _ = Bytes(own.Text(string(p.Kind) + "_memory_max"))
	e.list = append(e.list, *p)
}

// Args returns the words for all processes.
func (c *Conf) Args() string {
	if text := c.Zeek.Text("args"); text != "" {
		return text
	}
	return "local"
}

// words splits text as systemd does the command line of a unit.
func words(text string) []string {
	list, err := ini.SplitWords(text)
	if err != nil {
		return strings.Fields(text)
	}
	return list
}

// A Variable is a variable of the environment.
type Variable struct{ Name, Value string }

// envOf returns the variables in a value: each line is an assignment. The generator replaces
// ${name} in it, and then systemd takes further words of the line for further assignments.
func envOf(o Option, vars map[string]string) ([]Variable, error) {
	var list []Variable
	for _, line := range o.Values {
		if line.Text == "" {
			continue
		}
		name, value, ok := strings.Cut(line.Text, "=")
		if !ok {
			return nil, fmt.Errorf("%s is not NAME=VALUE", ini.Quote(line.Text))
		}
		value, err := substitute(value, vars)
		if err != nil {
			return nil, err
		}
		items, err := ini.SplitWords(name + "=" + value)
		if err != nil {
			return nil, fmt.Errorf("%s: %v", ini.Quote(line.Text), err)
		}
		for _, item := range items {
			name, value, ok := strings.Cut(item, "=")
			switch {
			case !ok:
				return nil, fmt.Errorf("systemd ignores %s: put the value in quotes", ini.Quote(item))
			case name == "":
				return nil, fmt.Errorf("%s lacks the name of a variable", ini.Quote(line.Text))
			}
			list = append(list, Variable{name, percent(value)})
		}
	}
	return list, nil
}

// percent replaces %% by a percent sign, as systemd does.
func percent(text string) string { return strings.ReplaceAll(text, "%%", "%") }

// unquoteUnit returns the value of an interface as systemd reads it in the unit.
func unquoteUnit(text string) string {
	if list := words(text); len(list) > 0 {
		return percent(list[0])
	}
	return ""
}

// substitute replaces ${name}. A backslash before it keeps it.
func substitute(text string, vars map[string]string) (string, error) {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(text, "${")
		if !found {
			b.WriteString(plain)
			return b.String(), nil
		}
		if before, escaped := strings.CutSuffix(plain, `\`); escaped {
			b.WriteString(before + "${")
			text = rest
			continue
		}
		b.WriteString(plain)
		name, after, closed := strings.Cut(rest, "}")
		value, known := vars[name]
		switch {
		case !closed:
			return "", fmt.Errorf("${%s lacks its closing brace", ini.Clip(rest))
		case !known:
			return "", fmt.Errorf("${%s} is unknown here", ini.Clip(name))
		}
		b.WriteString(value)
		text = after
	}
}

// CheckHosts refuses files that do not make a cluster: it needs one manager, and names once.
func CheckHosts(confs []*Conf) error {
	var manager *Conf
	first := map[string]*Conf{}
	for _, c := range confs {
		processes, err := c.Expand()
		if err != nil {
			return err
		}
		for _, p := range processes {
			if other := first[p.Name]; other != nil && p.Kind != Manager {
				return c.errorAt(0, "its process %s is one of %s as well: set cluster_node_prefix", p.Name, other.File)
			}
			first[p.Name] = c
		}
		switch {
		case c.Manager && manager != nil:
			return c.errorAt(c.Zeek.LineOf("manager"), "a second manager, beside that of %s", manager.File)
		case c.Manager:
			manager = c
		}
	}
	if manager == nil {
		return fmt.Errorf("%s: no manager: write manager = 1", confs[0].File)
	}
	return nil
}
