package browser

import (
	_ "embed" // for axe
	"fmt"
	"strings"
)

// axe is axe-core, which finds what keeps people with a screen reader, a keyboard or weak eyes
// from using a page. It is as Deque has released it: see AxeSource. It is part of tests alone.
//
//go:embed testdata/axe.min.js
var axe string

// What axe is: the package of the registry npm, its version, the path in it, the SHA-256 of the
// file, and its licence by its SPDX name.
const (
	AxeSource  = "axe-core 4.14.1 axe.min.js"
	AxeSHA256  = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
	AxeLicence = "MPL-2.0"
)

// fault is what axe tells of a rule that a page breaks.
type fault struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

// Faults returns what axe finds wrong with the page as it is, if that is serious or critical: a
// line for each place, of at most four for each rule.
func (tab *Tab) Faults() []string {
	tab.t.Helper()
	if !Eval[bool](tab, `"axe" in window`) {
		Eval[bool](tab, axe+`; "axe" in window`)
	}
	found := Eval[[]fault](tab, `axe.run({ resultTypes: ["violations"] }).then((r) => r.violations.filter((v) => v.impact === "serious" || v.impact === "critical"))`)
	var lines []string
	for _, f := range found {
		for _, n := range f.Nodes[:min(len(f.Nodes), 4)] {
			lines = append(lines, fmt.Sprintf("%s, %s (%s): %s: %s", f.ID, f.Impact, f.Help, n.HTML, strings.Join(strings.Fields(n.FailureSummary), " ")))
		}
	}
	return lines
}
