package migration

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// draft is a cluster file while it is written. Comments stand on lines of their own: behind a
// value they would be part of it.
type draft struct{ b strings.Builder }

func (d *draft) comment(format string, args ...any) {
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		d.b.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
}

func (d *draft) blank() { d.b.WriteByte('\n') }

func (d *draft) section(name string) { d.b.WriteString("[" + name + "]\n") }

// entry writes a key, with the places that it comes from above it.
func (d *draft) entry(key, value string, places ...string) {
	for _, place := range places {
		if place != "" {
			d.comment("%s", strings.ReplaceAll(place, "\n", " "))
		}
	}
	fmt.Fprintf(&d.b, "%s = %s\n", key, strings.ReplaceAll(value, "%", "%%"))
}

// line writes a line that is no key.
func (d *draft) line(text string) { d.b.WriteString(text + "\n") }

// envText writes variables as the value of env.
func envText(env map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		word := name + "="
		if value := env[name]; value != "" {
			word += ini.Word(value)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// wordsText writes words as the value of a key that has several.
func wordsText(list []string) string {
	words := make([]string, len(list))
	for i, word := range list {
		words[i] = ini.Word(word)
	}
	return strings.Join(words, " ")
}

// redefsText writes options as the value of redefs.
func redefsText(options []mgmt.Option) string {
	words := make([]string, len(options))
	for i, o := range options {
		words[i] = ini.Word(o.Name + "=" + o.Value)
	}
	return strings.Join(words, " ")
}

func cpusText(cpus []int) string {
	texts := make([]string, len(cpus))
	for i, cpu := range cpus {
		texts[i] = strconv.Itoa(cpu)
	}
	return strings.Join(texts, ",")
}

// splitArgs sorts the words of a command line of Zeek into scripts and options of scripts. What
// is neither, or what a node cannot have, is in rest.
func splitArgs(words []string) (scripts []string, options []mgmt.Option, rest []string) {
	for _, word := range words {
		name, value, assigns := strings.Cut(word, "=")
		o := mgmt.Option{Name: name, Value: value}
		switch {
		case word == "":
		case word[0] == '-':
			rest = append(rest, word)
		case assigns && mgmt.CheckOption(o) == nil:
			options = append(options, o)
		case assigns:
			rest = append(rest, word)
		default:
			scripts = append(scripts, word)
		}
	}
	return scripts, options, rest
}
