package zeekconf

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

// Form is the language of a file.
type Form string

// The forms of files.
const (
	Form81 Form = "8.1" // of Zeek 8.1 and 8.2
	Form90 Form = "9.0"
)

// Kind is a kind of processes. Keys of files begin with it.
type Kind string

// The kinds of processes, in the order in which the layout lists them.
const (
	Manager Kind = "manager"
	Logger  Kind = "logger"
	Proxy   Kind = "proxy"
	Worker  Kind = "worker"
)

// A Conf is one file.
type Conf struct {
	File string
	// Host is the name in HOST.zeek.conf, or nothing.
	Host string
	Form Form
	// Zeek has the options of the host.
	Zeek *Section
	// Interfaces are the sections about interfaces, or the only section of a file without
	// sections. A section without workers is among them.
	Interfaces []*Section
	Manager    bool
	Loggers    int
	Proxies    int
	// Workers are the numbers of workers of the Interfaces.
	Workers []int
	// Port is the first port on which processes listen. MetricsPort is the first one of metrics;
	// 0 is none.
	Port, MetricsPort int
	// Notes are mistakes that the generator does not stop at.
	Notes []Note
}

// A Note is about a line of a file.
type Note struct {
	Line int
	Text string
}

// MaxProcesses bounds the processes of a host.
const MaxProcesses = 4096

var hostFile = lazy.Regexp(`^([a-z0-9][-a-z0-9_]*)\.zeek\.conf$`)

// HostOf returns the host in the name of a file HOST.zeek.conf, or nothing.
func HostOf(file string) string {
	if m := hostFile().FindStringSubmatch(path.Base(file)); m != nil {
		return m[1]
	}
	return ""
}

// Parse reads a file. Its form is that of Zeek 8.1 if it has no section and no key "manager",
// because a file of Zeek 9.0 without "manager = 1" runs no manager.
func Parse(file string, text []byte) (*Conf, error) {
	if len(text) > MaxFile {
		return nil, &ini.Error{File: file, Text: fmt.Sprintf("more than %d bytes", MaxFile)}
	}
	if i := strings.IndexFunc(string(text), notText); i >= 0 {
		return nil, &ini.Error{File: file, Line: 1 + strings.Count(string(text[:i]), "\n"), Text: fmt.Sprintf("not a text file: it holds the byte 0x%02x", text[i])}
	}
	c := &Conf{File: file, Host: HostOf(file), Form: Form90}
	sections, err := parseSections(file, text)
	if flat, flatErr := parseFlat(file, text); c.Host == "" && flatErr == nil && isForm81(text, flat[0]) {
		sections, err, c.Form = flat, nil, Form81
	}
	if err != nil {
		return nil, err
	}
	if err := c.divide(sections); err != nil {
		return nil, err
	}
	return c, c.read()
}

func notText(r rune) bool {
	return r == '\ufffd' || r < ' ' && !strings.ContainsRune("\t\n\r\v\f", r) || r == 0x7f
}

// isForm81 reports whether a file is of Zeek 8.1 or 8.2.
func isForm81(text []byte, flat *Section) bool {
	_, manager := flat.Option("manager")
	_, iface := flat.Option("interface")
	return !manager && iface && !slices.ContainsFunc(strings.Split(unix(text), "\n"), func(line string) bool { return sectionLine().MatchString(strings.TrimSpace(line)) })
}

// divide tells the section of the host from those of interfaces.
func (c *Conf) divide(sections []*Section) error {
	if len(sections) == 0 {
		sections = []*Section{{Line: 1}}
	}
	if len(sections) == 1 && sections[0].Name == "" {
		c.Zeek, c.Interfaces = sections[0], sections
		return nil
	}
	c.Zeek = &Section{Line: 1}
	for _, s := range sections {
		switch {
		case s.Name == "":
			return c.errorAt(s.Options[0].Line(), "%s stands before the first section: put it into [zeek]", ini.Quote(s.Options[0].Key))
		case s.Name == "zeek":
			c.Zeek = s
		case strings.HasPrefix(s.Name, "interface"):
			c.Interfaces = append(c.Interfaces, s)
		default:
			c.note(s.Line, "the generator ignores the section [%s]", ini.Clip(s.Name))
		}
	}
	return nil
}

func (c *Conf) errorAt(line int, format string, args ...any) error {
	return &ini.Error{File: c.File, Line: line, Text: fmt.Sprintf(format, args...)}
}

func (c *Conf) note(line int, format string, args ...any) {
	c.Notes = append(c.Notes, Note{line, fmt.Sprintf(format, args...)})
}

