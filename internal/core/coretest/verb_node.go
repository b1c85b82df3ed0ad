package coretest

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "node NODE [FATE]...": how the node's processes behave from now on. FATE is
// mute (no hello), hello=TIME (from the start), exit=TIME (from the start)
// reason=TEXT, stdout=TEXT, stderr=TEXT, stop=TIME (from the request to stop),
// burial=TIME (from its end until its logs and its crash record are safe),
// stuck=TEXT (it cannot be stopped), hung (nothing ends it), fails=TEXT (its start fails), deaf (no
// answers), refuses=TEXT (it does not take its options), limits=TEXT (it does not get its
// limits). Without any, the node starts, says hello at once, and ends as soon as
// it is asked to.
func (s *agentStage) node(args *Args) error {
	name := mgmt.NodeName(args.Next())
	f := Fate{
		Mute: args.Flag("mute"), Deaf: args.Flag("deaf"), Hung: args.Flag("hung"),
		Hello: args.Duration("hello"), Exit: args.Duration("exit"), Stop: args.Duration("stop"),
		Burial: args.Duration("burial"),
	}
	f.Reason, _ = args.Value("reason")
	f.StartErr, _ = args.Value("fails")
	f.Refuses, _ = args.Value("refuses")
	f.Limits, _ = args.Value("limits")
	f.Stuck, _ = args.Value("stuck")
	f.Outputs.Stdout, _ = args.Value("stdout")
	f.Outputs.Stderr, _ = args.Value("stderr")
	s.Fates[name] = f
	return nil
}
