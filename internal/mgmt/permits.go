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

// optionMarks are the characters that an option's value may have beside letters and
// digits. They suffice for numbers, times, addresses, networks, ports, names, paths,
// sets, and text. They do not suffice for an expression that does something, nor
// for a shell command.
const optionMarks = ` _-+.,:/[]{}"%=`

// CheckOption returns an error unless Zeek would set the option to a literal value.
// Zeek writes name and value into a script. It puts the value of a string in quotes
// and does not escape it. Some strings become part of a shell command.
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

// isIdentifier reports whether name can be the name of a global identifier, such as
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

// These lists say which options may hold a command, or a part of one.
var (
	// commandWords are words in the names of such options. A word that ends in "*"
	// is a prefix.
	commandWords = []string{"cmd*", "command*", "sendmail", "exec*", "postprocess*", "program*", "shell*", "script", "scripts", "scp", "sftp"}
	// commandModules are the modules in which every option counts as such an option.
	commandModules = []string{"exec", "activehttp", "supervisor", "management"}
	// commandOptions names files from which Zeek sets options while it runs. The
	// files can set options that hold commands.
	commandOptions = []string{"config::config_files"}
)

// RunsCommands reports whether Zeek may run the value of an option as a command. It
// judges by the option's name: Zeek runs Log::default_rotation_postprocessor_cmd
// for each log, for example.
func RunsCommands(option string) bool {
	parts := strings.Split(strings.ToLower(option), "::")
	name := parts[len(parts)-1]
	return slices.Contains(commandModules, parts[0]) && len(parts) > 1 || slices.Contains(commandOptions, strings.ToLower(option)) ||
		slices.ContainsFunc(strings.Split(name, "_"), func(word string) bool { return MatchesAny(commandWords, word) })
}

// loaders are environment variables that make a program load or run other code. The
// dynamic loader, the C library, shells, interpreters, OpenSSL, sanitizers, Zeek
// and Spicy read them. A name that ends in "*" is a prefix.
var loaders = []string{
	"LD_*", "DYLD_*", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "LOCPATH", "NLSPATH", "HOSTALIASES",
	"PATH", "IFS", "SHELL", "ENV", "BASH*", "SHELLOPTS", "PS4", "CDPATH", "PROMPT_COMMAND",
	"PYTHON*", "PERL*", "RUBY*", "NODE_*", "JAVA_*", "_JAVA_OPTIONS", "CURL_HOME",
	"OPENSSL_*", "KRB5_*", "IBV_*", "RDMAV_*", "LUA_*", "ASAN_*", "LSAN_*", "MSAN_*", "TSAN_*", "UBSAN_*",
	"ZEEK_PLUGIN_*", "ZEEK_PROFILER_FILE", "ZEEK_PREFIXES", "BROPATH", "BRO_*", "SPICY_*", "HILTI_*",
}

// LoadsCode reports whether an environment variable makes a program load or run
// other code.
func LoadsCode(variable string) bool { return MatchesAny(loaders, variable) }

// MatchesAny reports whether a name matches one of the patterns. A pattern is a
// name, or a prefix if it ends in "*".
func MatchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		prefix, isPrefix := strings.CutSuffix(p, "*")
		return name == p || isPrefix && strings.HasPrefix(name, prefix)
	})
}

// Permits lists the dangerous settings that the operator of a host permits to
// configurations. Such a setting can make a node run any command on the host. The
// zero value permits none. A name that ends in "*" is a prefix.
type Permits struct {
	// Options are the permitted options for which RunsCommands is true.
	Options []string
	// Env are the permitted environment variables for which LoadsCode is true.
	Env []string
	// Commands are the permitted programs of a node's Command, by their paths.
	Commands []string
	// Bundles are the permitted bundles, by their names. Scripts can run any command.
	Bundles []string
}