// The keys of [zeek], and those of an interface.
var (
	zeekKeys = []string{
		"args", "manager_args", "logger_args", "proxy_args", "archiver_args", "env", "manager_env", "logger_env", "proxy_env", "archiver_env",
		"user", "group", "manager", "loggers", "proxies", "archiver", "base_dir", "path", "ext_path", "ext_zeek_path", "cluster_backend_args",
		"cluster_layout", "cluster_node_prefix", "port", "cluster_port", "address", "cluster_address", "metrics_port",
		"manager_nice", "logger_nice", "proxy_nice", "archiver_nice", "manager_memory_max", "logger_memory_max", "proxy_memory_max", "archiver_memory_max",
		"manager_cpu_set", "logger_cpu_set", "proxy_cpu_set", "archiver_cpu_set", "restart_interval_sec",
	}
	interfaceKeys = []string{
		"interface", "workers", "worker_args", "worker_env", "workers_cpu_list", "worker_numa_policy", "workers_numa_policy", "worker_nice", "worker_memory_max",
	}
	keys81 = []string{
		"interface", "args", "user", "group", "workers", "proxies", "loggers", "base_dir", "path", "ext_path", "ext_zeek_path", "workers_cpu_list",
		"workers_numa_policy", "cluster_backend_args", "port", "address", "metrics_port", "metrics_address", "archiver", "archiver_args",
		"manager_nice", "logger_nice", "proxy_nice", "worker_nice", "manager_memory_max", "logger_memory_max", "proxy_memory_max", "worker_memory_max",
		"restart_interval_sec",
	}
)

// read checks the options and reads the numbers.
func (c *Conf) read() error {
	for _, s := range append([]*Section{c.Zeek}, c.Interfaces...) {
		if err := c.checkKeys(s); err != nil {
			return err
		}
	}
	var err error
	number := func(key string, without int) int {
		text := c.Zeek.Text(key)
		if text == "" || err != nil {
			return without
		}
		n, bad := strconv.Atoi(text)
		if bad != nil || n < 0 || n > 65535 {
			err = c.errorAt(c.Zeek.LineOf(key), "%s %s is not a number from 0 to 65535", key, ini.Quote(text))
		}
		return n
	}
	without := 0
	if c.Form == Form81 {
		without = 1 // Zeek 8.1 runs one of each unless told otherwise
	}
	c.Loggers, c.Proxies = number("loggers", without), number("proxies", without)
	c.Port, c.MetricsPort = number("port", number("cluster_port", 27760)), number("metrics_port", 9991)
	manager := number("manager", 0)
	c.Manager = manager == 1 || c.Form == Form81
	if manager > 1 && err == nil {
		err = c.errorAt(c.Zeek.LineOf("manager"), "manager %d is neither 1 nor 0", manager)
	}
	if err != nil {
		return err
	}
	total := c.Loggers + c.Proxies
	for _, s := range c.Interfaces {
		workers, err := c.workers(s)
		if err != nil {
			return err
		}
		c.Workers = append(c.Workers, workers)
		total += workers
	}
	if total > MaxProcesses {
		return c.errorAt(0, "%d processes, more than %d", total, MaxProcesses)
	}
	return c.checkValues()
}

// checkKeys refuses keys that the generator refuses.
func (c *Conf) checkKeys(s *Section) error {
	known, severe := slices.Concat(zeekKeys, interfaceKeys), false
	switch {
	case c.Form == Form81:
		known = keys81
	case s.Name == "zeek":
		known, severe = zeekKeys, true
	case s.Name != "":
		known, severe = interfaceKeys, true
	}
	for _, o := range s.Options {
		switch {
		case !slices.Contains(known, o.Key) && severe:
			return c.errorAt(o.Line(), "[%s] has no key %s", ini.Clip(s.Name), ini.Quote(o.Key))
		case !slices.Contains(known, o.Key):
			if s == c.Zeek {
				c.note(o.Line(), "the generator ignores the key %s", ini.Quote(o.Key))
			}
		case len(o.Values) > 1 && !strings.HasSuffix(o.Key, "env") && !strings.HasSuffix(o.Key, "args"):
			return c.errorAt(o.Values[1].Line, "%s has more than one line", ini.Quote(o.Key))
		}
	}
	return nil
}

var interfaceSection = lazy.Regexp(`interface ([-_a-z0-9]+)$`)

// ID returns the name of an interface's section, which is in the names of its workers. It is
// empty in a file without sections.
func (s *Section) ID() string {
	if m := interfaceSection().FindStringSubmatch(s.Name); m != nil {
		return m[1]
	}
	return ""
}

