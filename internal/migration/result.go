package migration

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Source is what a cluster was configured with.
type Source string

// The sources.
const (
	Zeekctl    Source = "zeekctl"
	ZeekConf   Source = "zeek.conf"
	Management Source = "management"
)

// Sources are all sources, for messages.
var Sources = []Source{Zeekctl, ZeekConf, Management}

// A Finding says that something has no equivalent, or that something is to be known.
type Finding struct {
	// Place is the file and the line, if there is one.
	Place string `json:"place,omitempty"`
	What  string `json:"what"`
	// Do says what to do. Nothing needs to be done if it is empty.
	Do string `json:"do,omitempty"`
}

// String returns the finding on one line.
func (f Finding) String() string {
	text := f.What
	if f.Place != "" {
		text = f.Place + ": " + text
	}
	switch {
	case f.Do == "":
		return text
	case unicode.IsUpper([]rune(f.Do)[0]):
		return text + ". " + f.Do
	}
	return text + "; " + f.Do
}

// A Host is a host of the other manager, with the instance that takes its place.
type Host struct {
	// Name is the name or the address that the other manager has for it.
	Name     string            `json:"name"`
	Instance mgmt.InstanceName `json:"instance"`
}

// A Process is what the other manager starts.
type Process struct {
	Name      string
	Role      mgmt.ClusterRole
	Instance  mgmt.InstanceName
	Interface string
	CPUs      []int
	Env       map[string]string
	// Scripts and Options are those of the process alone.
	Scripts []string
	Options []mgmt.Option
	Limits  mgmt.Limits
	// Replaces is the name of the other manager's process, if the process has another here.
	Replaces string
}

// A SettingsFile has settings of a daemon.
type SettingsFile struct {
	Name string `json:"name"` // such as agent.yaml
	For  string `json:"for"`  // which daemons it is for
	Text string `json:"text"`
}

// A Result is what an import has made.
type Result struct {
	From Source `json:"from"`
	// Cluster is the cluster file.
	Cluster  string         `json:"cluster"`
	Settings []SettingsFile `json:"settings"`
	Findings []Finding      `json:"findings"`
	// Hosts are in the order of the other manager's files.
	Hosts []Host `json:"hosts"`
	// Processes are what the other manager starts, in its order.
	Processes []Process `json:"-"`
	// Base is the installation, and Spool the directory in which zeekctl's processes run.
	// StopTimeout is how long zeekctl waits for a process to end.
	Base        string        `json:"-"`
	Spool       string        `json:"-"`
	StopTimeout time.Duration `json:"-"`
	// Listen is the address of the controller, if the files tell it.
	Listen string `json:"-"`
}

// listenAddress returns the address at which all hosts reach a controller on the host of the
// manager. It is empty if there is one host, or if the files have a name for that host: the
// import asks no resolver.
func (r *Result) listenAddress() string {
	if len(r.Hosts) < 2 {
		return ""
	}
	at := slices.IndexFunc(r.Processes, func(p Process) bool { return p.Role == mgmt.Manager })
	if at < 0 {
		return ""
	}
	host := slices.IndexFunc(r.Hosts, func(h Host) bool { return h.Instance == r.Processes[at].Instance })
	if host < 0 {
		return ""
	}
	addr, err := netip.ParseAddr(r.Hosts[host].Name)
	if err != nil || addr.IsLoopback() || addr.Zone() != "" {
		return ""
	}
	return addr.String()
}

// SettingsComment returns the settings as comments, to stand behind a cluster file.
func (r *Result) SettingsComment() string {
	var d draft
	for _, file := range r.Settings {
		d.comment("---- %s, settings for %s ----", file.Name, file.For)
		d.comment("%s", strings.TrimRight(file.Text, "\n"))
		d.blank()
	}
	return d.b.String()
}

