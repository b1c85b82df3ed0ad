package coretest

// "adopt": an agent that started with "restart waiting" learns what the life
// before left running.
func (s *agentStage) adopt(*Args) error {
	s.Adopt()
	return nil
}
