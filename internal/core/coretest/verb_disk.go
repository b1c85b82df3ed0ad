package coretest

import "fmt"

// "disk full|works|taken|once": the state of the disk from now on. "taken" means that
// another controller has saved. "once" means that there is room for one more save.
func (s *controllerStage) disk(args *Args) error {
	state := args.Next()
	if s.diskTaken = state == "taken"; s.diskTaken {
		return nil
	}
	if s.diskOnce = state == "once"; s.diskOnce {
		s.diskFull = false
		return nil
	}
	full, err := diskFull(state)
	s.diskFull = full
	return err
}

// "disk full|works": the state of the disk from now on. "disk holds NODE...": the
// saved state says that these nodes should run, when the agent starts again.
func (s *agentStage) disk(args *Args) error {
	if args.Flag("holds") {
		s.Saved.Desired, s.Saved.Told = hostConfiguration(args.Nodes()), true
		return nil
	}
	full, err := diskFull(args.Next())
	s.DiskErr = ""
	if full {
		s.DiskErr = "disk full"
	}
	return err
}

func diskFull(state string) (bool, error) {
	switch state {
	case "full", "works":
		return state == "full", nil
	}
	return false, fmt.Errorf("unknown state of the disk %q", state)
}
