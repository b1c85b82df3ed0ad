package settings

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
)

// Sources are what settings are resolved from. All fields but Defaults may be
// zero.
type Sources struct {
	// Flags is a set to which AddControllerFlags, AddAgentFlags or
	// AddCommonFlags added flags, after it was parsed. A flag that is not in the
	// set counts as not given. Nil means that there are no flags.
	Flags *pflag.FlagSet
	// LookupEnv is os.LookupEnv. Nil means that the environment is empty.
	LookupEnv func(name string) (string, bool)
	// ReadFile returns the text of a configuration file. Nil means the function
	// ReadFile.
	ReadFile func(path string) ([]byte, error)
	// System is a configuration file that counts if no flag and no variable names one, and
	// if it exists. Empty means that there is none.
	System string
	// Joined returns what follows for an agent from its having joined a cluster. The
	// agent's credentials are below its state directory. Nil means that it has not joined.
	Joined func(stateDir string) (Joined, error)
	// Defaults are the values of settings that nobody has set.
	Defaults Defaults
	// Hostname is the name of the host. Default names contain it. Empty means
	// "<unknown>", as in Zeek (spec management-api 1.6).
	Hostname string
}

// SystemDir has the configuration files that packages install.
const SystemDir = "/etc/zeekfleet"

// ConfigFlag and ConfigEnv name the configuration file.
const (
	ConfigFlag = "config"
	ConfigEnv  = "ZEEKFLEET_CONFIG"
)

func (s Sources) hostname() string {
	if s.Hostname == "" {
		return "<unknown>"
	}
	return s.Hostname
}

// testing reports whether Zeek's own tests run this program. They want all files
// in the working directory (spec management-api 1.7).
func (s Sources) testing() bool { return s.env("ZEEK_MANAGEMENT_TESTING") != "" }

// spoolDir returns the default spool directory.
func (s Sources) spoolDir(stateDir string) string {
	if s.testing() {
		return "."
	}
	return filepath.Join(stateDir, "spool")
}

// env returns the value of a variable. It is empty if the variable is unset.
func (s Sources) env(name string) string {
	if s.LookupEnv == nil {
		return ""
	}
	text, _ := s.LookupEnv(name)
	return text
}

// flag returns the text of a flag, and false if the flag was not given.
func (s Sources) flag(name string) (string, bool) {
	if s.Flags == nil {
		return "", false
	}
	f := s.Flags.Lookup(name)
	if f == nil || !f.Changed {
		return "", false
	}
	return f.Value.String(), true
}

// configuration returns the path of the configuration file, and who names it. The path is
// empty if there is none.
func (s Sources) configuration() (path, from string) {
	if path, given := s.flag(ConfigFlag); given {
		return path, "--" + ConfigFlag
	}
	if path := s.env(ConfigEnv); path != "" {
		return path, ConfigEnv
	}
	if s.System == "" {
		return "", ""
	}
	if _, err := os.Stat(s.System); errors.Is(err, fs.ErrNotExist) {
		return "", ""
	}
	return s.System, "the system's"
}

// ofSystem reports whether these are the sources of a daemon that a package has installed:
// its configuration is where packages put it, or would be.
func (s Sources) ofSystem() bool {
	if path, _ := s.configuration(); path != "" || s.System == "" {
		return filepath.Dir(path) == SystemDir
	}
	_, err := os.Stat(filepath.Dir(s.System))
	return err == nil && filepath.Dir(s.System) == SystemDir
}

// file reads the configuration file. A flag or the environment names it, or else it is
// System, if there is one.
func (s Sources) file() (file, error) {
	path, from := s.configuration()
	if path == "" {
		return file{}, nil
	}
	read := s.ReadFile
	if read == nil {
		read = ReadFile
	}
	text, err := read(path)
	if err != nil {
		return file{}, fmt.Errorf("read configuration (%s): %w", from, err)
	}
	return parseFile(path, text, knownKeys())
}

// An Entry is the value of one setting, and its origin: "flag --name",
// "environment ZEEK_AGENT_NAME", "file f.yaml:3", "joined PATH" or "default".
type Entry struct{ Key, Value, Origin string }

// originDefault is the origin of a value that nobody has set.
const originDefault = "default"

