package mgmt

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// MaxOption bounds the value of a script option, in bytes.
const MaxOption = 4 << 10

// optionMarks are what an option's value may have beside letters and digits:
// enough for numbers, times, addresses, networks, ports, names, paths, sets, and
// text; not enough for an expression that does something, nor for a shell.
const optionMarks = ` _-+.,:/[]{}"%=`

// CheckOption returns an error unless Zeek would take the option for one that is
// set to a literal value. Zeek builds a script of name and value, quoting the
// value of a string but not escaping it; some strings become part of a command.
func CheckOption(o Option) error {
	if !isIdentifier(o.Name) {
		return fmt.Errorf("%.80q cannot be the name of a script option", o.Name)
	}
	bad := strings.IndexFunc(o.Value, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(optionMarks, r)
	})
	switch {
	case len(o.Value) > MaxOption:
		return fmt.Errorf("the value of the script option %s is longer than %d bytes; set it in a script", o.Name, MaxOption)
	case bad >= 0:
		return fmt.Errorf("the value of the script option %s has %.20q, and may have letters, digits, blanks and %s; set it in a script",
			o.Name, firstRune(o.Value[bad:]), strings.TrimSpace(optionMarks))
	case strings.Count(o.Value, `"`)%2 != 0:
		return fmt.Errorf("the value of the script option %s has a quote that is not closed", o.Name)
	case strings.HasSuffix(o.Value, "--"):
		return fmt.Errorf("the value of the script option %s ends like the end of Zeek's arguments; set it in a script", o.Name)
	}
	return nil
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// isIdentifier tells whether name can be that of a global identifier, such as
// "Telemetry::metrics_port".
func isIdentifier(name string) bool {
	for part := range strings.SplitSeq(name, "::") {
		if part == "" || '0' <= part[0] && part[0] <= '9' || strings.ContainsFunc(part, notInIdentifier) {
			return false
		}
	}
	return len(name) <= 200
}

func notInIdentifier(r rune) bool {
	return r != '_' && (r < '0' || '9' < r) && (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r)
}

// Words in the names of options whose values are commands, or parts of some; and
// the modules all of whose options are. A word that ends in "*" is a prefix.
var (
	commandWords   = []string{"cmd*", "command*", "sendmail", "exec*", "postprocess*", "program*", "shell*", "script", "scripts", "scp", "sftp"}
	commandModules = []string{"exec", "activehttp", "supervisor", "management"}
	// What these files say is set at run time, commands included.
	commandOptions = []string{"config::config_files"}
)

// RunsCommands reports whether the value of an option may be run, as far as its
// name tells: Log::default_rotation_postprocessor_cmd is run with each log.
func RunsCommands(option string) bool {
	parts := strings.Split(strings.ToLower(option), "::")
	name := parts[len(parts)-1]
	return slices.Contains(commandModules, parts[0]) && len(parts) > 1 || slices.Contains(commandOptions, strings.ToLower(option)) ||
		slices.ContainsFunc(strings.Split(name, "_"), func(word string) bool { return MatchesAny(commandWords, word) })
}

// loaders are the environment variables that make a program load or run something
// else: of the dynamic loader and the C library, of shells and interpreters, of
// OpenSSL, of sanitizers, of Zeek and Spicy. A name that ends in "*" is a prefix.
var loaders = []string{
	"LD_*", "DYLD_*", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "LOCPATH", "NLSPATH", "HOSTALIASES",
	"PATH", "IFS", "SHELL", "ENV", "BASH*", "SHELLOPTS", "PS4", "CDPATH", "PROMPT_COMMAND",
	"PYTHON*", "PERL*", "RUBY*", "NODE_*", "JAVA_*", "_JAVA_OPTIONS", "CURL_HOME",
	"OPENSSL_*", "KRB5_*", "IBV_*", "RDMAV_*", "LUA_*", "ASAN_*", "LSAN_*", "MSAN_*", "TSAN_*", "UBSAN_*",
	"ZEEK_PLUGIN_*", "ZEEK_PROFILER_FILE", "ZEEK_PREFIXES", "BROPATH", "BRO_*", "SPICY_*", "HILTI_*",
}

// LoadsCode reports whether an environment variable makes a program load or run
// something else than itself.
func LoadsCode(variable string) bool { return MatchesAny(loaders, variable) }

// MatchesAny reports whether a name is one of the patterns. One that ends in "*" is
// a prefix.
func MatchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		prefix, isPrefix := strings.CutSuffix(p, "*")
		return name == p || isPrefix && strings.HasPrefix(name, prefix)
	})
}

// Permits is what the operator of a host lets configurations do that could run
// anything there. Its zero value permits nothing of it. A name that ends in "*" is
// a prefix.
type Permits struct {
	// Options are options although they RunsCommands.
	Options []string
	// Env are environment variables although they LoadsCode.
	Env []string
}

// Check returns why a node may not be run on the host, and nothing if it may.
func (p Permits) Check(n Node) string {
	for _, o := range n.Options {
		if err := CheckOption(o); err != nil {
			return fmt.Sprintf("node '%s': %v", n.Name, err)
		}
		if o.fleets() {
			return fmt.Sprintf("node '%s' sets option '%s', which is zeekfleet's own", n.Name, o.Name)
		}
		if why := p.CheckName(o.Name); why != "" {
			return fmt.Sprintf("node '%s' sets %s", n.Name, why)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Env)) {
		if why := impossibleEnv(name, n.Env[name]); why != "" {
			return fmt.Sprintf("node '%s' %s", n.Name, why)
		}
		if LoadsCode(name) && !MatchesAny(p.Env, name) {
			return fmt.Sprintf("node '%s' sets environment variable '%s', which can make it run anything on this host; its operator can allow that with agent.allow_env", n.Name, printable(name))
		}
	}
	return ""
}

// CheckName returns why an option of this name may not be set on the host, to
// whatever value, and nothing if it may.
func (p Permits) CheckName(option string) string {
	if RunsCommands(option) && !MatchesAny(p.Options, option) {
		return fmt.Sprintf("option '%s', which can run commands on this host; its operator can allow that with agent.allow_options", printable(option))
	}
	return ""
}

// fleets reports whether an option is one of our node script.
func (o Option) fleets() bool { return strings.HasPrefix(o.Name, "Fleet::") }

// permits refuses options that no host takes, and doubts what hosts take only if
// their operators allow it.
func (k *checker) permits() {
	for _, n := range k.nodes {
		for _, o := range n.Options {
			err := CheckOption(o)
			switch {
			case err != nil:
				k.refuse("node '%s': %v", printable(string(n.Name)), err)
			case o.fleets():
				k.refuse("node '%s' sets option '%s', which is zeekfleet's own", n.Name, o.Name)
			case RunsCommands(o.Name):
				k.doubt("node '%s' sets option '%s', which can run commands: its agent takes it only if agent.allow_options there names it", n.Name, o.Name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(n.Env)) {
			if LoadsCode(name) {
				k.doubt("node '%s' sets environment variable '%s', which can make it run anything: its agent takes it only if agent.allow_env there names it", n.Name, printable(name))
			}
		}
	}
}
