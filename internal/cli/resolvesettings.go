package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
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
}

// MaxSettingsFile bounds a settings file, in bytes.
const MaxSettingsFile = 1 << 20

// ResolveSettings returns the settings, and warnings about what has no effect.
// Mistakes on the command line, and in the environment variable that extends
// it, are of type *UsageError.
func ResolveSettings(src SettingsSources) (s Settings, warnings []string, err error) {
	r := settingsResolver{src: src}
	for _, step := range []func() error{r.readFile, r.addEnvironment, r.addCommandLine} {
		if err := step(); err != nil {
			return Settings{}, nil, err
		}
	}
	r.warnUnknown()
	for _, known := range clientSettings() {
		if err := r.apply(known, &s); err != nil {
			return Settings{}, nil, err
		}
	}
	return s, r.warnings, nil
}

type settingsResolver struct {
	src      SettingsSources
	file     *iniFile
	warnings []string
}

// readFile reads the settings file; one that is missing is none, as for
// zeek-client, but said if it was asked for.
func (r *settingsResolver) readFile() error {
	r.file = newINI("")
	paths, asked := r.src.DefaultFiles, false
	if env, _ := r.src.LookupEnv(EnvConfigFile); env != "" {
		paths, asked = []string{env}, true
	}
	if r.src.ConfigFile != "" {
		paths, asked = []string{r.src.ConfigFile}, true
	}
	for _, path := range paths {
		text, err := r.src.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && asked:
			r.warnings = append(r.warnings, fmt.Sprintf("settings file %s does not exist", path))
			continue
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return fmt.Errorf("read settings: %w", err)
		case len(text) > MaxSettingsFile:
			return fmt.Errorf("read settings: %s: more than %d bytes", path, MaxSettingsFile)
		}
		r.file, err = parseINI(path, text)
		return err
	}
	return nil
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
	key = strings.ToLower(key)
	if !knownSetting(section, key) {
		return usageError("config item %s%s: no such setting; there are %s", quote(item), where, settingNames(section))
	}
	r.set(section, key, value, from)
	return nil
}

// set puts an entry over what is there.
func (r *settingsResolver) set(section, key, value, from string) {
	s := r.file.byName[section]
	if s == nil {
		s = newSection(section, 0)
		r.file.byName[section] = s
	}
	s.byKey[key] = &iniEntry{key: key, value: &value, from: from}
}

func (r *settingsResolver) warnUnknown() {
	for _, s := range r.file.sections {
		for _, e := range s.entries {
			switch {
			case knownSetting(s.name, e.key):
			case s.name == "ssl" && e.key == "disable":
				r.warnings = append(r.warnings, r.file.errorAt(e.line, "ssl.disable is deprecated and has no effect: use ssl.enable").Error())
			default:
				r.warnings = append(r.warnings, r.file.errorAt(e.line, "ignoring unknown setting %s", quote(s.name+"."+e.key)).Error())
			}
		}
	}
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

func knownSetting(section, key string) bool {
	return slices.ContainsFunc(clientSettings(), func(c clientSetting) bool { return c.section == section && c.key == key })
}

// settingNames lists the settings of section, or all if there is no such
// section.
func settingNames(section string) string {
	var all, some []string
	for _, c := range clientSettings() {
		all = append(all, c.section+"."+c.key)
		if c.section == section {
			some = append(some, c.section+"."+c.key)
		}
	}
	if len(some) > 0 {
		all = some
	}
	return strings.Join(all, ", ")
}
