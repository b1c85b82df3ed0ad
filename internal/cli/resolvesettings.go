package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The environment variables of zeek-client.
const (
	EnvConfigFile     = "ZEEK_CLIENT_CONFIG_FILE"
	EnvConfigSettings = "ZEEK_CLIENT_CONFIG_SETTINGS"
)

// SettingsSources are the sources of settings. A later source overrides an
// earlier one: the file, the environment, Set, Controller, Verbosity.
type SettingsSources struct {
	// ReadFile is os.ReadFile.
	ReadFile func(path string) ([]byte, error)
	// ConfigFile is the settings file that the command line names. If it is
	// empty, the file is the one that the environment names, or else the first of
	// DefaultFiles that exists.
	ConfigFile   string
	DefaultFiles []string
	// LookupEnv is os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// Set holds assignments of the form section.key=value.
	Set []string
	// Controller is host:port. The host, the port or both may be missing. Further controllers
	// of the cluster may follow, after commas, each with its host.
	Controller string
	// Verbosity sets client.verbosity if it is above zero.
	Verbosity int
	// Contexts are the user's contexts. Nil means that there are none. Context is the
	// name of the one that the command line names.
	Contexts *Contexts
	Context  string
	// APITokenFile is a file with an API token. Empty means the token in the environment.
	APITokenFile string
	// Fingerprint is that of an authority of the controller. Empty means the one in the
	// environment.
	Fingerprint string
	// AsZeekClient makes an unknown setting, and a settings file that does not
	// exist, a warning and not an error.
	AsZeekClient bool
}

// MaxSettingsFile bounds a settings file, in bytes.
const MaxSettingsFile = 1 << 20

// ResolveSettings returns the settings, and warnings about entries that have no
// effect. Every source has the same errors and warnings. An error about the
// command line, or about EnvConfigSettings, is of type *UsageError.
func ResolveSettings(src SettingsSources) (s Settings, warnings []string, err error) {
	r := settingsResolver{src: src}
	for _, step := range []func() error{r.readFile, r.addDefaults, r.addEnvironment, r.addCommandLine} {
		if err := step(); err != nil {
			return Settings{}, nil, err
		}
	}
	for _, known := range clientSettings() {
		if err := r.give(known, &s); err != nil {
			return Settings{}, nil, err
		}
	}
	for _, g := range r.given {
		if err := r.checkUse(g); err != nil {
			return Settings{}, nil, err
		}
	}
	s.Text, s.Others = r.text(), r.others
	for _, step := range []func(*Settings) error{r.useContext, r.useToken} {
		if err := step(&s); err != nil {
			return Settings{}, nil, err
		}
	}
	s.ControllerUser, _ = src.LookupEnv(EnvControllerUser)
	return s, r.warnings, nil
}

type settingsResolver struct {
	src  SettingsSources
	file *ini.File
	// given are the entries of the file, the environment and Set, in this order.
	given    []givenSetting
	warnings []string
	// others are the further controllers that the command line names.
	others []string
}

// givenSetting is an entry of a source. item is the beginning of a message about
// it; item is empty for a line of the file.
type givenSetting struct {
	section, item string
	entry         *ini.Entry
}

// readFile reads the settings file. A missing file is an error only if the
// command line or the environment names it.
func (r *settingsResolver) readFile() error {
	r.file = ini.New("")
	paths, asked := r.src.DefaultFiles, ""
	if env, _ := r.src.LookupEnv(EnvConfigFile); env != "" {
		paths, asked = []string{env}, EnvConfigFile
	}
	if r.src.ConfigFile != "" {
		paths, asked = []string{r.src.ConfigFile}, "--configfile"
	}
	for _, path := range paths {
		text, err := r.src.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && asked != "" && r.src.AsZeekClient:
			r.warnings = append(r.warnings, fmt.Sprintf("settings file %s does not exist", path))
			continue
		case errors.Is(err, fs.ErrNotExist) && asked != "":
			return fmt.Errorf("settings file %s (%s) does not exist", path, asked)
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, fs.ErrPermission) && asked == "": // nobody named this file; it may be another user's
			r.warnings = append(r.warnings, fmt.Sprintf("settings file %s is not read: permission denied", path))
			continue
		case err != nil:
			return fmt.Errorf("read settings: %w", err)
		case len(text) > MaxSettingsFile:
			return fmt.Errorf("read settings: %s: more than %d bytes", path, MaxSettingsFile)
		}
		if r.file, err = ini.Parse(path, text); err != nil {
			return err
		}
		return r.checkFile()
	}
	return nil
}

// checkFile adds the entries of the file to given. It warns of keys without value
// and of comments behind a value.
func (r *settingsResolver) checkFile() error {
	for _, s := range append([]*ini.Section{r.file.Defaults}, r.file.Sections...) {
		if s.After != "" && !r.src.AsZeekClient {
			return r.file.ErrorAt(s.Line, "%s stands behind the header [%s]: put it on a line of its own", quote(s.After), clip(s.Name))
		}
		for _, e := range s.Entries {
			r.given = append(r.given, givenSetting{section: s.Name, entry: e})
			if comment := ini.TrailingComment(e); comment != "" {
				r.warn(e, "%s is taken as part of the value: a comment needs a line of its own", quote(comment))
			}
			if e.Value == nil {
				r.warn(e, "%s has no value, and no effect", quote(e.Key))
			}
		}
	}
	return nil
}

// addDefaults adds the settings that the file does not have, with their initial values. So
// an entry of [DEFAULT] never is the value of a setting, but values may refer to it.
func (r *settingsResolver) addDefaults() error {
	for _, known := range clientSettings() {
		if s := r.file.ByName[known.section]; s == nil || s.ByKey[known.key] == nil {
			r.set(known.section, known.key, known.initial, "")
		}
	}
	return nil
}

