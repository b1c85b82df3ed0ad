package coretest

import (
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "restart": the controller ends and starts again, from its disk.
func (s *controllerStage) restart(*Args) error {
	s.begin()
	s.RunUntil(s.now)
	return nil
}

// "restart [without-state] [unseen=NODE,...] [ended=NODE,...] [fingerprint=NODE:TEXT]
// [waiting] [FIELD=VALUE]...": the agent is killed, starts again from its disk, and
// adopts the processes that run. Its state may be missing. It may not see the
// processes of some nodes, others may have ended, and one may have been started with
// another fingerprint. With "waiting" it adopts nothing before the line "adopt".
// FIELD=VALUE changes a setting.
func (s *agentStage) restart(args *Args) error {
	if args.Flag("without-state") {
		s.Saved = agent.State{}
	}
	if err := s.meanwhile(args); err != nil {
		return err
	}
	waiting := args.Flag("waiting")
	if err := args.Settings(&s.cfg); err != nil {
		return err
	}
	s.Load(s.cfg)
	if !waiting {
		s.Adopt()
	}
	return nil
}

// meanwhile takes the words about processes.
func (s *agentStage) meanwhile(args *Args) error {
	for what, do := range map[string]func(mgmt.NodeName, *Process, string){
		"unseen":      func(_ mgmt.NodeName, p *Process, _ string) { p.Unseen = true },
		"ended":       func(name mgmt.NodeName, _ *Process, _ string) { delete(s.Procs, name) },
		"fingerprint": func(_ mgmt.NodeName, p *Process, text string) { p.Fingerprint = mgmt.Fingerprint(text) },
	} {
		words, given := args.Value(what)
		if !given {
			continue
		}
		for word := range strings.SplitSeq(words, ",") {
			name, text, _ := strings.Cut(word, ":")
			p := s.Procs[mgmt.NodeName(name)]
			if p == nil {
				return fmt.Errorf("%s does not live", name)
			}
			do(mgmt.NodeName(name), p, text)
		}
	}
	return nil
}
