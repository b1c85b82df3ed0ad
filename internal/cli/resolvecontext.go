package cli

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// useContext gives s the context that the sources choose. A source that names a
// controller, or says something of TLS, and a source that names a context exclude each
// other: the more special one wins. The current context counts if no source says
// anything.
func (r *settingsResolver) useContext(s *Settings) error {
	if r.src.Contexts == nil {
		return nil
	}
	name := r.src.Context
	onLine := r.src.Controller != "" || slices.ContainsFunc(r.given, func(g givenSetting) bool {
		return g.entry.From == "--set" && g.reaches()
	})
	switch {
	case name != "" && onLine:
		return usageError("--context names a controller with its certificates: leave out --controller and settings of sections controller and ssl")
	case onLine:
		return nil
	case name == "":
		name, _ = r.src.LookupEnv(EnvContext)
	}
	if name == "" && slices.ContainsFunc(r.given, givenSetting.reaches) {
		return nil
	}
	found, err := r.src.Contexts.Find(name)
	if found == nil || err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(found.Controller)
	if err != nil {
		return err // Contexts has checked it
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	s.Context, s.Host, s.Others, s.TLS = found, host, found.Others, TLSSettings{}
	s.Port, err = strconv.Atoi(port)
	return err
}

// reaches reports whether an entry says how to reach a controller. An entry of a file
// that has the default does not count: a file may list all settings.
func (g givenSetting) reaches() bool {
	return slices.ContainsFunc(clientSettings(), func(c clientSetting) bool {
		if c.section == "client" || c.key != g.entry.Key || g.section != c.section {
			return false
		}
		isDefault := g.entry.Value == nil || *g.entry.Value == c.initial
		return g.entry.From != "" || !isDefault
	})
}
