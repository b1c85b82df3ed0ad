package launch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
)

// Preflight checks nodes before they are started.
type Preflight struct {
	Launcher Launcher
	// ScratchDir is an existing directory below which a preflight writes its files.
	// Empty means the system's directory for temporary files.
	ScratchDir string
	// OutputBytes is as in preflight.Config.
	OutputBytes int
	// Checked, if not nil, remembers the checks of scripts that have passed.
	Checked *preflight.Memory
}

// scratchPrefix begins the names of the directories in which preflights work.
const scratchPrefix = "preflight-"

// RemoveScratch removes from dir the directories of the preflights of an agent
// that was killed. A directory that cannot be removed stays.
func RemoveScratch(dir string) {
	removeExcept(dir, func(name string) bool { return !strings.HasPrefix(name, scratchPrefix) })
}

// Run returns the problems that would make launches of the plans fail. running returns the
// PIDs of nodes that run at that moment. Only the checks of scripts take long. The end of ctx
// ends them.
func (p Preflight) Run(ctx context.Context, plans []mgmt.Plan, running func() []int) preflight.Report {
	scratch, err := p.makeScratch()
	if err != nil {
		return preflight.Report{Findings: []mgmt.Finding{{Problem: fmt.Sprintf("make a directory for the preflight: %v", err)}}}
	}
	defer os.RemoveAll(scratch)
	var checks []preflight.Check
	var findings []mgmt.Finding
	for _, plan := range plans {
		check, err := p.Launcher.Check(plan, generatedIn(scratch))
		if err != nil {
			findings = append(findings, mgmt.Finding{Node: plan.Node.Name, Problem: err.Error()})
			continue
		}
		checks = append(checks, check)
	}
	cfg := p.config(scratch)
	cfg.Ours = running
	report := preflight.Run(ctx, cfg, checks)
	report.Findings = append(findings, report.Findings...)
	return report
}

// PlanDoubts returns what a plan says about this host after the preflight of these plans. That
// the traffic between hosts is open to others is part of it: a change of the cluster backend can
// bring that about. What other programs of one host could do is not: it would stand in each plan.
func PlanDoubts(report preflight.Report, plans []mgmt.Plan) []string {
	if len(plans) > 0 && !plans[0].OneInstance {
		return slices.Concat(report.Doubts, report.Capture)
	}
	return report.Capture
}

// makeScratch makes a directory that other users can pass, because one may run the checks.
func (p Preflight) makeScratch() (string, error) {
	scratch, err := os.MkdirTemp(p.ScratchDir, scratchPrefix)
	if err == nil {
		err = os.Chmod(scratch, 0o711)
	}
	return scratch, err
}

// CanRunAhead reports whether RunAhead is of use: it is for Zeek nodes with a memory of
// checks.
func (p Preflight) CanRunAhead() bool {
	_, ok := p.Launcher.(*Zeek)
	return ok && p.Checked != nil
}

// RunAhead checks the scripts that nodes usually load, and Checked remembers the
// result. A later Run need not check them again. It must be called only if CanRunAhead
// is true.
func (p Preflight) RunAhead(ctx context.Context) (preflight.Report, error) {
	scratch, err := p.makeScratch()
	if err != nil {
		return preflight.Report{}, err
	}
	defer os.RemoveAll(scratch)
	return preflight.Run(ctx, p.config(scratch), p.Launcher.(*Zeek).usual(generatedIn(scratch))), nil
}

func (p Preflight) config(scratch string) preflight.Config {
	return preflight.Config{ScratchDir: scratch, OutputBytes: p.OutputBytes, Memory: p.Checked}
}

// generatedIn returns the directory for the files that the launcher generates for a
// preflight.
func generatedIn(scratch string) string { return filepath.Join(scratch, "generated") }
