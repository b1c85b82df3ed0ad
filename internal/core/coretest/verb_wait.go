package coretest

// "wait" does nothing. What is planned until then happens.
func (s *controllerStage) wait(*Args) error { return nil }

// "wait" does nothing. What is planned until then happens.
func (s *agentStage) wait(*Args) error { return nil }
