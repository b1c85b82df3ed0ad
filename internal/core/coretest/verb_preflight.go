package coretest

import (
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "preflight [after=TIME] [blind] [unfinished=NODE,...] [doubt=TEXT] [; FINDING]...": how
// preflights end from now on; one that is blind never does. FINDING is "[NODE]
// \"PROBLEM\" [stdout=TEXT] [stderr=TEXT]".
func (s *agentStage) preflight(args *Args) error {
	s.Sight = Sight{After: args.Duration("after"), Blind: args.Flag("blind")}
	if names, given := args.Value("unfinished"); given {
		for name := range strings.SplitSeq(names, ",") {
			s.Sight.Unfinished = append(s.Sight.Unfinished, mgmt.NodeName(name))
		}
	}
	if text, given := args.Value("doubt"); given {
		s.Sight.Doubts = []string{text}
	}
	for _, part := range args.parts() {
		var f mgmt.Finding
		f.Outputs.Stdout, _ = part.Value("stdout")
		f.Outputs.Stderr, _ = part.Value("stderr")
		if part.Left() == 0 {
			continue
		}
		if !part.words[0].quoted {
			f.Node = mgmt.NodeName(part.Next())
		}
		f.Problem = part.Next()
		if err := part.Done(); err != nil {
			return err
		}
		s.Sight.Findings = append(s.Sight.Findings, f)
	}
	return nil
}
