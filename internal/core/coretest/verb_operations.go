package coretest

import (
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "operations": shows the operations of the controller, newest first, and which nodes are
// stopped or paused.
func (s *controllerStage) operations(*Args) error {
	snap := s.core.Snapshot()
	for _, o := range snap.Operations {
		for _, line := range operation(o) {
			s.trace.Add(s.now, Entry{What: line})
		}
	}
	if len(snap.Stopped)+len(snap.Paused) > 0 {
		s.trace.Add(s.now, Entry{What: fmt.Sprintf("stopped %v, paused %v", snap.Stopped, snap.Paused)})
	}
	return nil
}

// operation returns an operation as text: a line about it, and a line for each step.
func operation(o *mgmt.Operation) []string {
	words := []string{fmt.Sprintf("operation %d: %s %s by %s", o.ID, o.Kind, o.State, o.Who)}
	for _, attribute := range [][2]string{
		{"note", o.Note}, {"selectors", strings.Join(o.Selectors, ",")}, {"batch", number(uint64(o.Batch))},
		{"from", number(o.From)}, {"revision", number(o.Revision)}, {"of", number(o.Of)},
		{"resumes", number(uint64(o.Resumes))}, {"reverts", number(uint64(o.Reverts))}, {"reverted-by", number(uint64(o.RevertedBy))},
		{"doing", o.Doing}, {"error", o.Error},
	} {
		if key, value := attribute[0], attribute[1]; value != "" {
			words = append(words, key+"="+quote(value))
		}
	}
	lines := []string{strings.Join(words, " ")}
	for _, step := range o.Steps {
		line := fmt.Sprintf("  %s %s@%s %s", step.Action, step.Node, step.Instance, step.State)
		if step.Batch > 0 {
			line += fmt.Sprintf(", batch %d", step.Batch)
		}
		if step.Because != "" {
			line += ", because " + quote(step.Because)
		}
		if step.Error != "" {
			line += ", error " + quote(step.Error)
		}
		if step.Outputs != (mgmt.NodeOutputs{}) {
			line += ", printed " + quote(step.Outputs.Stdout+step.Outputs.Stderr)
		}
		lines = append(lines, line)
	}
	return lines
}