// workers returns how many workers an interface has.
func (c *Conf) workers(s *Section) (int, error) {
	if s.Name != "" && s.ID() == "" {
		return 0, c.errorAt(s.Line, "[%s]: the name of an interface may have lower-case letters, digits, - and _", ini.Clip(s.Name))
	}
	if s.Name != "" && len(s.Options) == 0 {
		return 0, c.errorAt(s.Line, "[%s] is empty", ini.Clip(s.Name))
	}
	text, iface := s.Text("workers"), s.Text("interface")
	_, has := s.Option("workers")
	_, hasInterface := s.Option("interface")
	n, err := strconv.Atoi(text)
	switch {
	case c.Form == Form81 && iface == "":
		return 0, nil
	case c.Form == Form81 && text == "":
		return 1, nil
	case !has && iface == "" && s.Name == "":
		return 0, nil
	case !has && iface != "":
		return 0, c.errorAt(s.LineOf("interface"), "interface %s has no workers: say how many there are", ini.Quote(iface))
	case has && (err != nil || n < 0 || n > MaxProcesses):
		return 0, c.errorAt(s.LineOf("workers"), "workers %s is not a number from 0 to %d", ini.Quote(text), MaxProcesses)
	case has && !hasInterface:
		return 0, c.errorAt(s.LineOf("workers"), "workers, and no interface")
	case iface == "" && s.Name != "":
		return 0, c.errorAt(s.LineOf("interface"), "[%s] has no interface", ini.Clip(s.Name))
	}
	return n, nil
}

var nodePrefix = lazy.Regexp(`^[a-z0-0][-a-z0-9_]*$`)

// checkValues refuses values that the generator refuses.
func (c *Conf) checkValues() error {
	for _, s := range append([]*Section{c.Zeek}, c.Interfaces...) {
		for _, o := range s.Options {
			if err := c.checkValue(o); err != nil {
				return c.errorAt(o.Line(), "%s: %v", o.Key, err)
			}
		}
	}
	return nil
}

func (c *Conf) checkValue(o Option) error {
	text := o.joined()
	switch {
	case text == "" && o.Key != "worker_nice":
		return nil
	case strings.HasSuffix(o.Key, "_nice"):
		if n, err := strconv.Atoi(text); err != nil || n < -20 || n > 19 {
			return fmt.Errorf("%s is not a number from -20 to 19", ini.Quote(text))
		}
	case strings.HasSuffix(o.Key, "_memory_max"):
		_, err := Bytes(text)
		return err
	case strings.HasSuffix(o.Key, "_cpu_set"), o.Key == "workers_cpu_list":
		_, err := CPUList(text)
		return err
	case strings.HasSuffix(o.Key, "numa_policy") && text != "local" && text != "default":
		return fmt.Errorf("%s is neither local nor default", ini.Quote(text))
	case o.Key == "cluster_node_prefix" && !nodePrefix().MatchString(text):
		return fmt.Errorf("the generator refuses %s: it begins with a lower-case letter, and may have lower-case letters, digits, - and _", ini.Quote(text))
	case o.Key == "address" || o.Key == "cluster_address":
		if _, err := netip.ParseAddr(strings.Trim(text, "[]")); err != nil && c.Form == Form90 {
			return fmt.Errorf("%s is not an address such as 192.0.2.1 or [fd00::1]", ini.Quote(text))
		}
	}
	return nil
}

// Bytes reads a size as the generator does: a number, and K, M, G or T behind it.
func Bytes(text string) (uint64, error) {
	number, unit := text, uint64(1)
	for i, u := range []string{"K", "M", "G", "T"} {
		if rest, ok := strings.CutSuffix(text, u); ok {
			number, unit = rest, 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n > 1<<50/unit {
		return 0, fmt.Errorf("%s is not a size such as 8G", ini.Quote(text))
	}
	return n * unit, nil
}

// CPUList reads processors in the form 0,2,8-15:2, in their order.
func CPUList(text string) ([]int, error) {
	if text == "" {
		return nil, nil
	}
	bad := fmt.Errorf("%s is no list of processors such as 0,4-7 or 0-14:2", ini.Quote(text))
	var list []int
	for item := range strings.SplitSeq(text, ",") {
		from, rest, isRange := strings.Cut(item, "-")
		first, err := strconv.Atoi(from)
		if err != nil || first < 0 {
			return nil, bad
		}
		last, stride := first, 1
		if isRange {
			to, step, hasStep := strings.Cut(rest, ":")
			if last, err = strconv.Atoi(to); err != nil || last < first {
				return nil, bad
			}
			if hasStep {
				if stride, err = strconv.Atoi(step); err != nil || stride < 1 {
					return nil, bad
				}
			}
		}
		if last > maxCPU || len(list) > maxCPU {
			return nil, bad
		}
		for cpu := first; cpu <= last; cpu += stride {
			list = append(list, cpu)
		}
	}
	return list, nil
}

// maxCPU is the highest number of a processor.
const maxCPU = 4095
