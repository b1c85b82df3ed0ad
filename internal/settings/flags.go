package settings

import (
	"fmt"

	"github.com/spf13/pflag"
)

// AddControllerFlags adds to fs the flag of every setting of a controller, and
// the flag of the configuration file.
func (d Defaults) AddControllerFlags(fs *pflag.FlagSet) {
	addConfigFlag(fs)
	addFlags(fs, controllerTable(Sources{Defaults: d}, new(parts)))
}

// AddAgentFlags adds to fs the flag of every setting of an agent, and the flag of
// the configuration file.
func (d Defaults) AddAgentFlags(fs *pflag.FlagSet) {
	addConfigFlag(fs)
	addFlags(fs, agentTable(Sources{Defaults: d}, new(parts)))
}

// AddCommonFlags adds to fs the flags of the settings that both daemons have, and
// the flag of the configuration file. It is for a command that runs both daemons.
func (d Defaults) AddCommonFlags(fs *pflag.FlagSet) {
	addConfigFlag(fs)
	addFlags(fs, fill(commonTable(Sources{}, new(parts)), d.Controller.Common))
}

func addConfigFlag(fs *pflag.FlagSet) {
	fs.String(ConfigFlag, "", "YAML `file` with settings ("+ConfigEnv+")")
}

func addFlags[T any](fs *pflag.FlagSet, table []setting[T]) {
	for _, s := range table {
		v := s.field(new(T))
		f := fs.VarPF(&flagText{value: v}, s.flag, "", s.usage())
		if v.kind == boolKind {
			f.NoOptDefVal = "true"
		}
	}
}

// usage returns the setting's line in help texts. A default that depends on the
// host is described and not shown: help must read the same everywhere.
func (s setting[T]) usage() string {
	switch {
	case s.follows != "":
		return fmt.Sprintf("%s (%s; default as %s)", s.doc, s.env, s.follows)
	case s.initial == "" || s.hostly:
		return fmt.Sprintf("%s (%s)", s.doc, s.env)
	}
	return fmt.Sprintf("%s (%s; default %s)", s.doc, s.env, s.initial)
}

// flagText keeps the text of a flag for Resolve. Set parses the text first, so
// that pflag reports a bad text as misuse and names the flag.
type flagText struct {
	value value
	text  string
}

func (f *flagText) Set(text string) error {
	if err := f.value.parse(text); err != nil {
		return err
	}
	f.text = text
	return nil
}

func (f *flagText) String() string { return f.text }

func (f *flagText) Type() string { return f.value.kind }