func (r *settingsResolver) warn(e *ini.Entry, format string, args ...any) {
	r.warnings = append(r.warnings, r.file.EntryError(e, format, args...).Error())
}

func (r *settingsResolver) addEnvironment() error {
	value, _ := r.src.LookupEnv(EnvConfigSettings)
	items, err := ini.SplitWords(value)
	if err != nil {
		return usageError("%s: %v", EnvConfigSettings, err)
	}
	for _, item := range items {
		if err := r.assign(item, EnvConfigSettings, " in "+EnvConfigSettings); err != nil {
			return err
		}
	}
	return nil
}

func (r *settingsResolver) addCommandLine() error {
	for _, item := range r.src.Set {
		if err := r.assign(item, "--set", ""); err != nil {
			return err
		}
	}
	if r.src.Controller != "" {
		first := r.src.Controller
		if !r.src.AsZeekClient {
			one, others, several := strings.Cut(first, ",")
			if first = one; several {
				address, more, err := splitAddresses(others)
				if err != nil {
					return usageError("--controller: %v", err)
				}
				r.others = append([]string{address}, more...)
			}
		}
		host, port, err := parseController(first)
		if err != nil {
			return err
		}
		if host != "" {
			r.set("controller", "host", strings.ReplaceAll(host, "%", "%%"), "--controller")
		}
		if port != "" {
			r.set("controller", "port", strings.ReplaceAll(port, "%", "%%"), "--controller")
		}
	}
	if r.src.Verbosity > 0 {
		r.set("client", "verbosity", strconv.Itoa(r.src.Verbosity), "--verbose")
	}
	return nil
}

// assign adds the assignment item, section.key=value, to given. from and where
// name its source in messages.
func (r *settingsResolver) assign(item, from, where string) error {
	name, value, ok := strings.Cut(item, "=")
	section, key, dotted := strings.Cut(name, ".")
	if !ok || !dotted || section == "" || key == "" {
		return usageError("config item %s%s invalid. Please use <section.key>=<val>.", quote(item), where)
	}
	e := r.set(section, strings.ToLower(key), value, from)
	r.given = append(r.given, givenSetting{section, fmt.Sprintf("config item %s%s", quote(item), where), e})
	return nil
}

// set replaces the entry of that section and key, and returns the new entry.
func (r *settingsResolver) set(section, key, value, from string) *ini.Entry {
	s := r.file.ByName[section]
	if s == nil {
		s = ini.NewSection(section, 0)
		r.file.ByName[section] = s
		r.file.Sections = append(r.file.Sections, s)
	}
	e := &ini.Entry{Key: key, Value: &value, From: from}
	if i := slices.IndexFunc(s.Entries, func(old *ini.Entry) bool { return old.Key == key }); i >= 0 {
		s.Entries[i] = e
	} else {
		s.Entries = append(s.Entries, e)
	}
	s.ByKey[key] = e
	return e
}

// checkUse warns of, or refuses, an entry that is no setting, unless the value of
// a setting refers to it. All settings must be resolved before.
func (r *settingsResolver) checkUse(g givenSetting) error {
	isKnown := func(c clientSetting) bool { return c.key == g.entry.Key && c.section == g.section }
	switch {
	case g.entry.Referred || slices.ContainsFunc(clientSettings(), isKnown):
		return nil
	case g.section == "ssl" && g.entry.Key == "disable":
		r.warn(g.entry, "ssl.disable is deprecated and has no effect: use ssl.enable")
		return nil
	case r.src.AsZeekClient:
		r.warn(g.entry, "ignoring unknown setting %s", quote(g.section+"."+g.entry.Key))
		return nil
	case g.item != "":
		return usageError("%s: no such setting%s", g.item, meantSetting(g.section, g.entry.Key))
	}
	return r.file.EntryError(g.entry, "no such setting: %s%s", quote(g.section+"."+g.entry.Key), meantSetting(g.section, g.entry.Key))
}

// give gives s the value of one setting.
func (r *settingsResolver) give(known clientSetting, s *Settings) error {
	section := r.file.ByName[known.section]
	e := section.ByKey[known.key]
	if e.Value == nil {
		return known.set(s, known.initial)
	}
	value, err := r.file.Value(section, e)
	if err == nil {
		if err = known.set(s, *value); err != nil {
			err = r.file.EntryError(e, "%s.%s is %s: it %v", known.section, known.key, quote(*value), err)
		}
	}
	if err != nil && e.From != "" {
		return &UsageError{err.Error()}
	}
	return err
}

// meantSetting returns the end of a message about an unknown setting. It suggests
// the setting of the section with the nearest key, or else the setting with the
// same key in the nearest section. Otherwise it lists the settings of the section,
// or all settings if there is no such section.
func meantSetting(section, key string) string {
	var all, some, sections, keys []string
	for _, c := range clientSettings() {
		name := c.section + "." + c.key
		all = append(all, name)
		if c.section == section {
			some, keys = append(some, name), append(keys, c.key)
		}
		if c.key == key {
			sections = append(sections, c.section)
		}
	}
	switch near, home := mgmt.Nearest(key, keys), mgmt.Nearest(section, sections); {
	case near != "":
		return didYouMean(section + "." + near)
	case home != "":
		return didYouMean(home + "." + key)
	case len(sections) == 1:
		return didYouMean(sections[0] + "." + key)
	case len(some) > 0:
		return "; there are " + strings.Join(some, ", ")
	}
	return "; there are " + strings.Join(all, ", ")
}
