package fakezeek

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// commandLine holds the values of the arguments.
type commandLine struct {
	parseOnly, help, showVersion, plugins bool
	code                                  string // of -e

	iface, statusFile string
	// files are the scripts to load, in order. assignments are the options to set, as
	// name=value.
	files, assignments []string
}

func parseCommandLine(args []string) (commandLine, error) {
	var c commandLine
	var ignored string
	values := map[string]*string{"-i": &c.iface, "-U": &c.statusFile, "-p": &ignored, "-e": &c.code}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch arg {
		case "-a", "--parse-only":
			c.parseOnly = true
		case "-h", "--help":
			c.help = true
		case "-v", "--version":
			c.showVersion = true
		case "-N":
			c.plugins = true
		case "-C", "-b":
		case "-i", "-U", "-p", "-e":
			if i++; i == len(args) {
				return c, fmt.Errorf("option requires an argument -- '%s'", arg[1:])
			}
			*values[arg] = args[i]
		default:
			switch {
			case strings.HasPrefix(arg, "-"):
				return c, fmt.Errorf("unrecognized option '%s'", arg)
			case strings.Contains(arg, "="):
				c.assignments = append(c.assignments, arg)
			default:
				c.files = append(c.files, arg)
			}
		}
	}
	return c, nil
}

// usage prints the part of Zeek's --help that a program that launches Zeek can need.
func (z *zeek) usage(w io.Writer) {
	fmt.Fprintf(w, `zeek version %s
usage: %s [options] [file ...]
usage: zeek --test [doctest-options] -- [options] [file ...]
    <file>                         | Zeek script file, or read stdin
    -a|--parse-only                | exit immediately after parsing scripts
    -h|--help                      | command line help
    -i|--iface <interface>         | read from given interface (only one allowed)
    -p|--prefix <prefix>           | add given prefix to Zeek script file resolution
    -v|--version                   | print version and exit
    -C|--no-checksums              | ignore checksums
    -U|--status-file <file>        | Record process status in file
    $ZEEKPATH                      | file search path (%s)
    $ZEEK_PLUGIN_PATH              | plugin search path (%s/lib/zeek/plugins)
    $ZEEK_PREFIXES                 | prefix list (.)

`, z.version, z.args[0], strings.Join(z.scriptPath(), ":"), z.prefix)
}

// scriptDir is the directory of the installation's scripts.
func (z *zeek) scriptDir() string { return path.Join(z.prefix, "share/zeek") }

// scriptPath lists the directories where Zeek looks for scripts: ZEEKPATH or, if it
// is not set, the installation's directories.
func (z *zeek) scriptPath() []string {
	if p := z.env("ZEEKPATH"); p != "" {
		return strings.Split(p, ":")
	}
	s := z.scriptDir()
	return []string{".", s, s + "/policy", s + "/site", s + "/builtin-plugins"}
}
