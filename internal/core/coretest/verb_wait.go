package coretest

// "wait": nothing happens but what has become due.
func (s *controllerStage) wait(*Args) error { return nil }

// "wait": nothing happens but what has become due.
func (s *agentStage) wait(*Args) error { return nil }
