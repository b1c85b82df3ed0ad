package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The environment variables of zeek-client.
const (
	EnvConfigFile     = "ZEEK_CLIENT_CONFIG_FILE"
	EnvConfigSettings = "ZEEK_CLIENT_CONFIG_SETTINGS"
)

// SettingsSources is what settings are resolved from, later fields winning over
// earlier ones.
type SettingsSources struct {
	// ReadFile is os.ReadFile.
	ReadFile func(path string) ([]byte, error)
	// ConfigFile is the settings file that the command line names; empty for
	// that of the environment, or else the first of DefaultFiles that exists.
	ConfigFile   string
	DefaultFiles []string
	// LookupEnv is os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// Set holds assignments of the form section.key=value.
	Set []string
	// Controller is host:port, either of which may be missing.
	Controller string
	// Verbosity, if above zero, counts.
	Verbosity int
	// AsZeekClient warns of settings that there are not, and of a settings file
	// that does not exist, where otherwise both are errors.
	AsZeekClient bool
}

// MaxSettingsFile bounds a settings file, in bytes.
const MaxSettingsFile = 1 << 20

// ResolveSettings returns the settings, and warnings about what has no effect.
// What is an error and what a warning does not depend on the source. Mistakes on
// the command line, and in the environment variable that extends it, are of type
// *UsageError.
func ResolveSettings(src SettingsSources) (s Settings, warnings []string, err error) {
	r := settingsResolver{src: src}
	for _, step := range []func() error{r.readFile, r.addEnvironment, r.addCommandLine} {
		if err := step(); err != nil {
			return Settings{}, nil, err
		}
	}
	for _, known := range clientSettings() {
		if err := r.apply(known, &s); err != nil {
			return Settings{}, nil, err
		}
	}
	for _, g := range r.given {
		if err := r.checkUse(g); err != nil {
			return Settings{}, nil, err
		}
	}
	return s, r.warnings, nil
}

type settingsResolver struct {
	src  SettingsSources
	file *iniFile
	// given are the entries of all sources, in their order.
	given    []givenSetting
	warnings []string
}

// givenSetting is an entry of a source. Its item is how messages quote it, and
// empty for a line of the file.
type givenSetting struct {
	section, item string
	entry         *iniEntry
}

// readFile reads the settings file. One that is missing is none, unless it was
// asked for.
func (r *settingsResolver) readFile() error {
	r.file = newINI("")
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
		case errors.Is(err, fs.ErrPermission) && asked == "": // another user's, and not asked for
			r.warnings = append(r.warnings, fmt.Sprintf("settings file %s is not read: permission denied", path))
			continue
		case err != nil:
			return fmt.Errorf("read settings: %w", err)
		case len(text) > MaxSettingsFile:
			return fmt.Errorf("read settings: %s: more than %d bytes", path, MaxSettingsFile)
		}
		if r.file, err = parseINI(path, text); err != nil {
			return err
		}
		return r.checkFile()
	}
	return nil
}

// checkFile takes the entries of the file, and tells what in its form has no
// effect.
func (r *settingsResolver) checkFile() error {
	for _, s := range append([]*iniSection{r.file.defaults}, r.file.sections...) {
		if s.after != "" && !r.src.AsZeekClient {
			return r.file.errorAt(s.line, "%s stands behind the header [%s]: put it on a line of its own", quote(s.after), clip(s.name))
		}
		for _, e := range s.entries {
			r.given = append(r.given, givenSetting{section: s.name, entry: e})
			if comment := trailingComment(e); comment != "" {
				r.warn(e, "%s is taken as part of the value: a comment needs a line of its own", quote(comment))
			}
			if e.value == nil {
				r.warn(e, "%s has no value, and no effect", quote(e.key))
			}
		}
	}
	return nil
}

func (r *settingsResolver) warn(e *iniEntry, format string, args ...any) {
	r.warnings = append(r.warnings, r.file.entryError(e, format, args...).Error())
}

func (r *settingsResolver) addEnvironment() error {
	value, _ := r.src.LookupEnv(EnvConfigSettings)
	items, err := splitWords(value)
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
		host, port, err := parseController(r.src.Controller)
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

// assign takes section.key=value.
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

// set puts an entry over what is there, and returns it.
func (r *settingsResolver) set(section, key, value, from string) *iniEntry {
	s := r.file.byName[section]
	if s == nil {
		s = newSection(section, 0)
		r.file.byName[section] = s
	}
	e := &iniEntry{key: key, value: &value, from: from}
	s.byKey[key] = e
	return e
}

// checkUse tells of an entry that is no setting, once it is known which entries
// the values of others refer to.
func (r *settingsResolver) checkUse(g givenSetting) error {
	inAll := g.section == defaultSection
	isKnown := func(c clientSetting) bool { return c.key == g.entry.key && (inAll || c.section == g.section) }
	switch {
	case g.entry.referred || slices.ContainsFunc(clientSettings(), isKnown):
		return nil
	case g.section == "ssl" && g.entry.key == "disable":
		r.warn(g.entry, "ssl.disable is deprecated and has no effect: use ssl.enable")
		return nil
	case r.src.AsZeekClient:
		r.warn(g.entry, "ignoring unknown setting %s", quote(g.section+"."+g.entry.key))
		return nil
	case g.item != "":
		return usageError("%s: no such setting%s", g.item, meantSetting(g.section, g.entry.key))
	}
	return r.file.entryError(g.entry, "no such setting: %s%s", quote(g.section+"."+g.entry.key), meantSetting(g.section, g.entry.key))
}

// apply gives s the value of one setting.
func (r *settingsResolver) apply(known clientSetting, s *Settings) error {
	section := r.file.byName[known.section]
	if section == nil {
		section = newSection(known.section, 0)
	}
	e := r.file.lookup(section, known.key)
	if e == nil || e.value == nil {
		return known.set(s, known.initial)
	}
	value, err := r.file.value(section, e)
	if err == nil {
		if err = known.set(s, *value); err != nil {
			err = r.file.entryError(e, "%s.%s is %s: it %v", known.section, known.key, quote(*value), err)
		}
	}
	if err != nil && e.from != "" {
		return &UsageError{err.Error()}
	}
	return err
}

// meantSetting ends a message with the setting that was probably meant: that of
// the section whose key is nearest, or of the nearest section that has the key.
// Without one it lists the section's settings, or all if there is no such
// section.
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
