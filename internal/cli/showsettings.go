package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
)

// hiddenPassphrase stands for a passphrase in the output of show-settings.
const hiddenPassphrase = "********"

// text returns the settings in the form of a settings file, as Python's configparser
// writes it: first [DEFAULT], then the sections of known settings, then the others.
// References are not replaced.
func (r *settingsResolver) text() string {
	var b strings.Builder
	if len(r.file.Defaults.Entries) > 0 {
		writeSection(&b, r.file.Defaults, nil)
	}
	var names []string
	for _, known := range clientSettings() {
		if !slices.Contains(names, known.section) {
			names = append(names, known.section)
		}
	}
	for _, name := range names {
		writeSection(&b, r.file.ByName[name], clientSettings())
	}
	for _, s := range r.file.Sections {
		if !slices.Contains(names, s.Name) {
			writeSection(&b, s, nil)
		}
	}
	return b.String()
}

// writeSection writes the known settings of s with their values, and then the other
// entries of s.
func writeSection(b *strings.Builder, s *ini.Section, known []clientSetting) {
	fmt.Fprintf(b, "[%s]\n", s.Name)
	write := func(key, value string) {
		if key == "passphrase" && value != "" {
			value = hiddenPassphrase
		}
		fmt.Fprintf(b, "%s = %s\n", key, strings.ReplaceAll(value, "\n", "\n\t"))
	}
	for _, k := range known {
		if k.section != s.Name {
			continue
		}
		value := s.ByKey[k.key].Value
		if value == nil { // the key stands alone in the file
			value = &k.initial
		}
		write(k.key, *value)
	}
	for _, e := range s.Entries {
		isKnown := slices.ContainsFunc(known, func(k clientSetting) bool { return k.section == s.Name && k.key == e.Key })
		switch {
		case isKnown:
		case e.Value == nil:
			fmt.Fprintf(b, "%s\n", e.Key)
		default:
			write(e.Key, *e.Value)
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
