package mgmt

import (
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

// maxTelling bounds what TellingLine returns, in bytes.
const maxTelling = 300

var (
	// reported matches a message of Zeek: an optional time, the kind, an optional
	// place.
	reported = lazy.Regexp(`^(?:\d+\.\d{6} )?(?:fatal |internal |runtime |expression |analyzer )?(error|warning)(?: in [^:]|:)`)
	// fatal matches a message of Zeek after which it ends.
	fatal = lazy.Regexp(`^(?:\d+\.\d{6} )?(?:fatal|internal) error(?: in [^:]|:)`)
	// aborted matches the message that the dynamic linker, the C library, the C++
	// library, or Go prints before the process ends.
	aborted = lazy.Regexp(`error while loading shared libraries:|symbol lookup error:|Assertion .* failed|^\s*what\(\):|^panic: |^terminate called without`)
)

// general are errors that only say that there were other errors.
var general = []string{
	"errors occurred while initializing",
	"failed to execute script statements at top-level scope",
	"aborting after errors",
}

// TellingLine returns the printed line that says best why the process ended, or
// nothing if the process printed nothing. That is the last error that is not one of
// general, else the last error, else the last line that is no warning, else the
// last line. Stderr counts as printed after Stdout.
func (o NodeOutputs) TellingLine() string {
	best, rank := "", 0
	for _, text := range []string{o.Stdout, o.Stderr} {
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if r := tellingRank(line); r > 0 && r >= rank {
				best, rank = line, r
			}
		}
	}
	if len(best) > maxTelling {
		return strings.ToValidUTF8(best[:maxTelling], "") + "…"
	}
	return best
}

// EndingLine is TellingLine for a process that was killed, or of whose end nobody knows the
// reason. It returns nothing unless the process has printed an error that ends processes:
// what it printed before, such as that it listens or that a request was wrong, has nothing
// to do with its end.
func (o NodeOutputs) EndingLine() string {
	for _, text := range []string{o.Stdout, o.Stderr} {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); fatal().MatchString(line) || aborted().MatchString(line) {
				return o.TellingLine()
			}
		}
	}
	return ""
}

// tellingRank returns how well a line says why the process ended. Greater is better.
func tellingRank(line string) int {
	kind := ""
	if m := reported().FindStringSubmatch(line); m != nil {
		kind = m[1]
	}
	switch {
	case line == "":
		return 0
	case kind == "warning":
		return 1
	case kind == "" && !aborted().MatchString(line):
		return 2
	case slices.ContainsFunc(general, func(g string) bool { return strings.HasSuffix(line, ": "+g) }):
		return 3
	}
	return 4
}
