package coretest

import (
	"net/netip"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "peer PEER ADDRESS [dialed] [fleet] [plans] [checks] [steers] [tells] [certificate=NAME [INSTANCE]...] [agent=INSTANCE]
// [barred=REASON]": an agent connects, or is dialed. agent is for a certificate that names
// its instance.
func (s *controllerStage) peer(args *Args) error {
	ev := controller.PeerAdded{Peer: mgmt.PeerID(args.Next()), Dialed: args.Flag("dialed"), Fleet: args.Flag("fleet"), Plans: args.Flag("plans"), Checks: args.Flag("checks"), Steers: args.Flag("steers"), Tells: args.Flag("tells")}
	var err error
	if ev.Addr, err = netip.ParseAddrPort(args.Next()); err != nil {
		return err
	}
	ev.Barred, _ = args.Value("barred")
	if instance, given := args.Value("agent"); given {
		ev.Certificate, ev.Instances, ev.Fixed = "agent/"+instance, []mgmt.InstanceName{mgmt.InstanceName(instance)}, true
	}
	if name, given := args.Value("certificate"); given {
		ev.Certificate = name
		for _, instance := range args.Rest() {
			ev.Instances = append(ev.Instances, mgmt.InstanceName(instance))
		}
	}
	s.step(ev)
	return nil
}

// "peer PEER [fleet] [barred=REASON] [name=CONTROLLER] [term=TERM]": a controller, a node or a
// stranger connects.
func (s *agentStage) peer(args *Args) error {
	barred, _ := args.Value("barred")
	name, _ := args.Value("name")
	term, err := args.term()
	s.Step(agent.PeerAdded{Peer: mgmt.PeerID(args.Next()), Fleet: args.Flag("fleet"), Barred: barred, Name: name, Term: term})
	return err
}

// term takes term=TERM from any place of the line.
func (a *Args) term() (uint64, error) {
	text, given := a.Value("term")
	if !given {
		return 0, nil
	}
	return strconv.ParseUint(text, 10, 64)
}
