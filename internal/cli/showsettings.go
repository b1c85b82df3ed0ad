package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// hiddenPassphrase stands for a passphrase in the output of show-settings.
const hiddenPassphrase = "********"

// text returns the settings in the form of a settings file, as Python's configparser
// writes it: first [DEFAULT], then the sections of known settings, then the others.
// References are not replaced.
func (r *settingsResolver) text() string {
	var b strings.Builder
	if len(r.file.defaults.entries) > 0 {
		writeSection(&b, r.file.defaults, nil)
	}
	var names []string
	for _, known := range clientSettings() {
		if !slices.Contains(names, known.section) {
			names = append(names, known.section)
		}
	}
	for _, name := range names {
		writeSection(&b, r.file.byName[name], clientSettings())
	}
	for _, s := range r.file.sections {
		if !slices.Contains(names, s.name) {
			writeSection(&b, s, nil)
		}
	}
	return b.String()
}

// writeSection writes the known settings of s with their values, and then the other
// entries of s.
func writeSection(b *strings.Builder, s *iniSection, known []clientSetting) {
	fmt.Fprintf(b, "[%s]\n", s.name)
	write := func(key, value string) {
		if key == "passphrase" && value != "" {
			value = hiddenPassphrase
		}
		fmt.Fprintf(b, "%s = %s\n", key, strings.ReplaceAll(value, "\n", "\n\t"))
	}
	for _, k := range known {
		if k.section != s.name {
			continue
		}
		value := s.byKey[k.key].value
		if value == nil { // the key stands alone in the file
			value = &k.initial
		}
		write(k.key, *value)
	}
	for _, e := range s.entries {
		isKnown := slices.ContainsFunc(known, func(k clientSetting) bool { return k.section == s.name && k.key == e.key })
		switch {
		case isKnown:
		case e.value == nil:
			fmt.Fprintf(b, "%s\n", e.key)
		default:
			write(e.key, *e.value)
		}
	}
	b.WriteByte('\n')
}

// ShowSettings prints the settings. It contacts nobody.
func (c *Commands) ShowSettings() int {
	if used := c.Settings.Context; used != nil {
		c.Log.Warning("context %s is in use: commands connect to %s, and sections controller and ssl do not count", quote(used.Name), c.where())
	}
	if _, err := io.WriteString(c.Stdout, c.Settings.Text); err != nil {
		c.Log.Error("write result: %v", err)
		return StatusFailed
	}
	return StatusDone
}
