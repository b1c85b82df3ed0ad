package coretest

// "adopt": an agent that started with "restart waiting" learns which processes of
// its earlier life run.
func (s *agentStage) adopt(*Args) error {
	s.Adopt()
	return nil
}
