package coretest

import (
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "restart": the controller ends and starts again, with what its last save left.
func (s *controllerStage) restart(*Args) error {
	s.begin()
	s.RunUntil(s.now)
	return nil
}

// "restart [without-state] [unseen=NODE,...] [waiting] [FIELD=VALUE]...": the
// agent is killed and starts again, with what its last save left, and adopts what
// runs. It finds its state missing, cannot look at the processes of some nodes,
// or waits for "adopt". Settings change.
func (s *agentStage) restart(args *Args) error {
	if args.Flag("without-state") {
		s.Saved = agent.State{}
	}
	if names, given := args.Value("unseen"); given {
		for name := range strings.SplitSeq(names, ",") {
			p := s.Procs[mgmt.NodeName(name)]
			if p == nil {
				return fmt.Errorf("%s does not live", name)
			}
			p.Unseen = true
		}
	}
	waiting := args.Flag("waiting")
	if err := setAll(&s.cfg, args); err != nil {
		return err
	}
	s.Load(s.cfg)
	if !waiting {
		s.Adopt()
	}
	return nil
}