// Check returns why the host must not run a node, and nothing if it may.
func (p Permits) Check(n Node) string {
	if why := p.checkCommand(n); why != "" {
		return why
	}
	for _, o := range n.Options {
		if err := CheckOption(o); err != nil {
			return fmt.Sprintf("node '%s': %v", n.Name, err)
		}
		if o.isFleets() {
			return fmt.Sprintf("node '%s' sets option '%s', which is zeekfleet's own", n.Name, o.Name)
		}
		if why := p.CheckName(o.Name); why != "" {
			return fmt.Sprintf("node '%s' sets %s", n.Name, why)
		}
	}
	if why := p.checkBundles(n); why != "" {
		return why
	}
	if err := n.Backend.Check(); err != nil {
		return fmt.Sprintf("node '%s': %v", n.Name, err)
	}
	if err := n.Limits.Check(); err != nil {
		return fmt.Sprintf("node '%s': %v", n.Name, err)
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

// checkBundles returns why the host must not use the node's Bundles or RunOptions, or
// nothing.
func (p Permits) checkBundles(n Node) string {
	for _, b := range n.Bundles {
		if err := b.check(); err != nil {
			return fmt.Sprintf("node '%s': %v", n.Name, err)
		}
		if !MatchesAny(p.Bundles, b.Name) {
			return fmt.Sprintf("node '%s' uses bundle '%s', whose scripts can run anything on this host; its operator can allow that with agent.allow_bundles", n.Name, b.Name)
		}
	}
	if why := n.checkRunOptions(); why != "" {
		return fmt.Sprintf("node '%s': %s", n.Name, why)
	}
	for _, o := range n.RunOptions {
		if why := p.CheckName(o.Name); why != "" {
			return fmt.Sprintf("node '%s' sets %s", n.Name, why)
		}
	}
	return ""
}

// CheckName returns why an option of this name must not be set on the host to any
// value. It returns nothing if the option may be set.
func (p Permits) CheckName(option string) string {
	if RunsCommands(option) && !MatchesAny(p.Options, option) {
		return fmt.Sprintf("option '%s', which can run commands on this host; its operator can allow that with agent.allow_options", printable(option))
	}
	return ""
}

// isFleets reports whether an option belongs to our node script.
func (o Option) isFleets() bool { return strings.HasPrefix(o.Name, "Fleet::") }

// permits refuses the options that every host refuses. It warns of options and
// variables that a host accepts only with its operator's permission.
func (k *checker) permits() {
	options, variables := map[string][]NodeName{}, map[string][]NodeName{}
	for _, n := range k.nodes {
		for _, o := range n.Options {
			err := CheckOption(o)
			switch {
			case err != nil:
				k.refuse("node '%s': %v", printable(string(n.Name)), err)
			case o.isFleets():
				k.refuse("node '%s' sets option '%s', which is zeekfleet's own", n.Name, o.Name)
			case RunsCommands(o.Name):
				options[o.Name] = append(options[o.Name], n.Name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(n.Env)) {
			if LoadsCode(name) {
				variables[name] = append(variables[name], n.Name)
			}
		}
	}
	k.needOptions(options)
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		sets, takes := namedNodes(variables[name])
		k.doubt("%s environment variable '%s', which can make a program run anything: %s it only if agent.allow_env there names it", sets, printable(name), takes)
	}
}

// needOptions warns of options that a host accepts only with its operator's permission, once
// for each option: a section for all nodes is one mistake, or none.
func (k *checker) needOptions(set map[string][]NodeName) {
	for _, name := range slices.Sorted(maps.Keys(set)) {
		sets, takes := namedNodes(set[name])
		k.doubt("%s option '%s', which can run commands: %s it only if agent.allow_options there names it", sets, name, takes)
	}
}

// namedNodes says that a node sets something, or the first of several with the number of the
// rest, and that its agent, or their agents, take it.
func namedNodes(names []NodeName) (sets, takes string) {
	first := printable(string(names[0]))
	if len(names) == 1 {
		return "node '" + first + "' sets", "its agent takes"
	}
	return fmt.Sprintf("node '%s' and %d more set", first, len(names)-1), "their agents take"
}
