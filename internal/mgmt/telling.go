package mgmt

import (
	"regexp"
	"slices"
	"strings"
)

// maxTelling bounds what TellingLine returns, in bytes.
const maxTelling = 300

// Zeek's messages: an optional time, the kind, an optional place.
var (
	reported = regexp.MustCompile(`^(?:\d+\.\d{6} )?(?:fatal |internal |runtime |expression |analyzer )?(error|warning)(?: in [^:]|:)`)
	// aborted are the last words of the dynamic linker, the C library, the C++
	// library, and Go.
	aborted = regexp.MustCompile(`error while loading shared libraries:|symbol lookup error:|Assertion .* failed|^\s*what\(\):|^panic: |^terminate called without`)
)

// general are errors that only say that there were others.
var general = []string{
	"errors occurred while initializing",
	"failed to execute script statements at top-level scope",
	"aborting after errors",
}

// TellingLine returns the line of what a process printed that says best why it
// ended, or nothing: the last error that does not merely speak of others, else
// the last error, else the last line that is no warning, else the last line.
// Errors count before results.
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

func tellingRank(line string) int {
	kind := ""
	if m := reported.FindStringSubmatch(line); m != nil {
		kind = m[1]
	}
	switch {
	case line == "":
		return 0
	case kind == "warning":
		return 1
	case kind == "" && !aborted.MatchString(line):
		return 2
	case slices.ContainsFunc(general, func(g string) bool { return strings.HasSuffix(line, ": "+g) }):
		return 3
	}
	return 4
}
