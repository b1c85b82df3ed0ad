package fakezeek

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/runoption"
)

// scripts holds the loaded scripts.
type scripts struct {
	loaded []string // paths, in order
	// values maps each identifier to the literal that was last assigned to it.
	values map[string]string
	// from maps each identifier to the script that assigned it last.
	from map[string]string
	// text is the text of all scripts except those that Zeek ships.
	text strings.Builder
	// declared are the options that the scripts declare.
	declared []runoption.Option
	// layout is the cluster's layout, nil for a process that is not a node.
	layout map[string]member
}

// load reads the scripts that a node would.
func (z *zeek) load() (*scripts, error) {
	l := loader{zeek: z, path: z.scriptPath(), scripts: scripts{values: map[string]string{}, from: map[string]string{}}}
	if _, err := l.find("base/init-default", ""); err != nil {
		return nil, fatalf("can't find base/init-bare.zeek")
	}
	if err := z.checkBundles(); err != nil {
		return nil, err
	}
	if z.env("CLUSTER_NODE") != "" {
		file, err := l.find("cluster-layout", "")
		if err != nil {
			return nil, fatal{fmt.Sprintf("fatal error in %s/base/frameworks/cluster/__load__.zeek, line 14: can't find cluster-layout", z.scriptDir())}
		}
		before := l.text.Len()
		if err := l.read(file); err != nil {
			return nil, err
		}
		l.layout = parseLayout(l.text.String()[before:])
	}
	for _, s := range z.files {
		if err := l.load(s, ""); err != nil {
			return nil, err
		}
	}
	if err := z.checkBuilt(l.text.String()); err != nil {
		return nil, err
	}
	for _, a := range z.assignments {
		name, value, _ := strings.Cut(a, "=")
		l.values[name] = value
	}
	return &l.scripts, nil
}

type loader struct {
	*zeek
	path []string
	scripts
}

// load loads a script, unless it is loaded already. from is the directory of the
// script that loads it, "" for the command line.
func (l *loader) load(name, from string) error {
	file, err := l.find(name, from)
	if err != nil || slices.Contains(l.loaded, file) {
		return err
	}
	return l.read(file)
}

// find returns the file of a script. It searches as Zeek does. A script that Zeek
// ships need not exist.
func (l *loader) find(name, from string) (string, error) {
	dirs := l.path
	switch {
	case path.IsAbs(name):
		dirs = []string{""}
	case strings.HasPrefix(name, "."):
		dirs = []string{from}
	}
	for _, dir := range dirs {
		file := filepath.Join(dir, name)
		if strings.HasPrefix(name, ".") && from == "" {
			file = name // as Zeek prints it
		}
		for _, candidate := range []string{file, file + ".zeek", filepath.Join(file, "__load__.zeek")} {
			if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() {
				return candidate, nil
			}
		}
		if l.ships(file) {
			return file, nil
		}
	}
	return "", fatalf("can't find %s", name)
}

// ships tells whether this version of Zeek ships a script.
func (l *loader) ships(file string) bool {
	name, ok := strings.CutPrefix(file, l.scriptDir()+"/")
	if !ok {
		return false
	}
	v := l.version
	switch strings.TrimSuffix(name, ".zeek") {
	case "base/init-default", "site/local", "policy/misc/loaded-scripts", "policy/tuning/json-logs":
		return true
	case "policy/frameworks/cluster/backend/broker":
		return v.atLeast(8, 1) && l.hasBackendBuiltIn("broker")
	case "policy/frameworks/cluster/backend/zeromq":
		return v.atLeast(7, 1) && l.hasBackendBuiltIn("zeromq")
	case "policy/frameworks/cluster/backend/zeromq/connect":
		return v.atLeast(7, 1) && !v.atLeast(9, 1)
	case "policy/frameworks/management/log", "policy/frameworks/management/node", "policy/frameworks/management/node/api":
		return !v.atLeast(9, 1)
	}
	return false
}

var (
	loadLine   = regexp.MustCompile(`^@load\s+(\S+)`)
	moduleLine = regexp.MustCompile(`^module\s+([\w:]+);`)
	assignLine = regexp.MustCompile(`^\s*(?:redef|const|global|option)\s+([\w:]+)(?::[^=]*)?\s*=\s*(.*);\s*$`)
	errorLine  = regexp.MustCompile(`# fakezeek error: (.*)`)
)

// read reads a script and the scripts that it loads. It understands only assignments
// on one line.
func (l *loader) read(file string) error {
	l.loaded = append(l.loaded, file)
	text, err := os.ReadFile(file)
	if err != nil {
		return l.readShipped(file, err)
	}
	module := ""
	for i, line := range strings.Split(string(text), "\n") {
		if m := errorLine.FindStringSubmatch(line); m != nil {
			return fatal{fmt.Sprintf("error in %s, line %d: %s", file, i+1, m[1])}
		}
		if m := loadLine.FindStringSubmatch(line); m != nil {
			if err := l.load(m[1], filepath.Dir(file)); err != nil {
				return fatal{strings.Replace(err.Error(), "fatal error:", fmt.Sprintf("fatal error in %s, line %d:", file, i+1), 1)}
			}
		}
		if m := moduleLine.FindStringSubmatch(line); m != nil {
			module = m[1]
		}
		l.declare(module, line)
		if m := assignLine.FindStringSubmatch(line); m != nil {
			name := qualified(module, m[1])
			l.values[name], l.from[name] = m[2], file
		}
	}
	l.text.Write(text)
	return nil
}

// readShipped returns nil if the file, which could not be read, is a script that Zeek
// ships.
func (l *loader) readShipped(file string, err error) error {
	if !l.ships(file) {
		return fatalf("can't open %s: %v", file, err)
	}
	return nil
}

func qualified(module, name string) string {
	if module == "" || module == "GLOBAL" || strings.Contains(name, "::") {
		return name
	}
	return module + "::" + name
}

// loadedShipped tells whether one of these scripts of Zeek was loaded. Names are
// paths in the script directory.
func (z *zeek) loadedShipped(s *scripts, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(s.loaded, func(file string) bool {
			return strings.TrimSuffix(file, ".zeek") == path.Join(z.scriptDir(), name)
		})
	})
}

// str returns the value of an option that is a string or an address.
func (s *scripts) str(name string) string {
	v := s.values[name]
	if text, err := strconv.Unquote(v); err == nil {
		return text
	}
	return v
}

// file returns the value of an option that names a file. @DIR is the directory of the
// script that has the option.
func (s *scripts) file(name string) string {
	if quoted, ok := strings.CutPrefix(s.values[name], "@DIR + "); ok {
		if text, err := strconv.Unquote(quoted); err == nil {
			return filepath.Dir(s.from[name]) + text
		}
	}
	return s.str(name)
}

// port returns the value of an option that is a port, 0 if there is none.
func (s *scripts) port(name string) uint16 { return portNumber(s.values[name]) }

// portNumber returns the number in a text such as "2200/tcp", and 0 for a port that
// is not TCP.
func portNumber(text string) uint16 {
	number, proto, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || proto != "tcp" {
		return 0
	}
	return uint16(n)
}
