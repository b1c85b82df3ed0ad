package coretest

import (
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "fetch [every=TIME] [parts=NUMBER] [after=TIME] [blind] [; \"PROBLEM\"]...": how bundles arrive from now
// on. With a problem they do not arrive.
func (s *agentStage) fetch(args *Args) error {
	way := Carriage{Every: args.Duration("every"), After: args.Duration("after"), Blind: args.Flag("blind")}
	if parts, given := args.Value("parts"); given {
		n, err := strconv.Atoi(parts)
		if err != nil {
			return err
		}
		way.Parts = n
	}
	for _, part := range args.parts() {
		if part.Left() > 0 {
			way.Findings = append(way.Findings, mgmt.Finding{Problem: part.Next()})
		}
		if err := part.Done(); err != nil {
			return err
		}
	}
	s.Carriage = way
	return nil
}

// "arrives ID BUNDLE DONE TOTAL": the shell says how far a Fetch is.
func (s *agentStage) arrives(args *Args) error {
	ev := agent.Fetching{ID: args.number(), Bundle: args.Next(), Done: int64(args.number()), Total: int64(args.number())}
	s.Step(ev)
	return nil
}

// "arrived ID": the shell says that a Fetch has ended well.
func (s *agentStage) arrived(args *Args) error {
	s.Step(agent.Fetched{ID: args.number()})
	return nil
}

// number takes the next word, which is a number.
func (a *Args) number() uint64 {
	n, err := strconv.ParseUint(a.Next(), 10, 63)
	a.fail(err)
	return n
}