// An Options says how a cluster is imported.
type Options struct {
	// Hostname is the name of this host. The instance of a cluster on this host alone is
	// that of an agent without a name of its own.
	Hostname string
	// Base is the directory of the installation. Empty is found from the files.
	Base string
	// Instances are the names of instances for hosts, in place of the usual ones.
	Instances map[string]mgmt.InstanceName
	// foundBase says that Base is only a guess.
	foundBase bool
}

// localInstance is the name of an agent that has no name of its own.
func (o Options) localInstance() mgmt.InstanceName {
	host := o.Hostname
	if host == "" {
		host = "localhost"
	}
	return mgmt.InstanceName("agent-" + host)
}

// findings collects findings, each once.
type findings struct {
	list []Finding
	seen map[Finding]bool
}

func (f *findings) add(place, what, do string) {
	if f.seen == nil {
		f.seen = map[Finding]bool{}
	}
	finding := Finding{place, what, do}
	if !f.seen[finding] {
		f.seen[finding] = true
		f.list = append(f.list, finding)
	}
}

// settings collects settings with the places that they come from.
type settings struct {
	values map[string]settingValue
}

type settingValue struct {
	words  []string
	list   bool
	places []string
}

func (s *settings) put(key, value, place string) {
	s.set(key, settingValue{words: []string{value}, places: []string{place}})
}

func (s *settings) set(key string, v settingValue) {
	if s.values == nil {
		s.values = map[string]settingValue{}
	}
	s.values[key] = v
}

// addWords adds words to a setting that is a list.
func (s *settings) addWords(key, place string, words ...string) {
	v := s.values[key]
	for _, word := range words {
		if !slices.Contains(v.words, word) || key == zeekArgs {
			v.words = append(v.words, word)
		}
	}
	v.list = true
	if !slices.Contains(v.places, place) {
		v.places = append(v.places, place)
	}
	s.set(key, v)
}

// service adds what the files of the packages say, in whose place an import's settings stand.
// Without it, an agent obeys no controller that a service runs beside it, and runs Zeek as
// root. A driver in user space needs root.
func (s *settings) service(processes []Process) {
	s.put("local_users", "zeekfleet", "as in the package's file: the controller of the same host runs as this user")
	if !slices.ContainsFunc(processes, Process.needsRoot) {
		s.put("agent.node_user", "zeek", "as in the package's file: Zeek runs as this user, and as root without this line")
	}
}

// needsRoot reports whether a process captures in a way that needs more than CAP_NET_RAW, as
// far as its interface and its variables tell.
func (p Process) needsRoot() bool {
	for name := range p.Env {
		if strings.HasPrefix(name, "SNF_") || strings.HasPrefix(name, "PCAP_PF_RING_") {
			return true
		}
	}
	packets, _, named := strings.Cut(p.Interface, "::")
	return named && packets != "af_packet"
}

// text renders the settings as YAML: a section for the first word of the keys. A key of one
// word stands outside of sections.
func (s *settings) text(head ...string) string {
	keys := make([]string, 0, len(s.values))
	for key := range s.values {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	var b strings.Builder
	for _, line := range head {
		b.WriteString("# " + line + "\n")
	}
	section := ""
	for _, key := range keys {
		v := s.values[key]
		first, rest, _ := strings.Cut(key, ".")
		indent := "  "
		switch {
		case rest == "":
			section, rest, indent = "", first, ""
		case first != section:
			section = first
			b.WriteString(first + ":\n")
		}
		for _, place := range v.places {
			if place != "" {
				b.WriteString(indent + "# " + place + "\n")
			}
		}
		value := scalar(v.words[0])
		if v.list {
			items := make([]string, len(v.words))
			for i, word := range v.words {
				items[i] = scalar(word)
			}
			value = "[" + strings.Join(items, ", ") + "]"
		}
		fmt.Fprintf(&b, "%s%s: %s\n", indent, rest, value)
	}
	return b.String()
}

// scalar writes a value of YAML.
func scalar(text string) string {
	plain := text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/_.-", r))
	}) && text[0] != '-' && text[0] != '.'
	if plain {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(text) + `"`
}
