package zkg

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/ini"
)

// Host says where zkg looks for its state.
type Host struct {
	Env  func(string) string // os.Getenv
	Home string              // of the user
	// Prefix is the directory into which Zeek is installed, if it is known. A zkg that came
	// with Zeek has its configuration and its state there.
	Prefix string
}

// manifestName is the file of a state directory that says what is installed.
const manifestName = "manifest.json"

// These bound the files that zkg has written, in bytes.
const (
	maxConfig   = 1 << 20
	maxManifest = 64 << 20
)

// State returns the state directory that zkg itself uses: the one of its configuration file,
// or its default.
func (h Host) State() (string, error) {
	config, err := h.config()
	if err != nil {
		return "", err
	}
	candidates := []string{config}
	if config == "" {
		candidates[0] = h.Env("ZEEK_ZKG_STATE_DIR")
	}
	if candidates[0] == "" {
		candidates = []string{h.ofZeek("var/lib/zkg"), h.ofHome()}
	}
	var tried []string
	for _, dir := range candidates {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, manifestName)); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		tried = append(tried, dir)
	}
	return "", fmt.Errorf("zkg has no state here: there is no %s in %s; name zkg's state directory with --state", manifestName, strings.Join(tried, " or "))
}

func (h Host) ofZeek(name string) string {
	if h.Prefix == "" {
		return ""
	}
	return filepath.Join(h.Prefix, name)
}

func (h Host) ofHome() string {
	if h.Home == "" {
		return ""
	}
	return filepath.Join(h.Home, ".zkg")
}

// config returns the state directory that zkg's configuration file names, if it does.
func (h Host) config() (string, error) {
	paths := []string{h.Env("ZKG_CONFIG_FILE")}
	for _, dir := range []string{h.Env("ZEEK_ZKG_CONFIG_DIR"), h.ofZeek("etc/zkg"), h.ofHome()} {
		if dir != "" {
			paths = append(paths, filepath.Join(dir, "config"))
		}
	}
	for _, path := range paths {
		if path == "" {
			continue
		}
		text, err := readLinked(path, maxConfig)
		if errors.Is(err, fs.ErrNotExist) || (err == nil && len(text) == 0) {
			continue // as zkg does
		}
		if err != nil {
			return "", err
		}
		return h.stateOf(path, text)
	}
	return "", nil
}

func (h Host) stateOf(path string, text []byte) (string, error) {
	f, err := ini.Parse(path, text)
	if err != nil {
		return "", err
	}
	for _, s := range f.Sections {
		if s.Name != "paths" {
			continue
		}
		e := f.Lookup(s, "state_dir")
		if e == nil {
			return "", nil
		}
		value, err := f.Value(s, e)
		if err != nil || value == nil {
			return "", err
		}
		if rest, ok := strings.CutPrefix(*value, "~"); ok && (rest == "" || rest[0] == '/') {
			return h.Home + rest, nil
		}
		return os.Expand(*value, h.Env), nil
	}
	return "", nil
}

func readLinked(path string, most int64) ([]byte, error) {
	f, err := durable.OpenLinked(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = &os.PathError{Op: "read", Path: path, Err: durable.ErrTooLong}
	}
	return text, err
}

// manifest is what we read of zkg's file of this name. zkg may add fields.
type manifest struct {
	Version   int       `json:"manifest_version"`
	ScriptDir string    `json:"script_dir"`
	PluginDir string    `json:"plugin_dir"`
	Installed []install `json:"installed_packages"`
}

type install struct {
	Package struct {
		Name     string         `json:"name"`
		Metadata map[string]any `json:"metadata"`
	} `json:"package_dict"`
	Status struct {
		Loaded  bool   `json:"is_loaded"`
		Version string `json:"current_version"`
	} `json:"status_dict"`
}

// aliases returns the other names under which scripts load a package.
func (p install) aliases() []string {
	text, _ := p.Package.Metadata["aliases"].(string)
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}

// readManifest returns zkg's manifest, with the loaded packages only, sorted by name.
func readManifest(state string) (manifest, error) {
	path := filepath.Join(state, manifestName)
	text, err := readLinked(path, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest{}, fmt.Errorf("%s is no state directory of zkg: it has no %s", state, manifestName)
	}
	if err != nil {
		return manifest{}, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return manifest{}, fmt.Errorf("read %s: %w", path, err)
	}
	if m.Version > 1 {
		return manifest{}, fmt.Errorf("read %s: its manifest_version is %d, known are 0 and 1; a newer zkg has written it", path, m.Version)
	}
	m.Installed = slices.DeleteFunc(m.Installed, func(p install) bool { return !p.Status.Loaded })
	sort.Slice(m.Installed, func(i, j int) bool { return m.Installed[i].Package.Name < m.Installed[j].Package.Name })
	for _, p := range m.Installed {
		if name := p.Package.Name; name == "" || name[0] == '.' || strings.ContainsAny(name, "/\\") {
			return manifest{}, fmt.Errorf("read %s: a package has the name %.100q", path, name)
		}
	}
	return m, nil
}