// ResolveController returns the controller's settings, and all of them as entries
// in the order of the table. An error names the setting that is wrong and the
// origin of its value.
func ResolveController(src Sources) (Controller, []Entry, error) {
	var c Controller
	r, err := resolve(src, controllerTable(src, new(parts)), &c)
	if err != nil {
		return Controller{}, nil, err
	}
	c.Directory = c.directory(c.Directory, c.Name)
	if r.origin[storeHeartbeat] == originDefault { // of a quick election that somebody has set
		c.Cluster.Heartbeat = min(c.Cluster.Heartbeat, c.Cluster.Election/5)
	}
	if err := c.check(r); err != nil {
		return Controller{}, nil, err
	}
	return c, r.entries(&c), nil
}

// ResolveAgent returns the agent's settings, and all of them as entries in the
// order of the table. An error names the setting that is wrong and the origin of
// its value.
func ResolveAgent(src Sources) (Agent, []Entry, error) {
	var (
		a Agent
		p parts
	)
	j, err := src.joined()
	if err != nil {
		return Agent{}, nil, err
	}
	r, err := resolve(src, j.fill(agentTable(src, &p)), &a)
	if err != nil {
		return Agent{}, nil, err
	}
	a.Joined = j.Dir
	if err := j.check(a, r); err != nil {
		return Agent{}, nil, err
	}
	a.Directory = a.directory(a.Directory, a.Name)
	a.SpoolDir = cmp.Or(a.SpoolDir, src.spoolDir(a.StateDir))
	a.Archive.Dir = cmp.Or(a.Archive.Dir, filepath.Join(a.StateDir, "logs"))
	if a.Controller, a.Controllers, err = p.allControllers(r); err != nil {
		return Agent{}, nil, err
	}
	if err := a.check(r); err != nil {
		return Agent{}, nil, err
	}
	return a, r.entries(&a), nil
}

// resolved is a table whose settings have their values. It has the origin of each
// value, by key.
type resolved[T any] struct {
	table  []setting[T]
	origin map[string]string
}

// resolve sets the fields of into from src.
func resolve[T any](src Sources, table []setting[T], into *T) (resolved[T], error) {
	f, err := src.file()
	if err != nil {
		return resolved[T]{}, err
	}
	r := resolved[T]{table, make(map[string]string, len(table))}
	texts := make(map[string]string, len(table))
	for _, s := range table {
		text, origin := s.find(src, f)
		if origin == originDefault && s.follows != "" {
			key := s.follows
			if s.instead != nil && s.instead(into) {
				key = s.unless
			}
			text, origin = texts[key], r.origin[key]
		}
		field := s.field(into)
		if err := field.parse(text); err != nil {
			if field.secret {
				return resolved[T]{}, fmt.Errorf("%s: the value from %s is %w", s.key, origin, err)
			}
			return resolved[T]{}, fmt.Errorf("%s: %q from %s is %w", s.key, text, origin, err)
		}
		texts[s.key], r.origin[s.key] = text, origin
	}
	return r, nil
}

// find returns the text of the setting and its origin.
func (s setting[T]) find(src Sources, f file) (text, origin string) {
	if text, ok := src.flag(s.flag); ok {
		return text, "flag --" + s.flag
	}
	if text := src.env(s.env); text != "" {
		return text, "environment " + s.env
	}
	for _, key := range []string{s.key, s.also} {
		if v, ok := f.values[key]; ok {
			return v.text, fmt.Sprintf("file %s:%d", f.path, v.line)
		}
	}
	return s.initial, cmp.Or(s.initialFrom, originDefault)
}

// setBy returns the flag, the variable and the key that set the setting called
// key.
func (r resolved[T]) setBy(key string) string {
	for _, s := range r.table {
		if s.key == key {
			return fmt.Sprintf("--%s (%s, or %s in the file)", s.flag, s.env, s.key)
		}
	}
	panic("settings: no setting " + key)
}

// from returns the origin of the value of the setting called key.
func (r resolved[T]) from(key string) string { return r.origin[key] }

func (r resolved[T]) entries(from *T) []Entry {
	entries := make([]Entry, len(r.table))
	for i, s := range r.table {
		entries[i] = Entry{s.key, s.field(from).text(), r.origin[s.key]}
	}
	return entries
}
